"""A stored trial measured again: the same job, linked, compared, and of no weight in what nights measure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

import builders
from enginebench import attempts, environment, reproduce
from enginebench.analysis.points import eligible, summarise_points
from enginebench.errors import UserError
from enginebench.records import EndpointProvision, LocalSource, Turn
from enginebench.store import Store
from scripted_night import RUNS, ScriptedNight, until
from stored import a_job, a_run, a_store, a_trial

# They work on one night, one after the other.
pytestmark = pytest.mark.xdist_group("reproduce")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A night that was measured once; tests work on it one after the other."""
    made = ScriptedNight(tmp_path_factory.mktemp("night"))
    assert made.night()[0] == 0
    return made


def command(made, *words):
    process = made.start("reproduce", *words, "--store", str(made.store), "--cache", str(made.folder / "cache"))
    output, errors = process.communicate(timeout=120)
    until(lambda: not made.left_running(), "the end of all processes", 20)
    return process.returncode, output, errors


def first(made):
    return next(one for one in Store(made.store).results() if one.attempt.reproduces is None)


def newest(made, what):
    (found,) = [one for one in Store(made.store).results() if one.attempt.reproduces == what]
    return found


def test_a_dry_run_tells_what_would_be_run_and_starts_nothing(measured):
    starts, original = len(measured.engine_pids()), first(measured)
    code, output, errors = command(measured, original.trial, "--dry-run")
    assert (code, errors) == (0, "")
    assert f"job {original.job_id}: tiny, bf16, tp1 on 1 × " in output
    assert f"{RUNS} runs of short c1, short c2, seed 0" in output
    assert f"by executable: {measured.folder / 'engine'}" in output
    assert "server command, as it was: " in output
    assert "SCRIPTED_ENGINE='{" in output
    assert f"{measured.folder / 'engine'} serve " in output
    assert len(measured.engine_pids()) == starts
    assert len(list(Store(measured.store).results())) == 1


def test_a_trial_is_measured_again_linked_compared_and_no_night_counts_it(measured):
    original = first(measured)
    code, output, errors = command(measured, original.trial)
    assert (code, errors) == (0, "")
    again = newest(measured, original.trial)
    assert again.status == "complete"
    assert (again.job_id, again.attempt.job) == (original.job_id, original.attempt.job)
    assert again.attempt.runs == original.attempt.runs
    assert again.attempt.night == f"{datetime.now(UTC):%Y-%m-%d}"
    assert len(again.runs) == RUNS
    assert f"taken in as {again.trial}" in output
    assert "One start against one start is no verdict" in output
    (row,) = [line for line in output.splitlines() if "short c1" in line and "TTFT mean" in line]
    recorded, now, ratio = (cell.strip() for cell in row.split("│")[3:6])
    assert float(ratio) == pytest.approx(float(now.split()[0]) / float(recorded.split()[0]), rel=2e-3)
    # What stands in the store: two points a load, not one of two starts; of those one is for verdicts.
    store = Store(measured.store)
    points = summarise_points(store.runs())
    assert Counter(zip(points["load"], points["starts"], strict=True)) == {("c1", 1): 2, ("c2", 1): 2}
    assert list(eligible(points)["trials"]) == [[original.trial]] * 2
    assert "0 runs due" in measured.night()[1]
    # Without the original the night's runs are due: the reproduction does not stand in for them.
    made = store.invalidate(original.trial, reason="for a test", author="Ada")
    since = datetime(2000, 1, 1, tzinfo=UTC)
    assert store.done(original.job_id, since) == frozenset()
    store.withdraw(made.id, reason="tested", author="Ada")
    assert len(store.done(original.job_id, since)) == RUNS


def test_of_a_run_its_point_alone_is_measured_with_all_repeats(measured):
    original = first(measured)
    run = next(run for run in original.runs if run.point == 1)
    assert command(measured, run.id)[0] == 0
    again = newest(measured, run.id)
    assert [(one.point, one.repeat) for one in again.runs] == [(1, 0), (1, 1), (1, 2)]
    assert again.job_id == original.job_id


def test_a_failed_trial_is_taken_in_and_the_command_fails(measured):
    run = first(measured).runs[0]
    engine = measured.folder / "engine"
    words = engine.read_text()
    engine.write_text("#!/bin/sh\necho 'RuntimeError: broken' >&2\nexit 1\n")
    try:
        code, output, _ = command(measured, run.id)
    finally:
        engine.write_text(words)
    assert code == 1
    assert "failed" in output
    assert newest(measured, run.id).failure is not None


