"""A trial held against the one it reproduces: what is compared, with which interval, and what is pointed out."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from enginebench.analysis.again import compare, figure
from stored import CLOSED, OPEN, a_job, a_run, a_trial

TPS, TTFT = "output_tps_per_accelerator", "ttft_mean_ns"
JOB = a_job(loads=(CLOSED, OPEN))


def trial(name, *runs):
    return a_trial(name, runs, job=JOB)


def tps(*values, **more):
    return [a_run(index, **{TPS: value}, **more) for index, value in enumerate(values)]


def test_every_point_and_metric_that_either_has_is_compared_in_order():
    recorded = trial("a", a_run(0, **{TPS: 10.0}), a_run(0, point=1, **{TPS: 4.0, TTFT: 5.0}))
    again = trial("b", a_run(0, **{TPS: 5.0}), a_run(0, point=1, **{TPS: 4.0}))
    found = [
        (one.point, one.metric, one.recorded.value, one.again.value, one.ratio) for one in compare(recorded, again)
    ]
    assert found == [
        ("short c8", TPS, 10.0, 5.0, 0.5),
        ("short r0.5", TPS, 4.0, 4.0, 1.0),
        ("short r0.5", TTFT, 5.0, None, None),
    ]


def test_only_points_that_were_asked_for_again_are_compared():
    recorded = trial("a", *tps(1.0), a_run(0, point=1, **{TPS: 4.0}))
    asked = tuple(key for key in recorded.attempt.runs if key.point == 1)
    again = replace(recorded, attempt=replace(recorded.attempt, runs=asked))
    assert {one.point for one in compare(recorded, again)} == {"short r0.5"}


def test_the_interval_is_over_repeats_and_of_a_single_run_that_within_it():
    several = figure(trial("a", *tps(9.0, 10.0, 11.0)), 0, TPS)
    assert several.value == pytest.approx((9 * 10 * 11) ** (1 / 3))
    assert several.low < 9 < 11 < several.high
    assert several.repeats == 3
    (run,) = tps(10.0)
    one = figure(trial("a", replace(run, intervals={TPS: (9.5, 10.5)})), 0, TPS)
    assert (one.value, one.low, one.high, one.repeats) == (10.0, 9.5, 10.5, 1)
    bare = figure(trial("a", run), 0, TPS)
    assert (bare.low, bare.high) == (None, None)


def test_spoilt_repeats_are_left_out_while_others_are_there():
    spoilt = a_run(1, marks=("neighbour",), **{TPS: 1.0})
    assert figure(trial("a", *tps(10.0), spoilt), 0, TPS).value == 10
    assert figure(trial("a", spoilt), 0, TPS).value == 1


@pytest.mark.parametrize(
    ("before", "after", "beyond"),
    [
        ((99.0, 100.0, 101.0), (119.0, 120.0, 121.0), True),
        ((99.0, 100.0, 101.0), (99.5, 100.5, 101.5), False),
        # Its own interval is narrow and far off, but the recorded one is so wide that it holds the new figure.
        ((60.0, 100.0, 140.0), (119.0, 120.0, 121.0), False),
        ((119.0, 120.0, 121.0), (60.0, 100.0, 140.0), False),
        ((100.0,), (120.0, 120.1, 120.2), False),
        ((), (120.0, 120.1, 120.2), False),
        ((0.0, 0.0), (1.0, 1.0), True),
    ],
)
def test_what_lies_beyond_both_intervals_is_pointed_out(before, after, beyond):
    (one,) = compare(trial("a", *tps(*before)), trial("b", *tps(*after)))
    assert one.beyond is beyond
    assert one.ratio is None if not before or not before[0] else math.isfinite(one.ratio)
