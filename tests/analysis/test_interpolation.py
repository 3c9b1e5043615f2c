"""A curve between its points: what it gives there, what it rests on, and that nothing is made up beyond."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enginebench import config
from enginebench.analysis.economics import economics
from enginebench.analysis.interpolation import at_target, read
from enginebench.errors import UserError

X, Y = "interactivity_p50_tps", "output_tps_per_accelerator"


def a_curve(*pairs, spread=None, spread_x=0.0, **more):
    """Points at (x, y); with `spread` their y lie within that share, their x within `spread_x` of it."""
    rows = []
    for index, (x, y) in enumerate(pairs):
        row = {"curve": "k", "host": "h", "load_kind": "closed", "night": f"2026-11-{20 + index}", "load": f"c{index}"}
        row |= {"trials": [f"t{index}"], X: x, Y: y, "vendor": "nvidia", "product": "NVIDIA H200", **more}
        for name, value, share in ((X, x, spread_x), (Y, y, spread)):
            none = spread is None or value is None
            row |= {f"{name}_low": None if none else value * (1 - share)}
            row |= {f"{name}_high": None if none else value * (1 + share)}
        rows.append(row)
    return pd.DataFrame(rows, index=[f"p{index}" for index in range(len(rows))])


def test_two_knots_are_a_straight_line():
    found = read(a_curve((10, 900), (50, 100)), X, Y, 30)
    assert found.value == pytest.approx(500)
    assert (found.points, found.knots, found.reason) == (("p0", "p1"), 2, "")
    assert read(a_curve((10, 900), (50, 100)), X, Y, 20).value == pytest.approx(700)


def test_more_are_a_monotone_cubic():
    # PCHIP by hand (Fritsch and Carlson's harmonic means, equal steps): slopes of 3 knots at x = 0, 1, 2 with
    # y = 0, 1, 3: inner 2·1·2/(1+2) = 4/3; first (3·1 − 2)/2 = 1/2. At 1/2: (y0 + y1)/2 + (d0 − d1)/8.
    found = read(a_curve((0, 0.0), (1, 1.0), (2, 3.0)), X, Y, 0.5)
    assert found.value == pytest.approx(0.5 + (0.5 - 4 / 3) / 8)
    assert found.points == ("p0", "p1")


def test_at_a_point_it_is_the_point():
    found = read(a_curve((10, 900), (30, 400), (50, 100)), X, Y, 30)
    assert (found.value, found.points) == (400, ("p1",))


def test_nothing_is_read_beyond_what_was_measured():
    curve = a_curve((10, 900), (50, 100))
    low, high = read(curve, X, Y, 9.99), read(curve, X, Y, 50.01)
    assert (low.value, low.reason) == (None, "9.99 lies below the lowest measured, 10")
    assert (high.value, high.reason) == (None, "50.01 lies above the highest measured, 50")
    assert read(a_curve((10, 900)), X, Y, 10).value == 900
    assert read(a_curve((10, 900)), X, Y, 11).value is None
    assert read(a_curve((10, None), (20, None)), X, Y, 15).reason == f"no point has both {X} and {Y}"


def test_a_point_without_the_figure_is_no_zero_on_the_way():
    assert read(a_curve((10, 900), (20, None), (50, 100)), X, Y, 30).value == pytest.approx(500)


def test_points_of_one_interactivity_are_one_knot_of_their_mean():
    found = read(a_curve((10, 900), (10, 700), (50, 100)), X, Y, 10)
    assert (found.value, found.points, found.knots) == (800, ("p0", "p1"), 2)


def test_the_interval_is_that_of_the_points_around():
    curve = a_curve((10, 900), (50, 100), spread=0.1)
    curve.loc["p1", f"{Y}_low"] = 70
    found = read(curve, X, Y, 20)
    # Lower ends lie off by 10 and 30 %, a quarter of the way between them: 15 %.
    assert (found.low, found.high) == (pytest.approx(700 * 0.85), pytest.approx(700 * 1.1))
    at = read(curve, X, Y, 50)
    assert (at.low, at.high) == (pytest.approx(70), pytest.approx(110))


def test_the_interval_covers_what_interactivity_is_off_by():
    curve = a_curve((10, 900), (50, 100), spread=0.0, spread_x=0.1)
    # In the middle x lies off by 1 and 5, so 3, either way: the line falls by 20 for each.
    found = read(curve, X, Y, 30)
    assert (found.low, found.high) == (pytest.approx(440), pytest.approx(560))
    # At the end the curve is read only as far as it goes.
    end = read(curve, X, Y, 50)
    assert (end.low, end.high) == (pytest.approx(100), pytest.approx(200))


def test_without_an_interval_of_both_points_there_is_none():
    curve = a_curve((10, 900), (50, 100), spread=0.1)
    curve.loc["p1", f"{Y}_high"] = None
    found = read(curve, X, Y, 30)
    assert (found.low, found.high) == (None, None)
    assert found.interval_reason == "a point it rests on has no interval"
    assert read(curve, X, Y, 10).low == pytest.approx(810)


def test_curves_are_read_each_for_itself_and_cost_comes_from_what_was_read():
    curves = pd.concat([a_curve((10, 900), (50, 100), spread=0.1), a_curve((10, 90), (20, 80), curve="other")])
    curves.index = pd.RangeIndex(len(curves))
    curves["devices"], curves["version_label"] = 1, "vllm 1.0"
    table = at_target(curves, X, [Y], 30)
    first, second = table.to_dict("records")
    assert (first[Y], first["between"], first["loads"], first["trials"]) == (500, [0, 1], ["c0", "c1"], ["t0", "t1"])
    assert (first["night"], first["target"], first["knots"]) == ("2026-11-21", 30, 2)
    assert math.isnan(second[Y])
    assert (second["between"], second["trials"], second["reason"]) == ([], [], "30 lies above the highest measured, 20")
    costs = economics(table, config.rates())
    # 1.59 $/h of an H200, from 500 tok/s, not from costs of the points around it: those would give 2.70.
    assert costs["output_usd_per_mtok"][0] == pytest.approx(1.59e6 / 3600 / 500)
    assert costs["output_usd_per_mtok_high"][0] > costs["output_usd_per_mtok"][0]
    assert costs["absent"][1]["output_usd_per_mtok"] == "no output throughput of the steady window"


def test_every_y_rests_on_the_same_points():
    curve = a_curve((10, 900), (30, 300), (50, 100))
    curve["total_tps_per_accelerator"] = [1800.0, None, 200.0]
    (row,) = at_target(curve, X, [Y, "total_tps_per_accelerator"], 30).to_dict("records")
    assert (row[Y], row["total_tps_per_accelerator"], row["between"]) == (500, 1000, ["p0", "p2"])


def test_no_points_and_no_target():
    assert list(at_target(a_curve().reindex(columns=["curve", "host", X, Y, "night"]), X, [Y], 1.0)["target"]) == []
    with pytest.raises(UserError):
        at_target(a_curve((1, 1)), X, [Y], math.nan)


_CURVES = st.lists(
    st.tuples(st.floats(1, 200), st.floats(1, 1e4)), min_size=2, max_size=8, unique_by=lambda pair: round(pair[0], 1)
)


@given(pairs=_CURVES, way=st.floats(0, 1))
def test_a_value_lies_between_the_points_around_it_and_in_its_interval(pairs, way):
    xs = sorted(x for x, _ in pairs)
    target = min(max(xs[0] + way * (xs[-1] - xs[0]), xs[0]), xs[-1])
    curve = a_curve(*pairs, spread=0.05, spread_x=0.02)
    found = read(curve, X, Y, target)
    around = curve.loc[list(found.points)]
    tiny = 1e-9 * around[Y].max()
    assert around[Y].min() - tiny <= found.value <= around[Y].max() + tiny
    assert around[X].min() <= target <= around[X].max()
    assert found.low <= found.value <= found.high


@given(pairs=_CURVES, beyond=st.floats(1e-6, 1e6))
def test_there_is_no_value_beyond_the_points(pairs, beyond):
    xs = [x for x, _ in pairs]
    curve = a_curve(*pairs)
    assert read(curve, X, Y, max(xs) + beyond).value is None
    assert read(curve, X, Y, min(xs) - beyond).value is None


@given(pairs=_CURVES, seed=st.integers(0, 99))
def test_the_order_of_points_does_not_matter(pairs, seed):
    curve = a_curve(*pairs, spread=0.05)
    target = float(np.mean([x for x, _ in pairs]))
    shuffled = read(curve.sample(frac=1, random_state=seed), X, Y, target)
    assert shuffled.value == pytest.approx(read(curve, X, Y, target).value)
