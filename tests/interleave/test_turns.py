"""Arms measured in turn on scripted engines: the order of starts, what each result says, and going on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enginebench import attempts, config, interleave, runners
from enginebench.analysis.points import summarise_points
from enginebench.errors import UserError
from enginebench.interleave import Arm, turns
from enginebench.plan import due, make_plan
from enginebench.store import Store
from scripted_night import GRID, ScriptedNight, until

TWO = (
    GRID.replace("[scripted]", "[scripted, scripted@1.0]").replace("repeats: 3", "repeats: 1") + "quality: {items: 0}\n"
)
RUNS = 2


@pytest.fixture
def night(tmp_path, monkeypatch):
    """Two versions of one engine; the client is not calibrated, which is another test's."""
    monkeypatch.setattr(attempts, "calibrated", lambda left, *_: tuple(left))
    night = ScriptedNight(tmp_path, grid=TWO)
    night.write_engine(str(tmp_path / "engine"), versions=("2.0", "1.0"))
    return night


def arms_of(night, names="AB"):
    """An arm an engine of the grid, one lane."""
    inventory, part = runners.inventory(config.read_site(night.folder / "here.yaml"))
    plan = make_plan(config.read_grid(night.grid), inventory, part)
    return [Arm(name=name, attempts=(one,)) for name, one in zip(names, due(plan, "x", {}).attempts, strict=True)]


def carried_out(night, blocks, listen=lambda event: None, **settings):
    return interleave.carry_out(
        arms_of(night), Store(night.store), blocks=blocks, cache=night.folder / "cache", listen=listen, **settings
    )


def in_order(store):
    """Arm and block of every start, in the order in which they were measured."""
    results = sorted(store.results(), key=lambda one: one.started_utc)
    return [(one.attempt.comparison.arm, one.attempt.comparison.block) for one in results]


def assert_whole(night, blocks):
    """Every run of every turn is stored exactly once."""
    runs = Store(night.store).runs()
    assert Counter(zip(runs["arm"], runs["block"], runs["load"], strict=True)) == Counter(
        (arm, block, load) for arm in "AB" for block in range(blocks) for load in ("c1", "c2")
    )


def test_starts_take_turns_and_each_says_which_it_is(night):
    events = []
    done = carried_out(night, 3, events.append)
    assert (done.measured, done.salvaged, done.failures, done.blocks) == (6 * RUNS, 0, (), (3,))
    store = Store(night.store)
    assert in_order(store) == [*zip("ABBAAB", (0, 0, 1, 1, 2, 2), strict=True)]
    results = list(store.results())
    assert {one.attempt.comparison.name for one in results} == {done.comparison}
    versions = {(one.attempt.comparison.arm, one.attempt.job.deployment.engine_version) for one in results}
    assert versions == {("A", "2.0"), ("B", "1.0")}
    assert all(one.attempt.job.start == one.attempt.comparison.block for one in results)
    assert [event["arm"] for event in events if event["event"] == "turn"] == [*"ABBAAB"]
    # A measurement like any other: a start more of its version, and fresh for the next night.
    runs = store.runs()
    assert set(runs.groupby(["engine_version", "series"])["trial"].nunique()) == {3}
    assert set(summarise_points(runs)["engine_version"]) == {"1.0", "2.0"}
    assert all(len(store.done(one.job_id, datetime(2000, 1, 1, tzinfo=UTC))) == RUNS for one in results)
    assert not list(night.store.glob(".work/*/*"))
    again = carried_out(night, 3)
    assert (again.comparison, again.measured, again.blocks) == (done.comparison, 0, (3,))
    fresh = carried_out(night, 1, again=True)
    assert (fresh.measured, fresh.blocks) == (2 * RUNS, (1,))
    assert fresh.comparison != done.comparison
    assert fresh.comparison[:16] == done.comparison[:16]


def test_it_ends_when_a_lane_is_settled_and_asks_after_every_block(night):
    asked = []

    def settled(name):
        asked.append(len(Store(night.store).turns(name)))
        return {0} if len(asked) > 2 else set()

    assert carried_out(night, 9, settled=settled).blocks == (2,)
    assert asked == [0, 2, 4]
    assert_whole(night, 2)


def test_what_was_not_touched_for_long_is_no_more_gone_on_with(night):
    first = carried_out(night, 1)
    assert carried_out(night, 1, fresh_hours=1e-9).comparison != first.comparison


def test_an_arm_that_does_not_start_ends_its_lane_and_the_next_try_measures_what_is_missing(night):
    engine = night.folder / "engine"
    words = engine.read_text()
    engine.write_text(f'#!/bin/sh\ncase "$*" in *) echo "RuntimeError: broken" >&2; exit 1;; esac\n{words}')
    failed = carried_out(night, 9)
    assert (failed.measured, failed.blocks, len(failed.failures)) == (0, (0,), 3)
    assert "RuntimeError" in failed.failures[0]
    engine.write_text(words)
    assert carried_out(night, 2).blocks == (2,)
    assert_whole(night, 2)


def test_another_process_that_measures_into_the_store_keeps_it_waiting(night):
    store = Store(night.store)
    with (
        attempts.only_one(attempts.workplace(store, night.folder / "cache"), store),
        pytest.raises(UserError, match="another night or comparison of this machine is running on this store"),
    ):
        carried_out(night, 1)


KILLED = """
import sys
from pathlib import Path
from types import SimpleNamespace
import test_turns
from enginebench import attempts
attempts.calibrated = lambda left, *_: tuple(left)
folder = Path(sys.argv[1])
night = SimpleNamespace(folder=folder, grid=folder / "grids" / "test.yaml", store=folder / "results")
test_turns.carried_out(night, 2)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_one_that_was_killed_goes_on_where_it_stopped(night, number):
    night.write_engine(str(night.folder / "engine"), versions=("2.0", "1.0"), itl_ms=60)
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    words = [sys.executable, "-c", KILLED, str(night.folder)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": paths})
    # In the second block's first start, after the first of its two runs.
    try:
        until(lambda: night.taken_in() == 2 and night.measured() == 1, "the fifth run", 120)
    finally:
        process.send_signal(number)
        process.wait(timeout=60)
    until(lambda: not night.left_running(), "the end of all processes", 20)
    done = carried_out(night, 2)
    assert done.blocks == (2,)
    assert done.measured == 4 * RUNS - 5
    assert_whole(night, 2)
    store = Store(night.store)
    assert in_order(store) == [("A", 0), ("B", 0), ("B", 1), ("B", 1), ("A", 1)]
    assert {one.attempt.comparison.name for one in store.results()} == {done.comparison}


def test_arms_change_places_from_block_to_block():
    assert ["".join("AB"[arm] for arm in turns(2, block)) for block in range(4)] == ["AB", "BA", "AB", "BA"]
    order = ["".join("ABC"[arm] for arm in turns(3, block)) for block in range(7)]
    assert order == ["ABC", "CBA", "BCA", "ACB", "CAB", "BAC", "ABC"]
