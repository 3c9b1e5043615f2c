"""Intervals: arithmetic worked out by hand, and how often they hold the truth when it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench.intervals import interval

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


@pytest.mark.parametrize("n", [3, 5])
def test_19_of_20_intervals_hold_the_truth(n):
    assert 0.93 <= share_that_holds(n, pooled=False) <= 0.98


@pytest.mark.parametrize("n", [3, 5])
def test_pooling_repeats_over_starts_would_not(n):
    assert share_that_holds(n, pooled=True) < 0.85
