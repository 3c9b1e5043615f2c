"""Intervals: arithmetic worked out by hand, and how often they hold the truth when it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from enginebench.intervals import interval, intervals, welch, wilson

T_95 = {2: 12.706, 3: 4.3027, 4: 3.1824}
"""Student's t at 97.5 % for n values, from a printed table."""
values = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=12)


def of_starts(*starts):
    """The interval of starts, each a list of its repeats."""
    return interval(
        [value for start in starts for value in start],
        [f"start {index}" for index, start in enumerate(starts) for _ in start],
    )


def test_repeats_of_one_start_vary_among_themselves():
    found = of_starts([90.0, 100.0, 110.0])
    logs = np.log([90.0, 100.0, 110.0])
    half = T_95[3] * logs.std(ddof=1) / math.sqrt(3)
    assert found.centre == pytest.approx(math.exp(logs.mean()))
    assert found.low == pytest.approx(math.exp(logs.mean() - half), rel=1e-4)
    assert found.high == pytest.approx(math.exp(logs.mean() + half), rel=1e-4)
    assert (found.n, found.varies) == (3, "repeats within one start")


def test_several_starts_count_one_each_however_many_repeats_they_have():
    found = of_starts([100.0, 100.0, 100.0, 100.0], [400.0])
    half = T_95[2] * math.log(2)
    assert found.centre == pytest.approx(200)
    assert (found.low, found.high) == (
        pytest.approx(200 * math.exp(-half), rel=1e-3),
        pytest.approx(200 * math.exp(half), rel=1e-3),
    )
    assert (found.n, found.varies) == (2, "server starts")


def test_values_that_reach_0_are_taken_as_they_are():
    found = of_starts([0.0, 1.0, 2.0])
    assert found.centre == 1
    assert found.low == pytest.approx(1 - T_95[3] / math.sqrt(3), rel=1e-4)
    assert found.high == pytest.approx(1 + T_95[3] / math.sqrt(3), rel=1e-4)


@pytest.mark.parametrize("value", [42.0, 0.0, -1.0])
def test_a_single_value_has_no_interval(value):
    found = of_starts([value])
    assert (found.centre, found.low, found.high, found.n) == (pytest.approx(value), None, None, 1)


def test_equal_values_have_an_interval_of_no_width():
    found = of_starts([5.0], [5.0], [5.0])
    assert found.low == pytest.approx(5) == found.centre == found.high


@settings(max_examples=50, deadline=None)
@given(values, st.integers(1, 4), st.floats(1e-3, 1e3))
def test_another_unit_scales_the_interval_and_another_order_does_not_matter(samples, starts, factor):
    labels = [str(index % starts) for index in range(len(samples))]
    found = interval(samples, labels)
    scaled = interval([value * factor for value in reversed(samples)], labels[::-1])
    assert (scaled.n, scaled.varies) == (found.n, found.varies)
    for name in ("centre", "low", "high"):
        value = getattr(found, name)
        assert getattr(scaled, name) == (None if value is None else pytest.approx(value * factor, rel=1e-6))
    if found.low is not None:
        assert found.low <= found.centre * (1 + 1e-9)
        assert found.centre <= found.high * (1 + 1e-9)


