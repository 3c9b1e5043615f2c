"""Before a night the load generator is calibrated, where this was not done here lately; every trial names the file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebench.attempts import exact_lately
from enginebench.records import Calibration
from enginebench.records.files import read
from enginebench.store import Store
from scripted_night import GRID, ScriptedNight, a_calibration

ONE = GRID.replace("repeats: 3", "repeats: 1")


def kept(night):
    """Name of every calibration in the store, oldest first, to the concurrencies it is of."""
    paths = sorted(night.store.glob("calibrations/*.json"))
    return {f"calibrations/{one.name}": [level.concurrency for level in read(Calibration, one).levels] for one in paths}


def rests_on(night):
    """What each trial names, oldest first."""
    found = sorted(Store(night.store).results(), key=lambda one: one.started_utc)
    return [one.attempt.calibrations for one in found]


def test_a_night_tries_every_concurrency_and_the_next_tries_again_what_was_not_exact(tmp_path):
    night = ScriptedNight(tmp_path, grid=ONE, calibrated=False)
    _, output, _ = night.night()
    ((name, levels),) = kept(night).items()
    assert levels == [1, 2]
    assert rests_on(night) == [(name,)]
    # A busy machine is told; a fit one is not tried twice.
    wrong = [level.concurrency for level in read(Calibration, night.store / name).levels if not level.exact()]
    assert ("The load generator is not exact now at " in output) == bool(wrong)
    night.night("--again")
    first, *more = kept(night).items()
    assert first == (name, [1, 2])
    assert [levels for _, levels in more] == ([wrong] if wrong else [])


def test_only_concurrencies_that_were_not_tried_lately_are(tmp_path):
    night = ScriptedNight(tmp_path, grid=ONE.replace("[1, 2]", "[1, 2, 3]"))
    assert night.night()[0] == 0
    (before, _), (after, levels) = kept(night).items()
    assert levels == [3]
    assert rests_on(night) == [(before, after)]


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({}, True),
        ({"minutes_ago": 239}, True),
        ({"minutes_ago": 241}, False),
        ({"error_ns": 2e5}, False),
    ],
    ids=["a minute ago", "less than four hours ago", "more than four hours ago", "not exact"],
)
def test_a_calibration_counts_for_four_hours_where_it_was_exact(tmp_path, change, counts):
    store = Store(tmp_path)
    store.add_calibration(a_calibration((1, 2), **change))
    assert [*exact_lately({2, 3}, store)] == ([2] if counts else [])


@pytest.mark.parametrize("part", ["host", "cpu", "cores", "harness_version"])
def test_another_machines_or_versions_does_not_count(tmp_path, part):
    store = Store(tmp_path)
    store.add_calibration(replace(a_calibration((1, 2)), **{part: 99 if part == "cores" else "other"}))
    assert exact_lately({1, 2}, store) == {}


def test_the_newest_decides_and_one_that_cannot_be_read_does_not_count(tmp_path):
    store = Store(tmp_path)
    store.add_calibration(a_calibration((1, 2), minutes_ago=2))
    newest = store.add_calibration(a_calibration((1,), error_ns=2e5))
    assert [*exact_lately({1, 2}, store)] == [2]
    path = tmp_path / "calibrations" / newest.rpartition("/")[2]
    path.write_text(path.read_text().replace("enginebench.calibration/1", "enginebench.calibration/99"))
    assert exact_lately({1, 2}, store) == {}
