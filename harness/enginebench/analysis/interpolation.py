"""A curve between its measured points: throughput at a given interactivity or TTFT. Nothing beyond them. Pure.

Only throughput is read between points; cost, power and energy are derived from what was read (`economics` takes these
tables). InferenceX has published of its calculator that a curve laid through costs is off by 4 times in one case of 20.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
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


def read(curve: pd.DataFrame, x: str, y: str, target: float) -> Reading:
    """`y` of one curve's points where `x` is `target`; both are columns with `_low` and `_high` beside them.

    Its interval is had from those of the points around it. How far their y may lie off, as a share, is taken between
    them in proportion to the distance. So is how far their x may lie off, and the curve is read that much to the left
    and to the right of the target, as far as it goes. The ends are the least and the most of it: both figures of a
    point are of the same runs and err together.
    """
    assert math.isfinite(target)
    known = curve[numbers(curve, x).notna() & numbers(curve, y).notna()]
    if known.empty:
        return Reading(value=None, reason=f"no point has both {x} and {y}")
    found = knots(numbers(known, x).to_numpy(), numbers(known, y).to_numpy())
    count = len(found.x)
    if not found.x[0] <= target <= found.x[-1]:
        where = "lowest" if target < found.x[0] else "highest"
        beyond = f"{target:.6g} lies {'below' if where == 'lowest' else 'above'} the {where} measured"
        return Reading(value=None, knots=count, reason=f"{beyond}, {found.x[0 if where == 'lowest' else -1]:.6g}")
    right = int(np.searchsorted(found.x, target))
    sides = [right] if found.x[right] == target else [right - 1, right]
    around = [known[found.place == side] for side in sides]
    labels = tuple(label for side in around for label in side.index)
    line = through(found.x, found.y) if count > 1 else None
    value = float(found.y[right]) if len(sides) == 1 or line is None else float(line(target))
    spans_x = [_span(side, x) for side in around]
    spans_y = [_span(side, y, share=True) for side in around]
    if None in spans_x or None in spans_y:
        return Reading(value=value, points=labels, knots=count, interval_reason="a point it rests on has no interval")
    way = (target - found.x[right - 1]) / (found.x[right] - found.x[right - 1]) if len(sides) > 1 else 0.0
    left, onward = _between(spans_x, way)
    below, above = _between(spans_y, way)
    # Points that lie too far left by something show at the target what holds so much further left.
    near = _along(found, line, target - onward, target + left) if line else []
    low, high = min([value, *near]) * (1 - below), max([value, *near]) * (1 + above)
    return Reading(value=value, low=low, high=high, points=labels, knots=count)


def _span(side: pd.DataFrame, name: str, *, share: bool = False) -> tuple[float, float] | None:
    """How far the intervals of the points at one knot reach below and above their centre; null: there are none."""
    centre = float(numbers(side, name).mean())
    low, high = numbers(side, f"{name}_low"), numbers(side, f"{name}_high")
    if low.isna().any() or high.isna().any() or (share and centre <= 0):
        return None
    below, above = centre - float(low.min()), float(high.max()) - centre
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
    keys = [name for name in by if name in points]
    rows = [_row(curve, beside, x, ys, target) for _, curve in points.groupby(keys, dropna=False, sort=False)]
    figures = dict.fromkeys((f"{y}{end}" for y in ys for end in ("", "_low", "_high")), "float64")
    return pd.DataFrame(rows, columns=columns).astype(figures)


def _row(curve: pd.DataFrame, beside: Sequence[str], x: str, ys: Sequence[str], target: float) -> dict[str, Any]:
    whole = curve[numbers(curve, x).notna() & ~pd.concat([numbers(curve, y).isna() for y in ys], axis=1).any(axis=1)]
    found = {y: read(whole, x, y, target) for y in ys}
    first = found[ys[0]]
    on = curve.loc[list(first.points)] if first.points else curve
    row: dict[str, Any] = {name: on.iloc[0][name] for name in beside}
    for y, one in found.items():
        row |= {y: one.value, f"{y}_low": one.low, f"{y}_high": one.high}
    none = f"no point has {x} and {', '.join(ys)}" if whole.empty else first.reason
    return row | {
        "night": on["night"].max() if "night" in on else None,
        "x": x,
        "target": target,
        "between": list(first.points),
        "loads": list(on["load"]) if first.points and "load" in on else [],
        "trials": sorted({trial for trials in on["trials"] for trial in trials})
        if first.points and "trials" in on
        else [],
        "knots": first.knots,
        "reason": none,
        "interval_reason": next((one.interval_reason for one in found.values() if one.interval_reason), ""),
    }