def test_a_wider_level_gives_a_wider_interval():
    values, starts = [1.0, 1.1, 1.3], ["a", "b", "c"]
    narrow, wide = interval(values, starts, level=0.5), interval(values, starts, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def share_that_holds(n, *, pooled, draws=2000, repeats=4):
    """Share of simulated measurements whose interval holds the true 100: 3 % from start to start, 2 % within one."""
    noise = np.random.default_rng(20261124)
    logs = noise.normal(0, 0.03, (draws, n, 1)) + noise.normal(0, 0.02, (draws, n, repeats))
    held = 0
    for draw in 100 * np.exp(logs):
        starts = ["one"] * (n * repeats) if pooled else [str(start) for start in range(n) for _ in range(repeats)]
        found = interval(draw.ravel().tolist(), starts)
        held += found.low <= 100 <= found.high
    return held / draws


@pytest.mark.parametrize("n", [3, 5, 10])
def test_19_of_20_intervals_hold_the_truth(n):
    assert 0.94 <= share_that_holds(n, pooled=False, draws=8000) <= 0.96


@pytest.mark.parametrize("n", [3, 5])
def test_pooling_repeats_over_starts_would_not(n):
    assert share_that_holds(n, pooled=True) < 0.85


# Two samples


def per_start_logs(draw, n, repeats, start_noise, repeat_noise, draws=20_000):
    """Logs of per-start means of log-normal figures around 1."""
    logs = draw.normal(0, start_noise, (draws, n, 1)) + draw.normal(0, repeat_noise, (draws, n, repeats))
    return logs.mean(axis=2)


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("noise", [(0.01, 0.005), (0.03, 0.03), (0.1, 0.02), (0.0, 0.05)])
def test_94_to_96_of_100_intervals_of_a_ratio_hold_the_truth(n, noise):
    draw = np.random.default_rng(n)
    found = welch(per_start_logs(draw, n, 4, *noise), math.log(1.05) + per_start_logs(draw, n, 2, *noise))
    held = np.mean((np.exp(found.low) <= 1.05) & (np.exp(found.high) >= 1.05))
    assert 0.94 <= held <= 0.96


@pytest.mark.parametrize("n", [3, 5, 10])
def test_so_they_do_where_one_side_is_twice_as_noisy(n):
    draw = np.random.default_rng(n)
    found = welch(per_start_logs(draw, n, 3, 0.02, 0.0), per_start_logs(draw, n, 3, 0.04, 0.0))
    assert 0.94 <= np.mean((found.low <= 0) & (found.high >= 0)) <= 0.96


def test_degrees_of_freedom_of_equal_sizes_are_welchs():
    a, b = np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 0.0, 2.0])
    # Variances of the means 1/3 and 4/3: (5/3)² / ((1/9 + 16/9) / 4) − 2 = 3.88.
    assert welch(a, b).df == pytest.approx(100 / 17 - 2)
    assert welch(a, a).df == 4
    assert welch(a, a * 1e-9).df == 2


def test_both_ends_and_p_of_unlike_sizes_are_scipys():
    draw = np.random.default_rng(1)
    a, b = draw.normal(0, 1, (50, 3)), draw.normal(0.5, 3, (50, 6))
    expected = ttest_ind(b, a, axis=1, equal_var=False)
    found = welch(a, b)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)
    assert found.low == pytest.approx(expected.confidence_interval(0.95).low)
    assert found.high == pytest.approx(expected.confidence_interval(0.95).high)


def test_two_one_sided_tests_are_scipys():
    draw = np.random.default_rng(2)
    a, b = draw.normal(0, 1, 5), draw.normal(0.3, 2, 4)
    less = ttest_ind(b, a + 1.5, equal_var=False, alternative="less").pvalue
    greater = ttest_ind(b, a - 1.5, equal_var=False, alternative="greater").pvalue
    assert welch(a, b, within=1.5).p_beyond == pytest.approx(max(less, greater))


def test_values_without_any_noise_differ_surely_or_not_at_all():
    same, other = np.array([0.1, 0.1, 0.1]), np.array([0.3, 0.3])
    found = welch(same, same, within=0.02)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert found.p_beyond == 0
    found = welch(same, other, within=0.02)
    assert found.low == found.high == pytest.approx(0.2)
    assert (found.p, found.p_beyond) == (0, 1)


@pytest.mark.parametrize(
    ("right", "asked", "low", "high"), [(0, 10, 0.0, 0.2775), (9, 10, 0.5958, 0.9821), (10, 10, 0.7225, 1.0)]
)
def test_a_rate_has_wilsons_interval(right, asked, low, high):
    assert wilson(right, asked) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 2), st.floats(-1, 5, allow_nan=False).map(lambda x: round(x, 3))),
        max_size=40,
    )
)
def test_many_points_at_once_are_as_one_by_one(rows):
    points = np.array([point for point, _, _ in rows], dtype=np.int64)
    starts = np.array([3 * point + start for point, start, _ in rows], dtype=np.int64)
    found = intervals(np.array([value for _, _, value in rows], dtype=float), points, starts, 5)
    for point in range(5):
        mine = [(value, str(start)) for own, start, value in rows if own == point]
        if not mine:
            assert np.isnan(found.centre[point])
            assert found.n[point] == 0
            continue
        alone = interval([value for value, _ in mine], [start for _, start in mine])
        assert found.n[point] == alone.n
        assert found.centre[point] == pytest.approx(alone.centre, abs=1e-9)
        for one, other in ((found.low, alone.low), (found.high, alone.high)):
            assert np.isnan(one[point]) if other is None else one[point] == pytest.approx(other, rel=1e-6, abs=1e-9)


def test_equal_values_do_not_differ_however_many_they_are():
    assert float(welch(np.full(2, 0.1), np.full(3, 0.1)).p) == 1
