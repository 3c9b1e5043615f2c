"""A command that is installed already, or is not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from enginebench.errors import TrialError
from enginebench.provision import prepare
from enginebench.records import ExecutableProvision


@pytest.fixture
def command(tmp_path):
    """A command `my-engine` in a folder that is not on the PATH."""
    path = tmp_path / "bin" / "my-engine"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def prepared(executable, cache):
    return prepare(ExecutableProvision(kind="executable", executable=str(executable)), cache, print)


def test_a_command_is_found_on_the_path(command, cache, monkeypatch):
    monkeypatch.setenv("PATH", str(command.parent))
    found = prepared("my-engine", cache)
    assert found.executable == command
    assert (found.python, found.url, found.lock_hash, found.installed) == (None, None, None, ())
    assert found.notes == (f"{command} was installed already: its versions are not recorded",)
    assert found.digest == f"sha256:{hashlib.sha256(command.read_bytes()).hexdigest()}"
    assert found.absent == {"lock_hash": found.notes[0]}
    assert not cache.exists()


def test_a_command_that_may_not_be_read_has_no_digest_and_says_so(command, cache, monkeypatch):
    def refuse(self, mode):
        raise PermissionError(13, "Permission denied")

    # Root, which tests may run as, reads every file.
    monkeypatch.setattr(Path, "open", refuse)
    found = prepared(command, cache)
    assert (found.digest, found.absent["digest"]) == (None, f"{command} may not be read")


def test_a_command_may_be_named_by_its_path(command, cache):
    assert prepared(command, cache).executable == command


def test_a_missing_command_is_named_with_the_remedy(command, cache):
    for executable in ("my-engine", command.with_name("other")):
        with pytest.raises(TrialError, match=f"no command `{executable}`: install the engine") as caught:
            prepared(executable, cache)
        assert caught.value.failure_class == "provision"


def test_a_file_that_may_not_be_run_is_no_command(command, cache):
    command.chmod(0o644)
    with pytest.raises(TrialError, match="no command"):
        prepared(command, cache)
