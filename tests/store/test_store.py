"""The store: what it takes in, what it refuses, and how it is read back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.records import Attempt, PointStop, RunKey, Stop, Turn, Until
from enginebench.records.files import from_json, to_json
from enginebench.store import FILTERS, Ingested, Store
from enginebench.store.columns import COLUMNS, OVERLAID
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial, finished

TPS = "output_tps_per_accelerator"


def contents(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file under `root` with its bytes and the time of its last change."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path / "finished", a_trial("t", [a_run(0), a_run(1)]))


# Taking in


def test_a_trial_is_taken_in_whole(tmp_path, folder):
    store = Store(tmp_path / "store")
    assert store.ingest(folder) == Ingested(trial="t", taken=True)
    home = store.local / "night=2026-11-24" / "trial=t"
    bytes_of = {name: content for name, (content, _) in contents(home).items()}
    assert bytes_of == {name: content for name, (content, _) in contents(folder).items()}
    assert list(home.parent.iterdir()) == [home], "nothing is left aside"
    assert list(store.results()) == [store.result("t")] == [a_trial("t", [a_run(0), a_run(1)])]


def test_the_same_again_changes_nothing(tmp_path, folder):
    store = Store(tmp_path / "store")
    store.ingest(folder)
    before = contents(store.local)
    assert store.ingest(folder) == Ingested(trial="t", taken=False)
    assert store.ingest(store.local / "night=2026-11-24" / "trial=t") == Ingested(trial="t", taken=False)
    assert contents(store.local) == before


def test_an_edited_copy_is_refused_and_what_is_stored_stays(tmp_path, folder):
    store = Store(tmp_path / "store")
    store.ingest(folder)
    before = contents(store.local)
    path = folder / "result.json"
    path.write_text(path.read_text().replace('"duration_ns": 3000000000', '"duration_ns": 2000000000'))
    with pytest.raises(UserError, match="trial t is stored with other content"):
        store.ingest(folder)
    assert contents(store.local) == before


def test_an_unfinished_folder_is_refused(tmp_path, folder):
    (folder / "result.json").unlink()
    store = Store(tmp_path / "store")
    with pytest.raises(UserError, match=r"finished: holds no result\.json: the trial is not finished"):
        store.ingest(folder)
    assert not store.local.exists()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", "enginebench.result/3", "is of version `enginebench.result/3`, and enginebench "),
        ("invented", 1, "invented: "),
        ("job_id", 5, "job_id: "),
    ],
)
def test_another_format_is_refused_with_file_and_key(tmp_path, folder, key, value, words):
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    store = Store(tmp_path / "store")
    with pytest.raises(UserError) as refusal:
        store.ingest(folder)
    assert str(refusal.value).startswith(f"{path}: {words}")
    assert not store.local.exists()


# Reading


def test_a_folder_that_is_not_there_is_an_empty_store(tmp_path):
    store = Store(tmp_path / "none")
    assert list(store.results()) == []
    assert list(store.runs()) == [*COLUMNS, *OVERLAID, *METRICS]
    assert store.runs(engine="vllm").empty
    assert store.failures().empty
    assert store.done("any", datetime.now(UTC)) == frozenset()
    assert store.collect() == ()
    assert not store.local.exists()


def test_results_come_by_night_then_by_start(tmp_path):
    store = a_store(tmp_path, a_trial("b"), a_trial("a"), a_trial("z", night="2026-11-23"))
    assert [result.trial for result in store.results()] == ["z", "a", "b"]
    assert [result.trial for result in store.results(night="2026-11-24")] == ["a", "b"]


def test_a_result_that_cannot_be_read_is_named(tmp_path):
    store = a_store(tmp_path, a_trial("t"))
    path = store.local / "night=2026-11-24" / "trial=t" / "result.json"
    path.write_text("{")
    with pytest.raises(UserError, match=str(path)):
        list(store.results())
    with pytest.raises(UserError, match="no trial `other`"):
        store.result("other")


def test_a_row_a_run(tmp_path):
    job = a_job(loads=(CLOSED, OPEN))
    store = a_store(tmp_path, a_trial("t", [a_run(0, **{TPS: 12.5}), a_run(1, point=1, marks=("stolen",))], job=job))
    closed, opened = store.runs().to_dict("records")
    assert (closed["run"], closed["trial"], closed["repeat"], closed["position"]) == ("t.0.0", "t", 0, 0)
    assert (closed["concurrency"], opened["rate_rps"]) == (8, 0.5)
    assert pd.isna(closed["rate_rps"])
    assert pd.isna(opened["concurrency"])
    assert (closed[TPS], closed["duration_ns"], closed["server_cores"]) == (12.5, 3_000_000_000, 1.5)
    assert pd.isna(opened[TPS])
    assert (closed["marks"], opened["marks"]) == ([], ["stolen"])
    assert closed["started_utc"] == pd.Timestamp("2026-11-24T02:00:00Z")
    assert closed["job_id"] == job.id


def in_turn(trial, arm, block):
    """The same in a comparison."""
    turn = Turn(name="c", arm=arm, block=block)
    return replace(trial, attempt=replace(trial.attempt, comparison=turn))


def test_filters(tmp_path):
    store = a_store(
        tmp_path,
        in_turn(a_trial("a", [a_run(0), a_run(1)]), "A", 0),
        a_trial("b", [a_run(0)], job=a_job(version="2.0"), night="2026-11-25"),
    )
    assert list(store.runs(engine_version="2.0")["trial"]) == ["b"]
    assert list(store.runs(night="2026-11-24", trial="a").index) == [0, 1]
    assert store.runs(night="2026-11-24", trial="b").empty
    for name in FILTERS:
        value = store.runs()[name].iloc[0]
        assert set(store.runs(**{name: value})[name]) == {value}


def test_what_was_measured_in_a_turn_of_a_comparison_is_known_until_it_is_invalidated(tmp_path):
    job, again = a_job(), a_trial("again", [a_run(1)])
    again = replace(in_turn(again, "A", 0), attempt=replace(again.attempt, reproduces="a"))
    store = a_store(
        tmp_path,
        in_turn(a_trial("a", [a_run(0)]), "A", 0),
        in_turn(a_trial("b", [a_run(0), a_run(1)]), "B", 0),
        in_turn(a_trial("c", [a_run(2)]), "B", 0),
        in_turn(a_trial("d", [a_run(0)]), "A", 1),
        in_turn(a_trial("failed", failure="the server ended"), "B", 1),
        a_trial("ordinary", [a_run(3)]),
        again,
    )

    def turns():
        return {(arm, block): {key.repeat for key in keys} for (arm, block, _), keys in store.turns("c").items()}

    assert turns() == {("A", 0): {0}, ("B", 0): {0, 1, 2}, ("A", 1): {0}}
    assert {key for _, _, key in store.turns("c")} == {job.id}
    assert store.turns("another") == {}
    frame = store.runs(columns=["trial", "comparison", "arm", "block"])
    assert frame[frame["trial"] == "d"].iloc[0].tolist() == ["d", "c", "A", 1]
    assert frame[frame["trial"] == "ordinary"].iloc[0].isna().tolist() == [False, True, True, True]
    store.invalidate("b", reason="for a test", author="Ada")
    assert turns()["B", 0] == {2}


def test_an_attempt_in_no_comparison_is_written_as_before_there_were_any():
    attempt = a_trial("a").attempt
    assert "comparison" not in to_json(attempt)
    own = in_turn(a_trial("a"), "A", 3).attempt
    assert from_json(Attempt, to_json(own), "here") == own
    assert own.job.id == attempt.job.id


def test_an_unknown_filter_is_refused_and_the_known_ones_are_told(tmp_path):
    with pytest.raises(UserError, match=r"filter `colour`: no such filter; known: night, grid, engine, .*job_id"):
        Store(tmp_path).runs(colour="red")


def test_failures_have_a_row_and_their_runs_are_there(tmp_path):
    store = a_store(tmp_path, a_trial("good", [a_run(0)]), a_trial("bad", [a_run(0)], failure="the server ended"))
    (row,) = store.failures().to_dict("records")
    assert (row["trial"], row["stage"], row["failure_class"], row["message"]) == (
        "bad",
        "measure",
        "crashed",
        "the server ended",
    )
    assert list(store.runs(status="failed")["trial"]) == ["bad"]


def test_done_are_the_runs_of_the_job_since_then(tmp_path):
    job = a_job()
    store = a_store(
        tmp_path,
        a_trial("old", [a_run(0, day=20), a_run(1, day=20)], job=job, night="2026-11-20"),
        a_trial("new", [a_run(1, day=24)], job=job, failure="crashed after one run"),
        a_trial("other", [a_run(5, day=24)], job=a_job(start=1)),
    )
    moment = datetime(2026, 11, 24, 2, 0, 1, tzinfo=UTC)
    one = RunKey(point=0, repeat=1)
    assert store.done(job.id, moment) == {one}, "the moment itself counts, and so does a run of a failed trial"
    assert store.done(job.id, moment + timedelta(microseconds=1)) == frozenset()
    assert store.done(job.id, datetime(2026, 11, 1, tzinfo=UTC)) == {one, RunKey(point=0, repeat=0)}


def test_what_is_stored_is_read_by_plain_pandas(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0, **{TPS: 12.5}), a_run(1)]))
    (home,) = store.local.glob("night=*/trial=*")
    requests = pd.read_parquet(home / "requests.parquet")
    assert list(requests["run"]) == ["t.0.0", "t.0.0", "t.0.1", "t.0.1"]
    assert requests["cached_tokens"].isna().all()
    pd.testing.assert_frame_equal(requests, store.requests("t"))
    assert list(pd.read_parquet(home / "telemetry.parquet")["cpu_busy_cores"].isna()) == [False, True]
    assert len(store.telemetry("t")) == 2
    runs = pd.json_normalize(json.loads((home / "result.json").read_text()), "runs", ["trial"])
    assert list(runs[f"metrics.{TPS}"].dropna()) == [12.5]


def test_a_store_may_be_moved_and_joined_with_another(tmp_path):
    one, other = a_store(tmp_path / "1", a_trial("a", [a_run()])), a_store(tmp_path / "2", a_trial("b", [a_run()]))
    for path in other.local.glob("night=*/trial=*"):
        one.ingest(path)
    one.local.rename(tmp_path / "moved")
    shutil.rmtree(other.local)
    assert list(Store(tmp_path / "moved").runs()["trial"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("until", "why", "rest"),
    [
        (Until(within=0.02), "known", True),
        (Until(within=0.01), "known", False),
        (Until(within=0.01), "budget", True),
        (Until(within=0.02, figure="requests_rps"), "known", False),
        (None, "known", False),
    ],
    ids=["as asked", "asked closer", "given up", "another figure", "no rule"],
)
def test_runs_that_were_not_needed_are_done_too(tmp_path, until, why, rest):
    job = a_job(loads=(CLOSED, OPEN))
    stop = Stop(why=why, figure="output_tps_per_accelerator", within=0.02, half_width=0.01, repeats=2, spent_s=1.0)
    trial = a_trial("one", [a_run(0), a_run(1), a_run(0, point=1)], job=job)
    store = a_store(tmp_path, replace(trial, stops=(PointStop(point=0, stop=stop),)))
    measured = {RunKey(point=0, repeat=0), RunKey(point=0, repeat=1), RunKey(point=1, repeat=0)}
    unneeded = {RunKey(point=0, repeat=repeat) for repeat in range(9)} if rest else set()
    assert store.done(job.id, datetime(2026, 11, 1, tzinfo=UTC), until) == measured | unneeded
    assert store.done(job.id, datetime(2026, 11, 25, tzinfo=UTC), until) == frozenset()


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "a b", ""])
def test_a_night_or_trial_that_names_no_folder_of_the_store_is_refused(tmp_path, name):
    made = a_trial("t", [a_run(0)])
    folder = finished(tmp_path / "finished", replace(made, trial=name))
    with pytest.raises(UserError, match="cannot name a folder"):
        Store(tmp_path / "store").ingest(folder)
    assert not (tmp_path / "store").exists()
