"""A grid that says what is to be detected gets the server starts that the stored noise asks for, within its limits."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from enginebench.analysis.compare import RATE
from enginebench.night import needs_of, plan_night
from enginebench.report import _needs
from enginebench.store import Store
from scripted_night import GRID, ScriptedNight
from stored import a_run, a_trial, finished

ASKED = GRID.replace("[1, 2]", "[2]").replace("repeats: 3", "repeats: 1") + "starts: 3\ndetect: 0.05\n"


@pytest.fixture
def planned(tmp_path):
    """Plans the grid with so many `most_starts`, over the store."""
    night = ScriptedNight(tmp_path, grid=ASKED)

    def plan(most):
        night.grid.write_text(ASKED + (f"most_starts: {most}\n" if most else ""), encoding="utf-8")
        store = Store(night.store)
        cache = tmp_path / "cache"
        return plan_night(night.grid, tmp_path / "here.yaml", store, night="2026-11-25", cache=cache), store

    return plan


def store_noise(tmp_path, job, store, deviation):
    """Four starts of one version whose logs have just this standard deviation."""
    off = deviation * math.sqrt(3 / 4)
    for start, sign in enumerate((-1, 1, -1, 1)):
        rate = 100 * math.exp(sign * off)
        result = a_trial(f"t{start}", [a_run(0, **{RATE: rate})], job=replace(job, start=start))
        store.ingest(finished(tmp_path / "finished" / result.trial, result))


def starts(plan):
    return sorted(job.start for job in plan.jobs)


@pytest.mark.parametrize(("deviation", "count"), [(0.0005, 3), (0.01, 4), (0.02, 6), (0.3, 8)])
def test_the_noise_of_the_store_says_how_many_starts_find_it(tmp_path, planned, deviation, count):
    before, store = planned(8)
    assert starts(before.plan) == [0, 1, 2], "nothing is known yet: no more than the grid's own"
    store_noise(tmp_path, before.plan.jobs[0], store, deviation)
    after, _ = planned(8)
    assert starts(after.plan) == list(range(count))
    (need,) = needs_of(after.plan, store)
    wanted = need.starts[0.05]
    assert count == min(max(3, wanted or 8), 8)
    told = "\n".join(_needs(after.plan, needs_of(after.plan, store)))
    assert f"this grid has {count}, enough for {int(wanted is not None and wanted <= count)} of the 1 points" in told
    assert len({job.id for job in after.plan.jobs}) == count
    assert {job.id for job in before.plan.jobs} <= {job.id for job in after.plan.jobs}, "what is measured stays"


def test_without_most_starts_the_grid_has_its_own(tmp_path, planned):
    before, store = planned(8)
    store_noise(tmp_path, before.plan.jobs[0], store, 0.3)
    after, _ = planned(None)
    assert starts(after.plan) == [0, 1, 2]


def test_more_starts_still_take_turns(tmp_path):
    night = ScriptedNight(tmp_path, grid=ASKED.replace("engines: [scripted]", "engines: [scripted, other]"))
    night.write_engine(str(tmp_path / "engine"), name="other", kind="sglang", versions=("7.0",))
    night.grid.write_text(night.grid.read_text() + "most_starts: 6\n", encoding="utf-8")
    store = Store(night.store)

    def plan():
        return plan_night(night.grid, tmp_path / "here.yaml", store, night="2026-11-25", cache=tmp_path / "cache").plan

    first = next(job for job in plan().jobs if job.deployment.engine == "scripted")
    store_noise(tmp_path, first, store, 0.3)
    found = [(job.deployment.engine, job.start) for job in plan().jobs]
    assert Counter(engine for engine, _ in found) == {"scripted": 6, "other": 3}
    assert [engine for engine, start in found if start < 3] == [
        *("scripted", "other", "other", "scripted", "scripted", "other")
    ]
    assert [start for _, start in found] == sorted(start for _, start in found)
