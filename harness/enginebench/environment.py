"""Where and with what a trial runs: machine, accelerators, the harness itself."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import psutil

import enginebench
from enginebench.accelerators import cpu
from enginebench.records import Accelerator, Environment, plain

_GIT_S = 10
"""Longest wait for git, s."""


def describe(accelerators: Sequence[Accelerator]) -> Environment:
    """This machine and this harness, with the accelerators that the trial uses."""
    head = commit(Path(enginebench.__file__).resolve().parent)
    absent = {} if head else {"harness_commit": "enginebench does not run from a checkout that git can tell of"}
    if not accelerators:
        absent |= dict.fromkeys(("accelerators", "driver"), "no accelerator was found")
    elif not any(accelerator.driver for accelerator in accelerators):
        absent["driver"] = "the part has none"
    return Environment(
        host=platform.node(),
        os=f"{platform.system()} {platform.release()}",
        cpu=cpu.model(),
        cores=cpu.cores(),
        memory_bytes=psutil.virtual_memory().total,
        accelerators=tuple(plain(accelerator) for accelerator in accelerators),
        python=platform.python_version(),
        harness_version=enginebench.__version__,
        harness_commit=head,
        absent=absent,
    )


def commit(package: Path) -> str | None:
    """Commit of the checkout whose `harness/enginebench` is `package`, with `+dirty` if anything in it is changed.

    Null where the package is installed elsewhere, even inside of some checkout, and where git cannot tell.
    """
    checkout = package.parent.parent
    try:
        project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return None
    if project.get("name") != "enginebench" or package != checkout / "harness" / "enginebench":
        return None
    # A package that lies in the tree of another repository has no commit of its own.
    top = _git(checkout, "rev-parse", "--show-toplevel")
    head = _git(checkout, "rev-parse", "HEAD")
    changes = _git(checkout, "status", "--porcelain")
    if top is None or head is None or changes is None or Path(top).resolve() != checkout:
        return None
    return f"{head}+dirty" if changes else head


def person() -> str:
    """Who is at work here, never empty: the name that git is told, else `user@host`."""
    if name := _git(Path.cwd(), "config", "user.name"):
        return name
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # A container's user need not have a name.
        user = str(os.getuid())
    return f"{user}@{platform.node() or 'localhost'}"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says of `folder`; null where it fails or is not installed. It takes no locks there."""
    # Variables such as GIT_DIR, set where a hook runs this, would point it at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=_GIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
