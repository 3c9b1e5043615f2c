"""When a point may end: known by its interval, or its budget spent; checked against intervals worked out by hand."""

from __future__ import annotations

import math
import random

import pytest

from enginebench.intervals import interval
from enginebench.records import Stop, Until
from enginebench.stopping import judge

THREE = Until(within=0.02, at_least=3, at_most=10)


def test_a_point_is_known_once_half_its_interval_is_as_narrow_as_asked():
    # Logs 0 and ± a: the interval's half is t(2) a / √3 = 4.3027 a / √3 in logs.
    edge = 0.02 * math.sqrt(3) / 4.3027
    narrow = judge([math.exp(-0.99 * edge), 1.0, math.exp(0.99 * edge)], 3.0, THREE)
    assert narrow is not None
    assert (narrow.why, narrow.repeats, narrow.spent_s) == ("known", 3, 3.0)
    assert narrow.half_width == pytest.approx(0.02 * 0.99, rel=1e-3)
    assert judge([math.exp(-1.02 * edge), 1.0, math.exp(1.02 * edge)], 3.0, THREE) is None


def test_equal_values_are_not_known_before_the_least_number_of_runs():
    assert judge([100.0, 100.0], 1.0, THREE) is None
    assert judge([100.0] * 3, 1.0, THREE).why == "known"
    assert judge([100.0] * 4, 1.0, Until()) is None
    assert judge([100.0] * 5, 1.0, Until()).why == "known"


@pytest.mark.parametrize(
    ("runs", "spent_s", "more"), [(10, 1.0, True), (4, 60.0, True), (4, 1.0, False)], ids=["repeats", "seconds", "left"]
)
def test_a_spent_budget_ends_a_point_that_is_not_known(runs, spent_s, more):
    values = [100.0, 150.0] * 5
    stop = judge(values[:runs], spent_s, Until(at_most=10, seconds=60.0), more=more)
    assert (stop.why, stop.repeats) == ("budget", runs)
    assert stop.half_width > 0.02
    assert judge(values[:4], 59.0, Until(at_most=10, seconds=60.0)) is None


def test_runs_without_the_figure_tell_nothing_but_count_against_the_budget():
    assert judge([None, 100.0, None, 100.0], 1.0, THREE) is None
    nothing = judge([None] * 10, 1.0, THREE)
    assert (nothing.why, nothing.half_width, nothing.repeats) == ("budget", None, 10)
    assert judge([0.0] * 5, 1.0, THREE) is None, "no share of a figure that is 0"


def test_points_that_end_so_hold_the_truth_nearly_as_often_as_the_interval_says():
    draw = random.Random(4)
    held = 0
    for _ in range(400):
        values: list[float] = []
        stop = None
        while stop is None:
            values.append(100 * math.exp(draw.gauss(0, 0.02)))
            stop = judge(values, 0.0, Until())
        found = interval(values, [""] * len(values))
        held += found.low <= 100 <= found.high
    assert 0.91 <= held / 400 <= 0.98


@pytest.mark.parametrize(
    ("changes", "met"),
    [({}, True), ({"within": 0.01}, True), ({"within": 0.05}, False), ({"figure": "goodput_rps"}, False)],
)
def test_a_stop_counts_for_those_who_ask_no_more(changes, met):
    stop = {"why": "known", "figure": "output_tps_per_accelerator", "within": 0.02}
    assert Until().met_by(Stop(**{**stop, **changes}, half_width=0.01, repeats=5, spent_s=1.0)) is met


def test_a_point_given_up_for_its_budget_is_not_asked_again():
    stop = Stop(why="budget", figure=Until().figure, within=0.05, half_width=0.2, repeats=10, spent_s=1.0)
    assert Until().met_by(stop)
