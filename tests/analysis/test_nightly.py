"""A night in figures: time by devices and stages, what was not measured and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

import builders
from enginebench.analysis.nightly import stints
from stored import a_job, a_run, a_trial


def a_result(name, *, day=24, minute=0, devices=1, host="here", measured=3, **changes):
    job = a_job()
    job = replace(job, deployment=replace(job.deployment, devices=devices), repeats=3)
    made = a_trial(name, [a_run(index) for index in range(measured)], night=f"2026-11-{day}", job=job)
    stages = {"start": 20_000_000_000, "warmup": 10_000_000_000, "measure": 30_000_000_000}
    begun = f"2026-11-{day}T02:{minute:02}:00+00:00"
    environment = builders.an_environment(host=host)
    return replace(made, started_utc=begun, stage_ns=stages, environment=environment, **changes)


def test_wall_time_counts_pauses_and_device_time_does_not():
    (found,) = stints([a_result("a"), a_result("b", minute=10, devices=8)])
    assert (found.begun_utc, found.ended_utc) == ("2026-11-24T02:00:00+00:00", "2026-11-24T02:11:00+00:00")
    assert found.wall_s == pytest.approx(660)
    assert found.device_s == pytest.approx(60 * 9)
    assert found.measuring_device_s == pytest.approx(40 * 9)
    assert found.stages_s == {"start": 40, "warmup": 20, "measure": 60}


def test_runs_that_are_missing_are_told_apart_by_how_their_trial_ended():
    whole, failed = a_result("a", measured=2), a_result("b", measured=1, status="failed")
    (found,) = stints([whole, failed])
    assert (found.runs, found.unneeded, found.unmeasured) == (3, 1, 2)
    assert found.trials == {"complete": 1, "failed": 1}


def test_nights_grids_and_hosts_are_apart_and_the_newest_night_is_first():
    other = a_result("c")
    other = replace(other, attempt=replace(other.attempt, grid="other", reproduces="a"))
    found = stints([a_result("a", day=23), other, a_result("b", host="there"), a_result("d")])
    assert [(one.night[-2:], one.grid, one.host) for one in found] == [
        ("24", "other", "here"),
        ("24", "test", "here"),
        ("24", "test", "there"),
        ("23", "test", "here"),
    ]
    assert [one.reproductions for one in found] == [1, 0, 0, 0]
    assert stints([]) == ()
