"""Writers that die and writers at the same time: real processes, killed and started at known moments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from enginebench.store import Store, collect
from stored import a_run, a_trial, finished

STOPPING = """
import sys, time
from pathlib import Path
from enginebench.store import Store

root, folder, event, count, flag = sys.argv[1:]
seen = 0

def stop(name, arguments):
    # Stands still just before the given file operation.
    global seen
    if name == event:
        seen += 1
        if seen == int(count):
            Path(flag).touch()
            time.sleep(600)

sys.addaudithook(stop)
Store(Path(root)).ingest(Path(folder))
"""
TOGETHER = """
import json, sys, time
from pathlib import Path
from enginebench.store import Store

root, ready, go, *folders = map(Path, sys.argv[1:])
ready.touch()
while not go.exists():
    time.sleep(0.001)
print(json.dumps([Store(root).ingest(folder).taken for folder in folders]))
"""


def wait(condition, *, deadline_s=60.0):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "nothing came of it in time"
        time.sleep(0.01)


@pytest.fixture
def folder(tmp_path):
    """A finished folder of long ago."""
    made = finished(tmp_path / "finished", a_trial("t", [a_run(0), a_run(1)]))
    os.utime(made, (1_700_000_000, 1_700_000_000))
    return made


@pytest.fixture
def killed(tmp_path, folder):
    """A store whose writer was killed just before the `count`th file operation `event`."""

    def kill(event, count):
        root, flag = tmp_path / "store", tmp_path / "here"
        argv = [sys.executable, "-c", STOPPING, str(root), str(folder), event, str(count), str(flag)]
        with subprocess.Popen(argv) as writer:
            try:
                wait(lambda: flag.exists() or writer.poll() is not None)
                assert writer.poll() is None, "it never came to that"
            finally:
                writer.kill()
        return Store(root)

    return kill


@pytest.mark.parametrize(("event", "count"), [("os.rename", 1), ("os.rename", 4), ("os.link", 1)])
def test_a_writer_that_is_killed_leaves_nothing_to_see_and_the_next_one_takes_all_in(killed, folder, event, count):
    store = killed(event, count)
    assert list(store.results()) == []
    assert store.runs().empty
    assert len(list(store.local.glob("night=*/*/*"))) == (count if event == "os.rename" else 5), "it had begun"
    assert store.ingest(folder).taken
    assert len(store.runs()) == 2
    home = store.local / "night=2026-11-24" / "trial=t"
    whole = [path for path in home.iterdir() if not path.name.startswith(".tmp-")]
    assert sorted(path.name for path in whole) == sorted(path.name for path in folder.iterdir())


@pytest.fixture
def later(monkeypatch):
    """Sets the collector's clock forward by so many seconds."""
    now = time.time()
    return lambda seconds: monkeypatch.setattr(collect.time, "time", lambda: now + seconds)


DAY_S = 86400


def test_what_a_dead_writer_left_is_removed_when_it_is_old_and_nothing_else(killed, later, tmp_path):
    died = killed("os.link", 1)
    died.ingest(finished(tmp_path / "other", a_trial("whole", [a_run(0)])))
    assert died.collect() == ()
    later(DAY_S - 60)
    assert died.collect() == (), "its writer may still be at work"
    later(DAY_S + 60)
    assert died.collect() == ("night=2026-11-24/trial=t",)
    assert [path.name for path in died.local.glob("night=*/*")] == ["trial=whole"]
    assert [result.trial for result in died.results()] == ["whole"]


def test_a_leftover_to_which_a_writer_comes_while_files_are_listed_stays(killed, later, monkeypatch):
    died = killed("os.link", 1)
    find, seen = died.place.find, []

    def listed(folder):
        found = list(find(folder))
        if not seen and found:
            # Just after the first look the next writer writes the first of its files.
            seen.extend(found)
            young = time.time() + DAY_S
            os.utime(died.local / found[0].name, (young, young))
        return iter(found)

    monkeypatch.setattr(died.place, "find", listed)
    later(DAY_S + 60)
    assert died.collect() == ()
    assert seen
    assert all((died.local / one.name).exists() for one in seen)


def test_what_lies_aside_in_a_whole_folder_is_removed_alone(killed, folder, later):
    died = killed("os.rename", 2)
    assert died.ingest(folder).taken
    (aside,) = died.local.glob("night=*/*/.tmp-*")
    later(DAY_S + 60)
    assert died.collect() == (str(aside.relative_to(died.local)),)
    assert len(died.requests("t")) == 4


def test_eight_writers_at_once_lose_nothing_and_take_a_shared_trial_once(tmp_path):
    root, go = tmp_path / "store", tmp_path / "go"
    shared = finished(tmp_path / "shared", a_trial("shared", [a_run(0)]))
    writers = []
    for writer in range(8):
        own = [f"w{writer}-{index}" for index in range(4)]
        folders = [shared, *(finished(tmp_path / name, a_trial(name, [a_run(0), a_run(1)])) for name in own)]
        argv = [sys.executable, "-c", TOGETHER, str(root), str(tmp_path / f"ready-{writer}"), str(go)]
        writers.append(subprocess.Popen([*argv, *map(str, folders)], stdout=subprocess.PIPE, text=True))
    try:
        wait(lambda: len(list(tmp_path.glob("ready-*"))) == 8)
        go.touch()
        taken = [json.loads(writer.communicate(timeout=60)[0]) for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert all(all(own) for _, *own in taken)
    assert sum(first for first, *_ in taken) == 1
    found = Store(root)
    assert len(list(found.results())) == 8 * 4 + 1
    assert len(found.runs()) == 8 * 4 * 2 + 1
    assert all(len(found.requests(name)) == 4 for name in ("w0-0", "w7-3"))
    assert not list(Path(root).glob("night=*/*/.tmp-*"))
