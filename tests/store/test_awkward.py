"""What goes wrong where a store is used: odd places and names, broken parts, disks, clocks, and what others wrote."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import s3_server
from enginebench import attempts
from enginebench.errors import UserError, mistake
from enginebench.progress import Progress
from enginebench.records import Retention
from enginebench.report import console
from enginebench.store import Store, Unusable, manifests, place, prune, take_in
from enginebench.tables import write_telemetry
from stored import a_run, a_store, a_trial, finished

DAY_S = 86400
HOME = Path("night=2026-11-24", "trial=t")


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path / "finished" / "t", a_trial("t", [a_run(0), a_run(1)]))


def command(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "enginebench", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=cwd)


def one_sentence(done: subprocess.CompletedProcess[str], *said: str, code: int = 2) -> None:
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert all(one in done.stderr for one in said), done.stderr


# Places


@pytest.mark.parametrize(
    "name",
    [".", "./r", "../r", "a//b/", "~", "~/r", "file:r", "a b", "Ä", "a#b", "a%20b", "a*b", "a[1]", "a?b", "x:y", "-r"],
)
def test_a_folder_of_any_name_is_written_and_listed_as_one(tmp_path, monkeypatch, folder, name):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    store = Store(name)
    assert store.ingest(folder).taken
    monkeypatch.chdir(tmp_path if name[0] != "." else work)
    assert len(store.runs()) == 2
    monkeypatch.chdir(work)
    assert store.compact().trials == 1
    assert len(store.collect(older_than_s=-60)) == 1
    assert len(Store(name).runs()) == 2
    assert len(Store(name).requests("t")) == 4


def test_a_place_of_no_name_is_refused(tmp_path):
    one_sentence(command("results", "list", "--store", ""), "its place is empty; name a folder")


def test_a_folder_that_cannot_be_used_is_told(tmp_path, monkeypatch, folder):
    (tmp_path / "file").write_text("")
    for words in (("ingest", str(folder)), ("invalidate", "t", "--reason", "x", "--author", "y")):
        done = command("results", *words, "--store", str(tmp_path / "file" / "store"))
        assert done.returncode in (1, 2), "the second is told that there is no such trial"
        assert done.stderr.count("\n") == 1, done.stderr

    def link(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(place.os, "link", link)
    with pytest.raises(Unusable, match=r"the folder cannot be used: Operation not supported; check its rights"):
        Store(tmp_path / "store").ingest(folder)
    assert not list(tmp_path.glob("store/**/.tmp-*")), "nothing is left aside"


def test_a_full_disk_is_told_and_holds_no_half_files(tmp_path, folder):
    (folder / "server.log").write_bytes(b"x" * 100_000)
    store = Store(tmp_path / "store")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(Unusable, match="the folder cannot be used: File too large"):
            store.ingest(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(store.local.glob("**/.tmp-*"))
    assert store.ingest(folder).taken


def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path, monkeypatch, folder):
    store = Store(tmp_path / "store")
    store.ingest(folder)
    listed = os.scandir

    def closed(path):
        if Path(path).name == HOME.name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(Unusable, match=r"Permission denied: .*trial=t; check its rights"):
        store.runs()


def test_a_night_that_lies_on_another_disk_behind_a_link_is_read(tmp_path, folder):
    store = Store(tmp_path / "store")
    store.ingest(folder)
    (store.local / HOME.parts[0]).rename(tmp_path / "big")
    (store.local / HOME.parts[0]).symlink_to(tmp_path / "big")
    assert len(store.runs()) == 2


def test_a_bucket_that_is_not_there_is_told_to_writers(tmp_path, monkeypatch, folder):
    with s3_server.serving() as environment:
        options = {"endpoint_url": environment["AWS_ENDPOINT_URL"], "key": "test", "secret": "test"}
        monkeypatch.setitem(fsspec.config.conf, "s3", options)
        with pytest.raises(Unusable, match="s3://nobucket/x: there is no such bucket"):
            Store("s3://nobucket/x").ingest(folder)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = command("results", "ingest", "s3://nobucket/x", "--store", str(tmp_path / "store"))
        one_sentence(done, "s3://nobucket/x: holds no trials; name a store")


# What is taken in


def test_files_that_others_could_not_take_in_are_refused_and_hidden_ones_left(tmp_path, folder):
    (folder / ".nfs0001").write_text("")
    store = Store(tmp_path / "store")
    assert store.ingest(folder).taken
    assert not (store.local / HOME / ".nfs0001").exists()
    assert take_in(Store(tmp_path / "other"), store).taken == ("t",)
    (folder / "my notes.txt").write_text("")
    with pytest.raises(UserError, match=r"`my notes\.txt` cannot name a file of a trial"):
        Store(tmp_path / "third").ingest(folder)
    assert not (tmp_path / "third").exists()


def test_a_table_that_could_not_be_compacted_is_refused_at_the_door(tmp_path, folder):
    path = folder / "requests.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("mood", pa.array(["good"] * len(table))), path)
    with pytest.raises(UserError, match="has the column `mood`"):
        Store(tmp_path / "store").ingest(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"point": 7}, "is of point 7, and the job has 1 points"),
        ({"started_utc": "2026-11-24T02:00:00"}, "`2026-11-24T02:00:00` is no ISO 8601 time with its offset"),
        ({"started_utc": "yesterday"}, "`yesterday` is no ISO 8601 time"),
    ],
)
def test_a_result_that_no_reader_could_read_is_refused_at_the_door(tmp_path, changes, words):
    made = a_trial("t", [a_run(0)])
    wrong = replace(made, runs=tuple(replace(run, **changes) for run in made.runs))
    with pytest.raises(UserError, match=words):
        Store(tmp_path / "store").ingest(finished(tmp_path / "t", wrong))


def test_a_collector_with_a_fast_clock_tears_no_trial(tmp_path, monkeypatch, folder):
    store = Store(tmp_path / "store")
    create = store.place.create

    def created(name, content):
        Store(store.url).collect(older_than_s=-3 * DAY_S)
        return create(name, content)

    monkeypatch.setattr(store.place, "create", created)
    assert store.ingest(folder).taken
    names = {path.name for path in folder.iterdir()}
    assert {path.name for path in (store.local / HOME).iterdir()} == names


# Compaction and collection


def test_what_an_engine_told_as_nan_is_compacted(tmp_path, folder):
    write_telemetry([{"t_ns": 1, "power_w": float("nan")}, {"t_ns": 2}], folder / "telemetry.parquet")
    store = Store(tmp_path / "store")
    store.ingest(folder)
    before = store.telemetry("t")
    assert store.compact().trials == 1
    pd.testing.assert_frame_equal(store.telemetry("t"), before)


def test_two_collectors_with_different_clocks_do_not_meet(tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    for number in range(3):
        store.ingest(finished(tmp_path / f"t{number}", a_trial(f"t{number}", [a_run(0)])))
        store.compact()
    read, calls = manifests.read, itertools.count()

    def racing(where, sequence):
        if next(calls) == 0:
            Store(store.url).collect(older_than_s=-DAY_S)
        return read(where, sequence)

    monkeypatch.setattr(manifests, "read", racing)
    store.collect()
    assert manifests.sequences(store.place) == [3]
    assert len(store.runs()) == 3


def test_a_policy_of_any_number_of_days_is_kept_to(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0)], night="2020-01-01"), a_trial("u", [a_run(0)], night="by-hand"))
    assert prune.prune(store, Retention(requests_days=10**12), today=date(2026, 11, 24)) == ()
    (found,) = prune.prune(store, Retention(requests_days=1), today=date(2026, 11, 24))
    assert found.nights == ("2020-01-01",)


def test_a_dry_run_tells_what_it_has_not_counted(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0)], night="2020-01-01"))
    done = command("results", "prune", "--dry-run", "--store", store.url)
    assert "not counted: 1 trials that are not compacted yet" in done.stdout


def test_a_night_whose_store_cannot_be_compacted_ends_all_the_same(tmp_path, monkeypatch, capsys):
    store = Store(tmp_path / "store")
    monkeypatch.setattr(Store, "compact", lambda _: (_ for _ in ()).throw(mistake("there", "no", "wait")))
    attempts.finish(tmp_path / "work", store, Progress(console()).say)
    assert "All is stored, but was not compacted: there: no; wait." in capsys.readouterr().out.replace("\n", " ")


def test_a_store_that_cannot_take_a_leftover_does_not_set_it_aside(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(place.os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(Unusable, match="No space left"):
        attempts.take_in_leftovers(folder.parent, Store(tmp_path / "store"), print)
    assert (folder / "result.json").exists()


# Broken stores


def test_a_part_that_is_gone_is_told_and_stops_no_import(tmp_path):
    store = a_store(tmp_path, a_trial("a", [a_run(0)]), a_trial("b", [a_run(0)], night="2026-11-25"))
    store.compact()
    (part,) = (store.local / "parts" / "files").glob("2026-11-24.*")
    part.unlink()
    done = take_in(Store(tmp_path / "other"), Store(store.url))
    assert done.taken == ("b",)
    (line,) = done.refused
    assert line.startswith("trial a of night 2026-11-24: ")
    assert "it cannot be read: " in line
    (runs,) = (store.local / "parts" / "runs").glob("2026-11-24.*")
    runs.write_bytes(runs.read_bytes()[:100])
    one_sentence(command("results", "list", "--store", store.url), "a file cannot be read or written: ", code=1)
    runs.unlink()
    one_sentence(
        command("results", "list", "--store", store.url), "a file cannot be read or written: ", runs.name, code=1
    )


def test_a_filter_that_is_given_twice_is_refused(tmp_path):
    done = command("results", "list", "--store", str(tmp_path), "--where", "engine=a", "--where", "engine=b")
    one_sentence(done, "--where engine=b: `engine` is asked for twice; name each key once")


def test_what_an_importer_took_is_read_again(tmp_path):
    sample = json.loads(Path("tests/importers/samples/vllm_bench.json").read_text())
    sample["model_id"] = "\ud800"
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(sample))
    done = command("results", "import", str(path), "--as", "vllm_bench", "--store", str(tmp_path / "store"))
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr
    list(Store(tmp_path / "store").foreign())


def test_a_trial_that_was_copied_to_another_night_is_counted_once(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0)], night="2026-11-01"))
    shutil.copytree(store.local / "night=2026-11-01", store.local / "night=2026-11-02")
    for _ in range(3):
        assert list(store.runs()["night"]) == ["2026-11-01"]
        assert len(list(store.results())) == 1
        store.compact()


def test_a_trial_that_comes_after_its_night_was_pruned_keeps_its_tables(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0)], night="2020-01-01"))
    prune.prune(store, Retention(requests_days=1), today=date(2026, 11, 24))
    store.ingest(finished(tmp_path / "u", a_trial("u", [a_run(0)], night="2020-01-01")))
    store.compact()
    assert "requests" not in store.view().tables("2020-01-01", "t")
    store.fetch("u", tmp_path / "again")
    assert len(pq.read_table(tmp_path / "again" / "requests.parquet")) == 2


def test_a_table_that_broke_in_its_folder_is_named(tmp_path, folder):
    store = Store(tmp_path / "store")
    store.ingest(folder)
    path = store.local / HOME / "requests.parquet"
    broken = bytearray(path.read_bytes())
    broken[60:400] = bytes(340)
    path.write_bytes(broken)
    with pytest.raises(UserError, match=r"trial=t/requests\.parquet: cannot be read: .*; bring back what was measured"):
        store.compact()
