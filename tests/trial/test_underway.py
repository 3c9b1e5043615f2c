"""Trials under way are seen from outside: stage, runs done, alive or killed; looking changes nothing."""

from __future__ import annotations

import shutil

import pytest

import builders
from enginebench.trial import partial, salvage
from enginebench.trial.underway import under_way
from enginebench.trial.workdir import State, Workdir
from stored import a_job, a_run

STATE = State(
    trial="t1",
    attempt=builders.an_attempt(job=a_job()),
    environment=builders.an_environment(),
    started_utc="2026-11-24T02:00:00+00:00",
)


@pytest.fixture
def trial(tmp_path):
    """A trial that this process measures, on the host `lab`."""
    made = Workdir(tmp_path / "lab" / "job-1", STATE)
    yield made
    made._lock.close()


def test_a_trial_is_seen_with_its_stage_and_the_runs_it_has_done(trial, tmp_path):
    (found,) = under_way(tmp_path)
    assert (found.host, found.state.trial, found.state.stage, found.runs, found.alive) == (
        "lab", "t1", "provision", 0, True,
    )  # fmt: skip
    trial.update(stage="measure")
    trial.add(a_run(0), [])
    (found,) = under_way(tmp_path)
    assert (found.state.stage, found.runs) == ("measure", 1)
    assert found.label() == "tiny on scripted 1.0, bf16, tp1"


def test_a_killed_one_is_told_as_dead_and_can_still_be_salvaged(trial, tmp_path):
    trial.add(a_run(0), [])
    trial._lock.close()
    (found,) = under_way(tmp_path)
    assert (found.alive, found.runs) == (False, 1)
    assert salvage(partial(trial.out)) == trial.out
    assert under_way(tmp_path) == ()


def test_what_is_half_written_or_no_trial_is_left_out(trial, tmp_path):
    (trial.path / "state.json").write_text("{")
    assert under_way(tmp_path) == ()
    shutil.rmtree(trial.path)
    assert under_way(tmp_path) == under_way(tmp_path / "nowhere") == ()
