"""A curve between its measured points: throughput at a given interactivity or TTFT. Nothing beyond them. Pure.

Only throughput is read between points; cost, power and energy are derived from what was read (`economics` takes these
tables). InferenceX has published of its calculator that a curve laid through costs is off by 4 times in one case of 20.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enginebench.analysis.parts import numbers
from enginebench.errors import mistake
from enginebench.records import record

CURVE = ("curve", "host", "load_kind")
"""What is one curve of points that `snapshot` gives."""
BESIDE = (
    *("curve", "host", "load_kind", "model", "precision", "engine", "engine_kind", "engine_version", "version"),
    *("version_label", "vendor", "product", "part", "devices", "parallelism", "recipe", "workload", "isl_tokens"),
    *("osl_tokens", "dummy_weights", "mixed", "missing"),
)
"""Columns of a curve's points that are kept beside what is read from it, where they are there."""


@record
class Knots:
    """The points of a curve, by ascending x; points of one x are one knot of their mean."""

    x: NDArray[np.float64]
    """Ascending, each once."""
    y: NDArray[np.float64]
    """Mean y of each."""
    place: NDArray[np.int64]
    """For each point given, its knot."""


@record
class Reading:
    """What a curve gives at one place."""

    value: float | None
    """Between points by monotone cubic, of two knots on the straight line; null: nothing was measured around it."""
    low: float | None = None
    """Lower end of its interval; null with `interval_reason`."""
    high: float | None = None
    """Upper end of its interval."""
    points: tuple[Hashable, ...] = ()
    """Labels of the points on both sides, or of those that lie at it; empty where there is no value."""
    knots: int = 0
    """Places of the curve at which it was measured."""
    reason: str = ""
    """Why there is no value; empty: there is one."""
    interval_reason: str = ""
    """Why there is no interval; empty: there is one, or no value either."""


def knots(x: NDArray[Any], y: NDArray[Any]) -> Knots:
    """The knots of points at `x` with `y`, in any order."""
    at, place = np.unique(np.asarray(x, dtype=float), return_inverse=True)
    return Knots(x=at, y=np.bincount(place, weights=y) / np.bincount(place), place=place)


def through(x: NDArray[Any], y: NDArray[Any]) -> Any:
    """The curve through knots at ascending `x`, 2 or more: PCHIP, which makes no hump of its own, the straight line of
    two knots; NaN beyond them."""
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(x, y, extrapolate=False)


@record
class Column:
    """A figure of some points, with both ends of its intervals; NaN where one is not known."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def take(self, rows: NDArray[Any]) -> Column:
        """Those of some rows, by place or by which are true."""
        return Column(value=self.value[rows], low=self.low[rows], high=self.high[rows])


def column(points: pd.DataFrame, name: str) -> Column:
    """A column of points with its `_low` and `_high`."""
    value, low, high = (numbers(points, f"{name}{end}").to_numpy() for end in ("", "_low", "_high"))
    return Column(value=value, low=low, high=high)


def read(curve: pd.DataFrame, x: str, y: str, target: float) -> Reading:
    """`y` of one curve's points where `x` is `target`; both are columns with `_low` and `_high` beside them.

    Its interval is had from those of the points around it. How far their y may lie off, as a share, is taken between
    them in proportion to the distance. So is how far their x may lie off, and the curve is read that much to the left
    and to the right of the target, as far as it goes. The ends are the least and the most of it: both figures of a
    point are of the same runs and err together.
    """
    assert math.isfinite(target)
    xs, ys = column(curve, x), column(curve, y)
    known = ~np.isnan(xs.value) & ~np.isnan(ys.value)
    if not known.any():
        return Reading(value=None, reason=f"no point has both {x} and {y}")
    return _read(xs.take(known), ys.take(known), list(curve.index[known]), target)


def _read(x: Column, y: Column, labels: Sequence[Hashable], target: float) -> Reading:
    """The same of points that all have both figures."""
    found = knots(x.value, y.value)
    count = len(found.x)
    if not found.x[0] <= target <= found.x[-1]:
        where = "lowest" if target < found.x[0] else "highest"
        beyond = f"{target:.6g} lies {'below' if where == 'lowest' else 'above'} the {where} measured"
        return Reading(value=None, knots=count, reason=f"{beyond}, {found.x[0 if where == 'lowest' else -1]:.6g}")
    right = int(np.searchsorted(found.x, target))
    sides = [right] if found.x[right] == target else [right - 1, right]
    around = [np.flatnonzero(found.place == side) for side in sides]
    on = tuple(labels[int(at)] for side in around for at in side)
    line = through(found.x, found.y) if count > 1 else None
    value = float(found.y[right]) if len(sides) == 1 or line is None else float(line(target))
    spans_x = [_span(x.take(side)) for side in around]
    spans_y = [_span(y.take(side), share=True) for side in around]
    if None in spans_x or None in spans_y:
        return Reading(value=value, points=on, knots=count, interval_reason="a point it rests on has no interval")
    way = (target - found.x[right - 1]) / (found.x[right] - found.x[right - 1]) if len(sides) > 1 else 0.0
    left, onward = _between(spans_x, way)
    below, above = _between(spans_y, way)
    # Points that lie too far left by something show at the target what holds so much further left.
    near = _along(found, line, target - onward, target + left) if line else []
    low, high = min([value, *near]) * (1 - below), max([value, *near]) * (1 + above)
    return Reading(value=value, low=low, high=high, points=on, knots=count)


def _span(side: Column, *, share: bool = False) -> tuple[float, float] | None:
    """How far the intervals of the points at one knot reach below and above their centre; null: there are none."""
    centre, low, high = float(side.value.mean()), float(side.low.min()), float(side.high.max())
    if math.isnan(low) or math.isnan(high) or (share and centre <= 0):
        return None
    below, above = centre - low, high - centre
    return (below / centre, above / centre) if share else (below, above)


def _between(spans: Sequence[tuple[float, float] | None], way: float) -> tuple[float, float]:
    """Of the spans on both sides what holds `way` (0 to 1) from the first to the last."""
    first, last = spans[0], spans[-1]
    assert first is not None
    assert last is not None
    return (1 - way) * first[0] + way * last[0], (1 - way) * first[1] + way * last[1]


def _along(found: Knots, line: Any, begin: float, end: float) -> list[float]:
    """The curve's least and greatest values from `begin` to `end`, as far as it goes: it turns at knots alone."""
    low, high = max(begin, found.x[0]), min(end, found.x[-1])
    inside = found.y[(found.x > low) & (found.x < high)]
    return [float(line(low)), float(line(high)), *(float(one) for one in inside)]


