"""An older version measured in the same nights: what it adds, what it shares, and what it must not do."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from enginebench.analysis.changes import Older, Rule, beside, contrast, judge
from enginebench.analysis.changes.older import Beside

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from nightly import Nights, World


def judged(nights):
    """Verdicts on the mean of each curve; every night is of a build of its own."""

    def ask(night, rows, before):
        newest, older = nights.again(night, rows, 1), nights.beside(night, rows, 1, before)
        return newest.mean(axis=2), older.mean(axis=2)

    values = nights.values.mean(axis=2)
    return judge(values, versions=np.tile(np.arange(values.shape[1]), (len(values), 1)), ask=ask)


def confirmed(done):
    return [one for one in done.changes if one.status == "confirmed"]


@pytest.mark.parametrize(("reading", "machine", "least"), [("points", 0.5, 0.65), ("nights", 1.0, 0.65)])
def test_steps_of_2_percent_are_confirmed_in_seven_nights(reading, machine, least):
    nights = Nights(World(reading=reading, machine=machine), 200, 112, 3, step=0.02, at=np.full(200, 100))
    found = {
        one.row for one in confirmed(judged(nights)) if 100 <= one.found <= 107 and one.size * nights.sign[one.row] > 0
    }
    assert len(found) >= least * 200


@pytest.mark.parametrize(("reading", "machine"), [("points", 0.5), ("states", 1.0)])
def test_quiet_nights_stay_quiet(reading, machine):
    done = judged(Nights(World(reading=reading, machine=machine), 50, 150, 5))
    # Asked for: 1 in 1,000; 7,500 curve-nights here.
    assert len(confirmed(done)) <= 15
    assert 0 < done.reruns.sum() < 0.5 * 7_500


def test_the_older_version_stands_in_the_same_least_squares():
    """Against the covariance of all observations written out."""
    random = np.random.default_rng(0)
    nights, longest, slope = 30, 10, 0.025
    carried = 0.3 / contrast.DECAY
    own = 1 - carried
    values, runs = random.normal(0, 1, (3, nights)), np.ones((3, longest))
    runs[:, [4, 9]] = 3
    redrawn, shared = np.array([1.0, 0.5, 0.0]), np.array([0.3, 0.6, 0.9])
    beside_runs = np.zeros((3, longest))
    beside_runs[:, [4, 7, 9]] = [2, 1, 2]
    old = np.where(beside_runs > 0, random.normal(0, 1, (3, longest)), 0)
    born = np.full((3, longest), 18.0)
    born[:, 9] = 25
    window = beside.Window(values=old, runs=beside_runs, born=born, shared=shared)
    size, information = beside.joint(values, runs, redrawn, window, 30, longest, slope)
    night = np.arange(nights)
    last = np.array([4, 7, 9])
    at = last + nights - longest

    def goes_on(one, other):
        return carried * contrast.DECAY ** np.abs(one[:, None] - other[None, :])

    def level(one, other):
        return 1e4 + slope**2 * np.outer(one - nights, other - nights)

    for row in range(3):
        often = np.ones(nights)
        often[-longest:] = runs[row]
        newer = goes_on(night, night) + level(night, night)
        newer += np.diag(own * (1 - redrawn[row] * (1 - 1 / often)))
        older = goes_on(at, at) + level(at, at)
        older += np.diag(own * (1 - redrawn[row] * (1 - 1 / beside_runs[row, last])))
        between = shared[row] * (goes_on(night, at) + own * (1 - redrawn[row]) * (night[:, None] == at))
        between += level(night, at)
        whole = np.block([[newer, between], [between.T, older]])
        seen = np.concatenate([values[row], old[row, last]])
        for step in range(1, longest + 1):
            shape = np.concatenate([night >= nights - step, born[row, last] >= nights - step]).astype(float)
            weight = np.linalg.solve(whole, shape)
            assert information[row, step - 1] == pytest.approx(weight @ shape, rel=1e-5)
            assert size[row, step - 1] == pytest.approx(weight @ seen / (weight @ shape), abs=1e-5)


def made(step_of_old, sd=0.006):
    """A series slower by 3 % from night 40 of 46 on, the versions 0 and 1, and the older one beside it since."""
    values = np.random.default_rng(8).normal(0, sd, (1, 46))
    values[0, 40:] -= 0.03
    older = np.full((1, 46), np.nan)
    older[0, 40:] = values[0, 40:] + (0.0 if step_of_old else 0.03)
    return values, Older(
        values=older, runs=np.where(np.isfinite(older), 2, 0), born=np.where(np.isfinite(older), 39, -1)
    )


def told(step_of_old, nights=46):
    values, older = made(step_of_old)
    versions = (np.arange(46) >= 40).astype(np.int64)[None]
    cut = Older(values=older.values[:, :nights], runs=older.runs[:, :nights], born=older.born[:, :nights])
    return judge(values[:, :nights], runs=np.full((1, nights), 2), versions=versions[:, :nights], older=cut).changes


def test_what_the_older_version_shows_as_well_is_told_as_such():
    (one,) = told(step_of_old=False)
    assert (one.status, one.night, one.apart) == ("confirmed", 40, pytest.approx(-0.03))
    (one,) = told(step_of_old=True)
    assert one.apart == 0
    # It is no step of night 40: the version of the night before it shows it.
    assert one.night < 40


def test_an_older_version_that_has_a_hiccup_of_its_own_tells_nothing():
    rule = Rule()
    order = np.tile(np.arange(30), (3, 1))
    known = Beside(order, np.arange(30) * np.ones((3, 1), dtype=np.int64), None, rule)
    newer = np.zeros((3, 30))
    newer[:, 29] = (0.02, 0.02, 0.2)
    older = np.array([[0.2], [0.0], [0.2]])
    # The first is off by itself; the second is what a step looks like; the third is a night in which all is off.
    assert list(known.hiccups(newer, older, np.full(3, 0.01))) == [True, False, False]


def test_a_version_of_before_a_change_that_is_told_counts_no_more():
    values, older = made(step_of_old=False)
    later = np.concatenate([values, values[:, 40:] * 0 - 0.03 + np.random.default_rng(9).normal(0, 0.006, (1, 6))], 1)
    longer = Older(
        values=np.concatenate([older.values, np.zeros((1, 6))], axis=1),
        runs=np.full((1, 52), 2),
        born=np.concatenate([older.born, np.full((1, 6), 39)], axis=1),
    )
    versions = (np.arange(52) >= 40).astype(np.int64)[None]
    (one,) = judge(later, runs=np.full((1, 52), 2), versions=versions, older=longer).changes
    assert one.night == 40


def test_what_waits_names_the_night_whose_version_is_measured_beside():
    values, _ = made(step_of_old=False)
    values[0, 40:] -= 0.05
    versions = (np.arange(46) >= 40).astype(np.int64)[None]
    (waits,) = judge(values[:, :41], versions=versions[:, :41]).changes
    assert (waits.status, waits.night, waits.beside) == ("waiting", 40, 37)
    (same,) = judge(values[:, :41], versions=np.zeros((1, 41), dtype=np.int64)).changes
    assert same.beside == -1


def test_nights_that_were_not_measured_move_nothing():
    values, older = made(step_of_old=False)
    versions = (np.arange(46) >= 40).astype(np.int64)[None]
    (one,) = judge(values, runs=np.full((1, 46), 2), versions=versions, older=older).changes
    wide, beside_wide, wide_versions = (
        np.full((1, 92), np.nan),
        np.full((1, 92), np.nan),
        np.repeat(versions, 2, axis=1),
    )
    wide[0, ::2], beside_wide[0, ::2] = values[0], older.values[0]
    far = Older(
        values=beside_wide,
        runs=np.where(np.isfinite(beside_wide), 2, 0),
        born=np.where(np.isfinite(beside_wide), 78, -1),
    )
    (other,) = judge(wide, runs=np.full((1, 92), 2), versions=wide_versions, older=far).changes
    assert (other.night, other.found) == (2 * one.night, 2 * one.found)
    assert (other.size, other.apart) == (one.size, one.apart)
