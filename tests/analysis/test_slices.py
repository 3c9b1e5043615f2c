"""Slices of the table of runs: values, ranges, what is not known, and mistakes with their remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

import builders
from enginebench.analysis.slices import parse, select
from enginebench.errors import UserError
from enginebench.store.frames import runs_frame
from stored import CLOSED, OPEN, a_job, a_run, a_trial


@pytest.fixture(scope="module")
def runs():
    """Nights 20 to 23, a trial a night with a run at c8 and one at r0.5, versions 1.0 and 1.1 in turn."""
    trials = []
    for day in range(20, 24):
        job = a_job(loads=(CLOSED, OPEN), version=f"1.{day % 2}")
        marks = ("neighbour",) if day == 21 else ()
        made = [a_run(0, day=day, marks=marks), a_run(0, point=1, day=day)]
        trials.append(a_trial(str(day), made, night=f"2026-11-{day}", job=job))
    driven = builders.an_environment(accelerators=({"driver": "570.86"}, {"driver": "570.9"}))
    return runs_frame([*trials[:3], replace(trials[3], environment=driven)])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("engine_version=1.0", "20c8 20r0.5 22c8 22r0.5"),
        ("engine_version=1.0,load=c8", "20c8 22c8"),
        ("engine_version=1.0|1.1, load=c8", "20c8 21c8 22c8 23c8"),
        ("night=2026-11-21..2026-11-22,load=c8", "21c8 22c8"),
        ("night=2026-11-22..,load=c8", "22c8 23c8"),
        ("night=..2026-11-21,load=c8", "20c8 21c8"),
        ("started_utc=2026-11-20..2026-11-21,load=c8", "20c8 21c8"),
        ("concurrency=8,trial=20", "20c8"),
        ("concurrency=9", ""),
        ("concurrency=4..8,trial=20", "20c8"),
        ("concurrency=none,trial=20", "20r0.5"),
        ("rate_rps=..1,trial=20", "20r0.5"),
        ("marks=neighbour", "21c8"),
        ("driver=570.86, 570.9,load=c8", "23c8"),
        ("driver=none,load=c8", "20c8 21c8 22c8"),
        ("dummy_weights=true,trial=20", "20c8 20r0.5"),
        ("dummy_weights=false", ""),
    ],
)
def test_a_slice_is_the_runs_whose_columns_have_the_values(runs, words, found):
    chosen = select(runs, parse(words))
    assert " ".join(chosen["trial"] + chosen["load"]) == found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("engine", "slice `engine`: `engine` names no value; write KEY=VALUE, as engine_version=0.31.0"),
        ("engine=,night=x", "slice `engine=,night=x`: `engine=` names no value; write KEY=VALUE"),
        ("colour=red", "slice `colour=red`: no column `colour`; take one of night, grid, trial, "),
        ("load=c1,load=c2", "slice `load=c1,load=c2`: `load` stands twice; write load=ONE|OTHER for either value"),
        ("devices=two", "slice `devices=two`: `devices` holds no `two`; write a number, or LOW..HIGH"),
    ],
)
def test_a_mistake_names_slice_value_and_remedy(runs, words, message):
    with pytest.raises(UserError) as error:
        select(runs, parse(words))
    assert str(error.value).startswith(message)
