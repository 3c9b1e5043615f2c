"""The Pareto set of points, and what keeps the others off it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from enginebench.analysis.parts import numbers
from enginebench.analysis.points import why_not_eligible

MARKED = ("on_frontier", "dominated_by", "left_out")
"""Columns of `mark_frontier`."""


def frontier(points: Sequence[tuple[float, float]], *, x_higher: bool = True, y_higher: bool = True) -> tuple[int, ...]:
    """Indices, ascending, of the points (x, y) that no other point beats in one direction and equals or beats in both.

    `x_higher` and `y_higher` say which way is better. Equal points stay together.
    """
    better = _better(points, x_higher=x_higher, y_higher=y_higher)
    return tuple(index for index, other in enumerate(better) if other is None)


def _better(points: Sequence[tuple[float, float]], *, x_higher: bool, y_higher: bool) -> list[int | None]:
    """For each point one of the frontier that beats it; null: it is on the frontier itself."""
    signed = [(x if x_higher else -x, y if y_higher else -y) for x, y in points]
    found: list[int | None] = [None] * len(signed)
    # From the best x on: who is no better in y than one before it is beaten by that one, but for an equal.
    best: int | None = None
    for index in sorted(range(len(signed)), key=lambda at: signed[at], reverse=True):
        if best is None or signed[index][1] > signed[best][1]:
            best = index
        elif signed[index] != signed[best]:
            found[index] = best
    return found


def mark_frontier(
    points: pd.DataFrame,
    x: str,
    y: str,
    *,
    x_higher: bool = True,
    y_higher: bool = True,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """MARKED of each point, by its index: whether it is on the frontier of `y` over `x` of those that share `by`, the
    label of a point there that beats it, and why it was not looked at (empty: it was).

    Left out are points that are not `eligible` and those without `x` or `y`: they are on no frontier
    and beat no other, and are to be counted on the page.
    """
    reasons = why_not_eligible(points)
    for name in (x, y):
        lacking = numbers(points, name).isna()
        reasons = reasons.where(~lacking | (reasons != ""), f"no {name}")
    found = pd.DataFrame({"on_frontier": False, "dominated_by": None, "left_out": reasons}, index=points.index)
    found["dominated_by"] = found["dominated_by"].astype("object")
    kept = points[reasons == ""]
    groups = [group for _, group in kept.groupby(list(by), dropna=False, sort=False)] if by and len(kept) else [kept]
    for group in groups:
        pairs = list(zip(numbers(group, x), numbers(group, y), strict=True))
        better = _better(pairs, x_higher=x_higher, y_higher=y_higher)
        labels: list[Hashable] = list(group.index)
        found.loc[labels, "on_frontier"] = [one is None for one in better]
        beaten = np.empty(len(labels), dtype=object)
        beaten[:] = [None if one is None else labels[one] for one in better]
        found.loc[labels, "dominated_by"] = beaten
    return found
