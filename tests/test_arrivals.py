"""Arrivals: seeded, absolute, of the rate asked for; Poisson, even, in bursts, in steps, replayed; slots spread."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import closed, opened
from enginebench.arrivals import most_requests, offsets_ns, slot_offsets_ns, span_s
from enginebench.records import Load, OpenLoop, Replay, Segment, Steps

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


# Other processes around the rate


def bursty(rate_rps: float, burstiness: float) -> OpenLoop:
    return OpenLoop(kind="open", rate_rps=rate_rps, arrivals="gamma", burstiness=burstiness)


def even(rate_rps: float) -> OpenLoop:
    return OpenLoop(kind="open", rate_rps=rate_rps, arrivals="constant")


def steps(*segments: tuple[float, float | None, float], **more: object) -> Steps:
    made = [Segment(rate_rps=rate, to_rps=to, duration_s=seconds) for rate, to, seconds in segments]
    return Steps(kind="steps", segments=tuple(made), **more)


def test_constant_arrivals_are_evenly_apart() -> None:
    assert offsets_ns(even(4.0), 5, 0) == (0, 250_000_000, 500_000_000, 750_000_000, 1_000_000_000)
    assert offsets_ns(even(4.0), 5, 0) == offsets_ns(even(4.0), 5, 99)


@MODEST
@given(RATES, st.floats(0.01, 100.0), st.integers(2, 50), SEEDS)
def test_bursts_keep_the_rate_exactly_and_one_seed_is_one_schedule(
    rate_rps: float, burstiness: float, count: int, seed: int
) -> None:
    times = offsets_ns(bursty(rate_rps, burstiness), count, seed)
    assert times == offsets_ns(bursty(rate_rps, burstiness), count, seed)
    assert times[0] == 0
    assert list(times) == sorted(times)
    assert times[-1] == pytest.approx((count - 1) / rate_rps * 1e9, abs=1)


@MODEST
@given(RATES, SEEDS)
def test_a_burstiness_of_1_is_the_poisson_process_of_the_same_seed(rate_rps: float, seed: int) -> None:
    poisson = offsets_ns(opened(rate_rps), 30, seed)
    assert offsets_ns(bursty(rate_rps, 1.0), 30, seed) == pytest.approx(poisson, rel=1e-9, abs=1)


@pytest.mark.parametrize("burstiness", [0.25, 1.0, 4.0])
def test_gaps_scatter_as_a_gamma_distribution_of_that_shape(burstiness: float) -> None:
    times = offsets_ns(bursty(10.0, burstiness), 20_001, 11)
    gaps = [(after - before) / 1e8 for before, after in itertools.pairwise(times)]
    assert statistics.fmean(gaps) == pytest.approx(1, abs=1e-6)
    assert statistics.variance(gaps) == pytest.approx(1 / burstiness, rel=0.08)


# Steps and ramps


def test_a_step_of_one_rate_is_the_open_loop_of_that_rate() -> None:
    for seed in range(3):
        assert offsets_ns(steps((2.0, None, 10.0)), 20, seed) == offsets_ns(opened(2.0), 20, seed)


def test_each_step_brings_its_own_number_of_requests_at_even_gaps() -> None:
    load = steps((1.0, None, 10.0), (5.0, None, 4.0), arrivals="constant")
    assert (load.requests, most_requests(load)) == (30, 30)
    times = [time / 1e9 for time in offsets_ns(load, 30, 0)]
    assert times[:10] == pytest.approx(range(10))
    assert times[10:] == pytest.approx([10 + index / 5 for index in range(20)])
    assert load.rate_rps == pytest.approx(30 / 14)
    assert span_s(load, 30) == 14.0


def test_a_ramp_brings_requests_by_the_area_under_its_rate() -> None:
    # From 0 to 8 a second in 10 s: after t seconds 0.4 t² have come.
    up = [time / 1e9 for time in offsets_ns(steps((0.0, 8.0, 10.0), arrivals="constant"), 40, 0)]
    assert up == pytest.approx([(index / 0.4) ** 0.5 for index in range(40)])
    down = [time / 1e9 for time in offsets_ns(steps((8.0, 0.0, 10.0), arrivals="constant"), 40, 0)]
    assert down == pytest.approx([10 - (10**2 - index / 0.4) ** 0.5 for index in range(40)])


def test_a_pause_brings_none() -> None:
    load = steps((0.0, None, 3.0), (1.0, None, 5.0), (0.0, None, 4.0), (2.0, None, 5.0), arrivals="constant")
    times = [time / 1e9 for time in offsets_ns(load, 15, 0)]
    assert times[:5] == pytest.approx([3, 4, 5, 6, 7])
    assert times[5:] == pytest.approx([12 + index / 2 for index in range(10)])


@MODEST
@given(
    st.lists(st.tuples(st.floats(0, 50), st.none() | st.floats(0, 50), st.floats(0.1, 20)), min_size=1, max_size=6),
    st.sampled_from(("poisson", "constant")),
    SEEDS,
)
def test_steps_never_go_back_and_never_outlast_their_segments(segments, arrivals, seed) -> None:
    load = steps(*segments, arrivals=arrivals)
    times = offsets_ns(load, load.requests, seed)
    assert len(times) == load.requests
    assert list(times) == sorted(times)
    assert all(0 <= time <= span_s(load, load.requests) * 1e9 + 1 for time in times)


def test_chance_lies_around_the_steps_as_around_a_rate() -> None:
    times = offsets_ns(steps((10.0, None, 100.0), (50.0, None, 100.0)), 6000, 4)
    before = sum(time < 100e9 for time in times)
    assert before == pytest.approx(1000, abs=4 * 1000**0.5)
    assert before != 1000


# Traces and slots


def test_a_trace_is_replayed_as_it_was() -> None:
    trace = Replay(kind="replay", name="t", offsets_ns=(0, 5, 5, 1_000_000_000))
    assert offsets_ns(trace, 4, 0) == offsets_ns(trace, 4, 1) == (0, 5, 5, 1_000_000_000)
    assert offsets_ns(trace, 2, 0) == (0, 5)
    assert (most_requests(trace), span_s(trace, 4), trace.rate_rps) == (4, 1.0, 3.0)


def test_more_than_a_load_has_is_our_own_bug() -> None:
    with pytest.raises(AssertionError, match="has 2 requests, not 3"):
        offsets_ns(Replay(kind="replay", name="t", offsets_ns=(0, 5)), 3, 0)


def test_slots_begin_evenly_over_the_time_given() -> None:
    assert slot_offsets_ns(closed(4), 100) == (0, 25, 50, 75)
    assert slot_offsets_ns(closed(3), 100) == (0, 33, 66)
    assert slot_offsets_ns(closed(1), 100) == (0,)
    assert slot_offsets_ns(closed(4), 0) == (0, 0, 0, 0)


def test_labels_tell_loads_apart() -> None:
    trace, other = (Replay(kind="replay", name="t", offsets_ns=(0, end)) for end in (5, 6))
    many = [steps(*((1.0, None, 1.0),) * count) for count in (2, 3, 4, 5)]
    loads: list[Load] = [
        *(opened(2.0), even(2.0), bursty(2.0, 1.0), bursty(2.0, 0.5), opened(1.2345678), opened(1.2345679)),
        *(closed(2), replace(closed(2), start="convoy"), replace(closed(2), ramp_s=2.0)),
        *(trace, other, *many, steps((1.0, 2.0, 1.0)), steps((1.0, 2.0, 1.0), arrivals="constant")),
    ]
    labels = [load.label() for load in loads]
    assert len(set(labels)) == len(labels)
    assert labels[:4] == ["r2", "r2c", "r2g1", "r2g0.5"]
    assert max(map(len, labels)) <= 16