def test_what_this_machine_cannot_run_is_one_sentence_and_starts_nothing(measured):
    original, engine = first(measured), measured.folder / "engine"
    before, starts = sorted(measured.store.rglob("*")), len(measured.engine_pids())
    engine.rename(engine.with_name("moved"))
    try:
        code, output, errors = command(measured, original.trial)
    finally:
        engine.with_name("moved").rename(engine)
    assert (code, output) == (2, "")
    assert errors == (
        f"{original.trial}: cannot be measured again here: no command `{engine}`: install the engine and put it on the "
        "PATH; take a machine that can\n"
    )
    assert sorted(measured.store.rglob("*")) == before
    assert len(measured.engine_pids()) == starts


def stored(tmp_path, **deployment):
    job = a_job()
    changed = {"vendor": "cpu", "product": "any", **deployment}
    job = builders.replace(job, deployment=builders.replace(job.deployment, **changed))
    return a_store(tmp_path, a_trial("t", [a_run(0)], job=job))


@pytest.mark.parametrize(
    ("deployment", "words"),
    [
        ({"vendor": "tpu", "product": "v9"}, r"it takes 1 × v9 \(tpu\), this machine has "),
        ({"devices": 99}, r"it takes 99 × any \(cpu\), this machine has "),
        ({"engine_kind": "abc"}, "abc"),
        (
            {"provision": EndpointProvision(kind="endpoint", url="http://127.0.0.1:9")},
            "does not answer",
        ),
        (
            {
                "provision": builders.a_deployment().provision.__class__(kind="executable", executable="true"),
                "model": builders.a_model(source=LocalSource(kind="local", path="/nonexistent")),
            },
            "/nonexistent holds no config.json",
        ),
    ],
)
def test_other_hardware_and_what_is_missing_are_refused(tmp_path, monkeypatch, deployment, words):
    monkeypatch.setattr(reproduce.accelerators, "detect", reproduce.accelerators.get("cpu").discover)
    with pytest.raises(UserError, match=words) as refusal:
        reproduce.order(stored(tmp_path, **deployment), "t", tmp_path / "cache")
    assert "\n" not in str(refusal.value)


def test_all_that_differs_here_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce.accelerators, "detect", reproduce.accelerators.get("cpu").discover)
    provision = builders.a_deployment().provision.__class__(kind="executable", executable="true")
    store = stored(tmp_path, provision=provision)
    todo = reproduce.order(store, "t", tmp_path / "cache")
    recorded = {one.what: one.recorded for one in todo.differs}
    assert recorded["host"] == "here"
    assert recorded["CPU"] == "Test CPU"
    assert recorded["accelerators"] == "Test GPU of unknown memory"
    assert recorded["harness commit"] == "not known" or environment.describe(()).harness_commit is None
    here = {one.what: one.here for one in todo.differs}
    assert here["host"] == environment.describe(()).host
    assert "lock hash" not in here, "an executable has none, then as now"
    info = builders.an_engine_info()
    found = reproduce.engine_differences(info, builders.replace(info, model_hash=None, lock_hash="1" * 16))
    assert {(one.what, one.recorded, one.here) for one in found} == {
        ("lock hash", "0" * 16, "1" * 16),
        ("model hash", "0" * 64, "not known"),
    }


def test_what_was_measured_in_a_comparison_is_reproduced_out_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce.accelerators, "detect", reproduce.accelerators.get("cpu").discover)
    provision = builders.a_deployment().provision.__class__(kind="executable", executable="true")
    job = a_job()
    job = builders.replace(
        job, deployment=builders.replace(job.deployment, vendor="cpu", product="any", provision=provision)
    )
    trial = a_trial("t", [a_run(0)], job=job)
    turn = Turn(name="c", arm="A", block=2)
    trial = builders.replace(trial, attempt=builders.replace(trial.attempt, comparison=turn))
    todo = reproduce.order(a_store(tmp_path, trial), "t", tmp_path / "cache")
    assert todo.recorded.attempt.comparison == turn
    assert (todo.attempt.comparison, todo.attempt.reproduces) == (None, "t")


def test_a_reproduction_beside_a_night_is_refused(measured):
    original = first(measured)
    store, cache = Store(measured.store), measured.folder / "cache"
    with attempts.only_one(attempts.workplace(store, cache), store):
        code, _, errors = command(measured, original.trial)
    assert code == 2
    assert "is running on this store; wait for it" in errors
