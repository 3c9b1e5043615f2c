"""Arrivals of an open loop are a Poisson process: seeded, absolute, of the rate asked for."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import opened
from enginebench.arrivals import offsets_ns

RATES = st.floats(0.01, 1e5)
SEEDS = st.integers(0, 2**63)
MODEST = settings(max_examples=50, deadline=None)


def gaps_s(rate_rps: float, count: int, seed: int) -> list[float]:
    return [(after - before) / 1e9 for before, after in itertools.pairwise(offsets_ns(opened(rate_rps), count, seed))]


@MODEST
@given(RATES, st.integers(0, 50), SEEDS)
def test_times_begin_at_zero_and_never_go_back(rate_rps: float, count: int, seed: int) -> None:
    times = offsets_ns(opened(rate_rps), count, seed)
    assert len(times) == count
    assert times[:1] == (0,) * min(count, 1)
    assert list(times) == sorted(times)
    assert all(type(time) is int for time in times)


@MODEST
@given(RATES, SEEDS)
def test_one_seed_is_one_schedule_of_exactly_the_rate_asked_for(rate_rps: float, seed: int) -> None:
    load = opened(rate_rps)
    assert offsets_ns(load, 20, seed) == offsets_ns(load, 20, seed)
    assert offsets_ns(load, 20, seed) != offsets_ns(load, 20, seed + 1)
    assert offsets_ns(load, 20, seed)[-1] == pytest.approx(19 / rate_rps * 1e9, abs=1)


def test_the_schedule_of_a_seed_is_the_same_on_every_python() -> None:
    # Gaps are -ln(1 - u) over the uniform draws u of Python's Mersenne Twister, stretched to 49 gaps in 24.5 s.
    draw = random.Random(7)
    gaps = [-math.log(1 - draw.random()) for _ in range(49)]
    by_hand = [sum(gaps[:index]) * 24.5e9 / sum(gaps) for index in range(50)]
    assert offsets_ns(opened(2.0), 50, 7) == pytest.approx(by_hand, abs=1)


def test_a_seed_at_twice_the_rate_is_the_same_schedule_in_half_the_time() -> None:
    slow, fast = offsets_ns(opened(1.0), 100, 3), offsets_ns(opened(2.0), 100, 3)
    assert [time / 2 for time in slow] == pytest.approx(fast, abs=1)


@pytest.mark.parametrize("rate_rps", [0.5, 3.0, 200.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gaps_are_exponential_of_the_rate_asked_for(rate_rps: float, seed: int) -> None:
    count = 20_000
    gaps = gaps_s(rate_rps, count + 1, seed)
    assert statistics.fmean(gaps) * rate_rps == pytest.approx(1, abs=1e-6)
    # An exponential gap's standard deviation is its mean: even or doubled gaps would show here.
    assert statistics.stdev(gaps) * rate_rps == pytest.approx(1, abs=0.05)
    # And a share of 1/e of them is longer than the mean.
    assert sum(gap * rate_rps > 1 for gap in gaps) / count == pytest.approx(0.3679, abs=4 * (0.2325 / count) ** 0.5)


def test_a_gap_says_nothing_of_the_next_one() -> None:
    gaps = gaps_s(1.0, 20_001, 5)
    assert abs(statistics.correlation(gaps[:-1], gaps[1:])) < 4 / len(gaps) ** 0.5
