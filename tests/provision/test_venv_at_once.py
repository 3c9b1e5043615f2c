"""Several processes ask for one environment, or are killed while they build it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from enginebench.provision import prepare, venv
from enginebench.records.files import to_json
from provision.wheels import write_wheel

pytestmark = pytest.mark.timeout(90)

ASK = """
import json, sys
from pathlib import Path
from enginebench.provision import prepare
from enginebench.records import VenvProvision
from enginebench.records.files import from_json

prepared = prepare(from_json(VenvProvision, sys.argv[1], "argument"), Path(sys.argv[2]), print)
print(json.dumps([str(prepared.python), *prepared.installed]))
"""


@pytest.fixture
def slow(index, monkeypatch, pinned):
    """A provision whose build stops half-way, until `index.let_go` is set."""
    write_wheel(index.folder, "slow")
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    index.held = "/files/slow-1.0-py3-none-any.whl"
    return pinned("slow==1.0")


def half_built(slow, cache, index, python_process):
    """A process that is in the middle of building it."""
    process = python_process(ASK, to_json(slow), cache)
    assert process.stdout.readline().startswith("building")
    assert index.reached.wait(30)
    assert (venv.location(slow, cache) / "bin" / "python").exists()
    assert not venv.built(slow, cache)
    return process


def waiting(slow, cache, python_process):
    """A process that waits for another one's build."""
    process = python_process(ASK, to_json(slow), cache)
    assert process.stdout.readline().startswith("waiting for another process")
    return process


def test_processes_that_ask_at_once_share_one_build(slow, cache, index, python_process):
    builder = half_built(slow, cache, index, python_process)
    others = [waiting(slow, cache, python_process) for _ in range(2)]
    index.let_go.set()
    answers = [json.loads(process.communicate()[0]) for process in (builder, *others)]
    assert answers == [[str(venv.location(slow, cache) / "bin" / "python"), "slow==1.0"]] * 3
    assert venv.location(slow, cache).with_suffix(".log").read_text().count("$ uv venv") == 1


def test_what_a_killed_build_left_is_made_anew(slow, cache, index, python_process):
    builder = half_built(slow, cache, index, python_process)
    os.killpg(builder.pid, signal.SIGKILL)
    builder.wait()
    (packages,) = venv.location(slow, cache).glob("lib/python*/site-packages")
    (packages / "slow.py").write_text("half of it\n")
    (packages / "stray.py").touch()
    assert not venv.built(slow, cache)
    index.let_go.set()
    said = []
    prepared = prepare(slow, cache, said.append)
    assert said[-1].startswith("building")  # perhaps after a wait for the end of what was killed
    assert prepared.installed == ("slow==1.0",)
    assert (packages / "slow.py").read_text() == "VERSION = '1.0'\n"
    assert not (packages / "stray.py").exists()


def test_nobody_builds_while_a_killed_builders_installer_still_writes(slow, cache, index, python_process):
    builder = half_built(slow, cache, index, python_process)
    builder.kill()
    builder.wait()
    other = waiting(slow, cache, python_process)
    index.let_go.set()
    building, answer = other.communicate()[0].splitlines()
    assert building.startswith("building")
    assert json.loads(answer)[1:] == ["slow==1.0"]


def test_builds_of_other_pins_do_not_wait(slow, shelf, cache, index, pinned, python_process):
    write_wheel(shelf, "one")
    half_built(slow, cache, index, python_process)
    assert prepare(pinned("one==1.0"), cache, print).installed == ("one==1.0",)


def test_a_build_that_failed_lets_the_next_one_try(slow, cache, index, python_process):
    (index.folder / Path(index.held).name).write_bytes(b"no wheel")
    builder = half_built(slow, cache, index, python_process)
    index.let_go.set()
    builder.communicate()
    assert builder.returncode != 0
    write_wheel(index.folder, "slow")
    assert prepare(slow, cache, print).installed == ("slow==1.0",)
