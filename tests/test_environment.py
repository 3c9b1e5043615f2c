"""Where a trial ran: this machine, and checkouts made for the purpose with a real git."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

import enginebench
from enginebench import environment
from enginebench.records import Accelerator, Environment
from enginebench.records.files import from_json, to_json

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder, *arguments):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "-c", "core.hooksPath="]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", *who, "-C", str(folder), *arguments]
    return subprocess.run(argv, env=clean, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one commit that looks like this project's."""
    package = tmp_path / "checkout" / "harness" / "enginebench"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    root = tmp_path / "checkout"
    (root / "pyproject.toml").write_text('[project]\nname = "enginebench"\n')
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "one")
    return root


def test_this_machine_is_described():
    device = Accelerator(vendor="nvidia", index=3, product="NVIDIA H200", memory_bytes=150_754_820_096, driver="580")
    found = environment.describe([device])
    assert found.host == platform.node()
    assert found.os == f"{os.uname().sysname} {os.uname().release}"
    assert found.cpu
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.memory_bytes == psutil.virtual_memory().total
    assert found.accelerators[0]["product"] == "NVIDIA H200"
    assert found.accelerators[0]["index"] == 3
    assert found.python == platform.python_version()
    assert found.harness_version == enginebench.__version__


def test_the_description_survives_a_file():
    found = environment.describe([Accelerator(vendor="cpu", index=0, product="a CPU", memory_bytes=1, cores=2)])
    assert from_json(Environment, to_json(found), "result.json") == found


@needs_git
def test_a_checkout_tells_its_commit_and_whether_it_was_changed(checkout):
    package = checkout / "harness" / "enginebench"
    head = git(checkout, "rev-parse", "HEAD")
    assert environment.commit(package) == head
    (package / "__init__.py").write_text("changed = True\n")
    assert environment.commit(package) == f"{head}+dirty"
    git(checkout, "checkout", "--quiet", ".")
    (checkout / "new").touch()
    assert environment.commit(package) == f"{head}+dirty"


@needs_git
def test_variables_of_a_hook_do_not_point_at_another_repository(checkout, tmp_path, monkeypatch):
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert environment.commit(checkout / "harness" / "enginebench") == git(checkout, "rev-parse", "HEAD")


@needs_git
@pytest.mark.parametrize("folder", ["lib", ".venv/lib/site-packages"])
def test_a_package_that_is_installed_inside_of_a_checkout_has_no_commit(checkout, folder):
    installed = checkout / folder / "enginebench"
    installed.mkdir(parents=True)
    assert environment.commit(installed) is None


@needs_git
def test_the_checkout_of_another_project_has_no_commit(checkout):
    (checkout / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert environment.commit(checkout / "harness" / "enginebench") is None


@needs_git
def test_a_copy_inside_of_another_repository_has_no_commit(checkout, tmp_path):
    git(tmp_path, "init", "--quiet", "lab")
    copy = tmp_path / "lab" / "copy"
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git"))
    git(tmp_path / "lab", "add", ".")
    git(tmp_path / "lab", "commit", "--quiet", "--message", "one")
    assert environment.commit(copy / "harness" / "enginebench") is None


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    package = tmp_path / "harness" / "enginebench"
    package.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "enginebench"\n')
    assert environment.commit(package) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.commit(package) is None
    assert environment.commit(Path("/nowhere/harness/enginebench")) is None
