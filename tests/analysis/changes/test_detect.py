"""Planted steps are found and sized, blips and breaks are none, and quiet nights stay quiet: seeded simulations."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from enginebench.analysis.changes import contrast, noise, pool
from enginebench.analysis.changes.detect import Rule, _State, judge

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from nightly import READINGS, Nights, World


def judged(nights, **options):
    """Verdicts on the mean of each curve, measured again where asked."""
    return judge(
        nights.values.mean(axis=2),
        ask=lambda night, rows, before: (nights.again(night, rows, 2).mean(axis=2), np.empty((len(rows), 0))),
        **options,
    )


def confirmed(done):
    return [one for one in done.changes if one.status == "confirmed"]


def flat(nights=60, seed=0, sd=0.005):
    return np.random.default_rng(seed).normal(0, sd, (1, nights))


def twice(values):
    return np.full(values.shape, 2)


@pytest.mark.parametrize(("step", "within", "least"), [(0.05, 2, 0.975), (0.03, 4, 0.75), (0.02, 7, 0.3)])
def test_steps_are_confirmed_in_time(step, within, least):
    at = np.full(400, 100)
    nights = Nights(World(), 400, 112, 3, step=step, at=at)
    right = {
        one.row
        for one in confirmed(judged(nights))
        if 100 <= one.found <= 100 + within and one.size * nights.sign[one.row] > 0
    }
    assert len(right) >= least * 400


@pytest.mark.parametrize("reading", sorted(READINGS))
def test_quiet_nights_stay_quiet(reading):
    done = judged(Nights(World(reading=reading), 50, 200, 5))
    # Asked for: 1 in 1,000; 10,000 curve-nights here.
    assert len(confirmed(done)) <= 20
    assert 0 < done.reruns.sum() < 0.25 * 10_000


def test_the_interval_of_a_size_holds_the_truth():
    nights = Nights(World(outliers=0.0), 400, 112, 4, step=0.05, at=np.full(400, 100))
    off = [
        abs(one.size - 0.05 * nights.sign[one.row]) / one.error
        for one in confirmed(judged(nights))
        if abs(one.night - 100) <= 1
    ]
    assert len(off) > 300
    assert np.mean(np.array(off) < 1.96) > 0.9


def test_a_lone_spike_is_a_blip_once_the_next_night_is_there():
    values = flat()
    values[0, 40] += 0.2
    done = judge(values, runs=twice(values))
    assert not confirmed(done)
    assert list(np.flatnonzero(done.blips[0])) == [40]
    (waits,) = judge(values[:, :41], runs=twice(values[:, :41])).changes
    assert (waits.status, waits.night) == ("waiting", 40)


def test_a_spike_after_the_first_night_of_a_step_does_not_hide_it():
    values = flat()
    values[0, 40:] += 0.05
    values[0, 41] -= 0.2
    (one,) = confirmed(judge(values, runs=twice(values)))
    assert (one.night, one.found) in {(40, 42), (40, 43)}
    assert one.size == pytest.approx(0.05, abs=2.5 * one.error)


def test_a_step_needs_a_rerun_or_as_many_nights_as_the_rule_says():
    values = flat()
    values[0, 40:] += 0.05
    assert confirmed(judge(values, runs=twice(values)))[0].found == 41
    assert confirmed(judge(values))[0].found == 44
    assert confirmed(judge(values, rule=Rule(held=7)))[0].found == 46
    (waits,) = judge(values[:, :42]).changes
    assert waits.status == "waiting"


def test_nothing_is_called_a_change_before_the_noise_is_known():
    values = flat(20)
    values[0, 8:] += 0.1
    assert not confirmed(judge(values[:, :14], runs=twice(values[:, :14])))


def test_a_known_break_is_no_change_but_the_step_after_it_is_one():
    values = flat(90)
    values[0, 40:] += 0.1
    values[0, 70:] -= 0.05
    breaks = np.zeros(values.shape, dtype=bool)
    breaks[0, 40] = True
    (one,) = confirmed(judge(values, runs=twice(values), breaks=breaks))
    assert one.night == 70
    assert len(confirmed(judge(values, runs=twice(values)))) == 2


def test_a_break_in_a_night_without_figures_holds_for_the_next():
    values = flat(60)
    values[0, 40:] += 0.1
    values[0, 40] = np.nan
    breaks = np.zeros(values.shape, dtype=bool)
    breaks[0, 40] = True
    assert not confirmed(judge(values, runs=twice(values), breaks=breaks))


def test_missing_nights_move_no_verdict():
    values = flat()
    values[0, 40:] += 0.05
    gone = np.full((1, 120), np.nan)
    gone[0, ::2] = values[0]
    here, there = (confirmed(judge(some, runs=twice(some)))[0] for some in (values, gone))
    assert (there.night, there.found) == (2 * here.night, 2 * here.found)
    assert (there.size, there.error) == (here.size, here.error)


def test_a_slow_drift_is_no_change():
    values = flat(120) + np.arange(120) * 0.02 / 60
    assert not confirmed(judge(values, runs=twice(values)))


def test_the_order_of_series_changes_nothing():
    nights = Nights(World(), 60, 90, 6, step=0.05, at=np.full(60, 70))
    values = nights.values.mean(axis=2)
    order = np.random.default_rng(1).permutation(60)

    def told(done, rows):
        return {
            (int(rows[one.row]), one.night, one.found, round(one.size, 9), round(one.error, 9))
            for one in confirmed(done)
        }

    straight, mixed = judge(values, runs=twice(values)), judge(values[order], runs=twice(values))
    assert told(straight, np.arange(60)) == told(mixed, order)
    assert len(confirmed(straight)) > 50


def test_scale_changes_nothing():
    values = flat()
    values[0, 40:] += 0.05
    one, other = (confirmed(judge(values + far, runs=twice(values)))[0] for far in (0.0, 9.0))
    assert other.size == pytest.approx(one.size, rel=1e-6)


def test_noise_is_learned_from_a_series_own_past():
    random = np.random.default_rng(2)
    values = np.empty((50, 200))
    values[:, 0] = random.normal(0, 0.01, 50)
    for night in range(1, 200):
        values[:, night] = 0.5 * values[:, night - 1] + random.normal(0, 0.01 * np.sqrt(0.75), 50)
    values[:, 50] += 0.3
    values[:, 100:] += 0.1
    segment = np.tile(np.arange(200) >= 100, (50, 1)).astype(np.int64)
    variance, correlation, nights = noise.estimate(values, segment)
    assert np.sqrt(variance).mean() == pytest.approx(0.01, rel=0.15)
    assert correlation.mean() == pytest.approx(0.5, abs=0.1)
    assert set(nights) == {182}
    # Across the step the pairs tell of the step.
    across, _, _ = noise.estimate(values, np.zeros_like(segment))
    assert (across > variance).all()


def test_a_night_measured_more_often_counts_for_more():
    values = flat(30, sd=0.01)
    once, thrice = np.ones((1, 10)), np.full((1, 10), 3.0)
    redrawn = np.array([1.0])
    size, information = contrast.exact(values, once, redrawn, 30, 10, 0.025)
    weight, plain = contrast.weights(30, 30, 10, 0.025)
    assert size == pytest.approx(values @ weight / plain)
    _, more = contrast.exact(values, thrice, redrawn, 30, 10, 0.025)
    assert (more > information * 1.05).all()
    # Against the covariance written out.
    matrix = contrast.covariance(0.3, 30, 0.025)
    matrix[np.arange(20, 30), np.arange(20, 30)] -= (1 - 0.3 / contrast.DECAY) * (1 - 1 / 3)
    shape = contrast.steps(30, 10)
    assert more[0] == pytest.approx((shape * np.linalg.solve(matrix, shape)).sum(axis=0))


def test_points_are_pooled_by_their_noise_and_a_point_gone_astray_moves_little():
    random = np.random.default_rng(3)
    sd = np.array([0.01, 0.01, 0.01, 0.01, 0.1])
    values = random.normal(0, sd, (100, 5)) + np.arange(5.0)
    made = pool.fit(values)
    assert made.weights[4] < made.weights[0] / 20
    assert made.of(values).std() < 0.007
    values[50, 0] += 1.0
    assert abs(pool.fit(values).of(values)[50]) < 0.03


def test_a_missing_point_leaves_the_curve_where_it_is():
    random = np.random.default_rng(4)
    values = random.normal(0, 0.01, (100, 3)) + np.array([0.0, 5.0, 9.0])
    values[60:, 2] = np.nan
    made = pool.fit(values).of(values)
    assert abs(made[60:].mean() - made[:60].mean()) < 0.005
    assert np.isnan(pool.fit(values).of(np.full((1, 3), np.nan))).all()


def test_a_point_that_replaces_another_brings_no_level_of_its_own():
    values = np.random.default_rng(5).normal(0, 0.002, (40, 3)) + np.array([0.0, 5.0, 9.0])
    values[30:] += 0.1
    values[:30, 2] = np.nan
    values[30:, 1] = np.nan
    made = pool.fit(values).of(values)
    assert made[30:].mean() - made[:30].mean() == pytest.approx(0.1, abs=0.01)


def test_two_nights_of_which_one_is_off_are_no_step():
    values = flat(60)
    # A night that is a little off, then one that is far off: the pair is far off in the mean.
    values[0, 40:42] = (0.012, 0.2)
    assert not confirmed(judge(values, runs=twice(values)))
    # Three of which one is off, before the next night can tell that it was a blip.
    values[0, 39:42] = (0.0, 0.028, 0.028)
    assert not [one for one in confirmed(judge(values, runs=twice(values))) if one.night < 40]


def test_one_night_is_never_a_change_however_far_off_and_often_measured():
    values = flat(41)
    values[0, 40] -= 0.3
    done = judge(values, runs=np.full(values.shape, 5))
    assert [one.status for one in done.changes] == ["waiting"]


@pytest.mark.parametrize(("after", "agree"), [((0.0, 0.1), False), ((0.05, 0.05), True), ((0.06, 0.04), True)])
def test_each_of_two_nights_must_be_at_least_half_as_far_off_as_both(after, agree):
    window = np.array([[0.0] * 25 + list(after)])
    assert _State._agree(window, np.array([[0.05, 0.05]]), 2)[0, 1] == agree
    assert _State._agree(-window, np.array([[-0.05, -0.05]]), 2)[0, 1] == agree