def at_target(
    points: pd.DataFrame, x: str, ys: Sequence[str], target: float, by: Sequence[str] = CURVE
) -> pd.DataFrame:
    """One row a curve: each of `ys` where `x` is `target`, in the units of the columns.

    A curve is all points of one `by`; give points of one night and version, as `snapshot` does, or have `night` and
    `version` in `by`. Read are the points that have `x` and every one of `ys`. Beside what the curve's points say of
    themselves there are `night` (the newest of the points it rests on, else of the curve), `x`, `target`, and for each
    y its value under its name with `_low` and `_high`; `between` (labels of the points around it), `loads` and `trials`
    of these, `knots`, `reason` where there is no value and `interval_reason` where there is no interval.
    """
    if not math.isfinite(target):
        raise mistake("target", f"{target} is no place on an axis", "give a finite number")
    beside = [name for name in BESIDE if name in points]
    columns = [*beside, "night", "x", "target", *(f"{y}{end}" for y in ys for end in ("", "_low", "_high"))]
    columns += ["between", "loads", "trials", "knots", "reason", "interval_reason"]
    axis, figures = column(points, x), {y: column(points, y) for y in ys}
    known = ~np.isnan(axis.value) & ~np.any([np.isnan(one.value) for one in figures.values()], axis=0)
    # Whole columns are taken out once: a table's cells one by one take thirty times as long.
    told = {name: points[name].to_numpy() for name in (*beside, "night", "load", "trials") if name in points}
    none = f"no point has {x} and {', '.join(ys)}"
    rows = []
    for at in _curves(points, by):
        whole = at[known[at]]
        labels = list(points.index[whole])
        found = {
            y: _read(axis.take(whole), one.take(whole), labels, target)
            if len(whole)
            else Reading(value=None, reason=none)
            for y, one in figures.items()
        }
        first = found[ys[0]]
        on = whole[[labels.index(label) for label in first.points]] if first.points else at
        rows.append(_row(told, beside, on, found) | {"x": x, "target": target})
    types = dict.fromkeys((f"{y}{end}" for y in ys for end in ("", "_low", "_high")), "float64")
    return pd.DataFrame(rows, columns=columns).astype(types)


def _curves(points: pd.DataFrame, by: Sequence[str]) -> list[NDArray[np.int64]]:
    """The places of each curve's points, in the order of their first."""
    keys = [name for name in by if name in points]
    if points.empty:
        return []
    order = points.groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
    places = np.argsort(order, kind="stable")
    return np.split(places, np.flatnonzero(np.diff(order[places])) + 1)


def _row(
    told: Mapping[str, Any], beside: Sequence[str], on: NDArray[np.int64], found: Mapping[str, Reading]
) -> dict[str, Any]:
    """What was read of one curve, beside what the points at places `on` say of themselves (`told`)."""
    first = next(iter(found.values()))
    row: dict[str, Any] = {name: told[name][on[0]] for name in beside}
    for y, one in found.items():
        row |= {y: one.value, f"{y}_low": one.low, f"{y}_high": one.high}
    named = {name: [told[name][at] for at in on] if name in told else [] for name in ("night", "load", "trials")}
    rests = bool(first.points)
    return row | {
        "night": max(named["night"], default=None),
        "between": list(first.points),
        "loads": named["load"] if rests else [],
        "trials": sorted({trial for one in named["trials"] for trial in one}) if rests else [],
        "knots": first.knots,
        "reason": first.reason,
        "interval_reason": next((one.interval_reason for one in found.values() if one.interval_reason), ""),
    }
