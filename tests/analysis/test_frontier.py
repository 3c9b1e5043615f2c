"""The frontier: cases seen by eye, and its defining law on any points."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench.analysis.frontier import MARKED, frontier, mark_frontier
from enginebench.stopping import CLIENT

few = st.integers(0, 6).map(float)
points = st.lists(st.tuples(few, few), max_size=20)
STAIRS = [(1.0, 9.0), (2.0, 8.0), (2.0, 7.0), (5.0, 5.0), (4.0, 4.0), (9.0, 1.0)]


@pytest.mark.parametrize(
    ("x_higher", "y_higher", "expected"),
    [(True, True, (0, 1, 3, 5)), (True, False, (5,)), (False, True, (0,)), (False, False, (0, 2, 4, 5))],
)
def test_each_way_of_being_better(x_higher, y_higher, expected):
    assert frontier(STAIRS, x_higher=x_higher, y_higher=y_higher) == expected


def test_equal_points_stay_together():
    assert frontier([(1.0, 1.0), (1.0, 1.0), (0.0, 1.0)]) == (0, 1)


def test_few_points():
    assert frontier([]) == ()
    assert frontier([(3.0, -2.0)]) == (0,)


def beats(a, b, x_higher, y_higher):
    """Whether `a` is as good as `b` in both and better in one."""
    gains = ((a[0] - b[0]) * (1 if x_higher else -1), (a[1] - b[1]) * (1 if y_higher else -1))
    return min(gains) >= 0 and max(gains) > 0


@settings(max_examples=150, deadline=None)
@given(points, st.booleans(), st.booleans())
def test_what_is_on_it_is_beaten_by_none_and_what_is_not_by_one_on_it(given_points, x_higher, y_higher):
    found = frontier(given_points, x_higher=x_higher, y_higher=y_higher)
    assert list(found) == sorted(set(found))
    best = [given_points[index] for index in found]
    for index, point in enumerate(given_points):
        if index in found:
            assert not any(beats(other, point, x_higher, y_higher) for other in given_points)
        else:
            assert any(beats(other, point, x_higher, y_higher) for other in best)


@settings(max_examples=50, deadline=None)
@given(points, st.randoms(use_true_random=False))
def test_the_order_of_points_does_not_matter(given_points, random):
    shuffled = random.sample(given_points, len(given_points))
    assert sorted(shuffled[index] for index in frontier(shuffled)) == sorted(
        given_points[index] for index in frontier(given_points)
    )


def marked(*rows, **asked):
    table = pd.DataFrame(
        [{"marks": [], "failed_quality": False, "invalid": False, "reproduces": None, **row} for row in rows],
        index=list("abcdefgh")[: len(rows)],
    )
    return mark_frontier(table, "x", "y", **asked)


def test_what_is_dominated_names_what_beats_it_and_what_is_left_out_says_why():
    found = marked(
        {"x": 1.0, "y": 9.0},
        {"x": 2.0, "y": 8.0},
        {"x": 2.0, "y": 7.0},
        {"x": 9.0, "y": 99.0, "failed_quality": True},
        {"x": 9.0, "y": None},
        {"x": 9.0, "y": 9.0, "invalid": True},
        {"x": 9.0, "y": 9.0, "reproduces": "t"},
        {"x": 9.0, "y": 9.0, "marks": [CLIENT]},
    )
    assert list(found.columns) == list(MARKED)
    assert list(found["on_frontier"]) == [True, True] + [False] * 6
    assert list(found["dominated_by"])[:3] == [None, None, "b"]
    assert list(found["left_out"]) == [
        *("", "", "", "the server gave wrong answers", "no y", "every run was invalidated", "a reproduction"),
        "the client was too late in every run",
    ]


def test_points_are_held_against_those_of_their_own_group():
    rows = [{"x": 1.0, "y": 1.0, "model": "a"}, {"x": 2.0, "y": 2.0, "model": "b"}, {"x": 0.0, "y": 0.0, "model": "b"}]
    assert list(marked(*rows, by=["model"])["on_frontier"]) == [True, True, False]
    assert list(marked(*rows)["on_frontier"]) == [False, True, False]
    assert marked(rows[0], by=["model"])["on_frontier"].all()
    none = pd.DataFrame(columns=["marks", "failed_quality", "invalid", "reproduces", "x", "y", "model"])
    assert list(mark_frontier(none, "x", "y", by=["model"]).columns) == list(MARKED)
