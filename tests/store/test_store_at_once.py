"""Writers that die and writers at the same time: real processes, killed and started at known moments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from enginebench.store import Store, store
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


@pytest.mark.parametrize(("event", "count"), [("shutil.copyfile", 1), ("shutil.copyfile", 5), ("os.rename", 1)])
def test_a_writer_that_is_killed_leaves_nothing_to_see_and_the_next_one_takes_all_in(killed, folder, event, count):
    store = killed(event, count)
    assert list(store.results()) == []
    assert store.runs().empty
    assert len(list(store.root.glob("night=*/*"))) == 1, "what it had copied lies aside"
    assert store.ingest(folder).taken
    assert len(store.runs()) == 2
    assert sorted(path.name for path in store.folder("t").iterdir()) == sorted(path.name for path in folder.iterdir())


def test_what_lies_aside_is_removed_when_it_is_old_and_nothing_else(killed, folder, monkeypatch):
    died = killed("os.rename", 1)
    (aside,) = died.root.glob("night=*/*")
    died.ingest(folder)
    assert died.collect_leftovers() == (), "its writer may be about to rename it, however old what it copies"
    day_s = 86400
    now = time.time()
    monkeypatch.setattr(store.time, "time", lambda: now + day_s - 60)
    assert died.collect_leftovers() == ()
    monkeypatch.setattr(store.time, "time", lambda: now + day_s + 60)
    assert died.collect_leftovers() == (aside,)
    assert not aside.exists()
    assert [result.trial for result in died.results()] == ["t"]


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
    assert not list(Path(root).glob("night=*/.tmp-*"))
