"""How much B differs from A, in one figure or over a curve, with an interval. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from enginebench.analysis.interpolation import knots, through
from enginebench.analysis.starts import Means
from enginebench.intervals import welch
from enginebench.records import record

LOGS = "Welch's t on logs of per-start means"
RAW = "Welch's t on per-start means, for some are 0; the ratio's interval takes A's mean as known"
NO_RANGE = "the curves share no range of interactivity"
LEAST = 2
"""Starts that each side must have: one start tells nothing of another."""


@record
class Estimate:
    """A ratio of B to A, and what it rests on."""

    ratio: float | None
    """B / A; null: no ratio can be told."""
    low: float | None = None
    """Lower end of its 95 % interval; null: too few server starts."""
    high: float | None = None
    """Upper end."""
    p: float | None = None
    """Probability of a ratio as far from 1, were there no difference; null as above."""
    p_equivalent: float | None = None
    """Of the two one-sided tests the greater probability: small if the ratio surely lies within the margin; null as
    above."""
    df: float | None = None
    """Degrees of freedom of Welch's t (`intervals.degrees`); null as above."""
    n_a: int
    """Server starts of A."""
    n_b: int
    """Server starts of B."""
    method: str = LOGS
    """How the interval was had."""
    lack: str = ""
    """Why there is no interval; empty: there is one."""
    over: str = ""
    """Range of interactivity it is over: `21 to 83 tok/s/user`; empty: of a point or of loads."""


class How(Protocol):
    """How the estimates of a point and of a curve are had: this module, for sides that were measured apart."""

    def figure(self, a: Means, b: Means, metric: str, margin: float) -> Estimate | None:
        """Of one metric of a point; null: neither side has it."""

    def over_loads(self, loads: Sequence[tuple[Means, Means]], metric: str, margin: float) -> Estimate:
        """Of a metric over the loads of a curve."""

    def at_equal_interactivity(
        self, loads: Sequence[tuple[Means, Means]], speed: str, rate: str, margin: float
    ) -> Estimate:
        """Of throughput `rate` over the interactivity `speed` that both sides share."""


def ratio(logs_a: NDArray[Any], logs_b: NDArray[Any], margin: float, over: str = "") -> Estimate:
    """The ratio of two figures, whose per-start means have these logs."""
    n_a, n_b = len(logs_a), len(logs_b)
    if min(n_a, n_b) < LEAST:
        centre = math.exp(logs_b.mean() - logs_a.mean()) if n_a and n_b else None
        return Estimate(ratio=centre, n_a=n_a, n_b=n_b, lack=_too_few(n_a, n_b), over=over)
    found = welch(logs_a, logs_b, within=math.log1p(margin))
    return Estimate(
        ratio=math.exp(float(found.difference)),
        low=math.exp(float(found.low)),
        high=math.exp(float(found.high)),
        p=float(found.p),
        p_equivalent=float(found.p_beyond),
        df=float(found.df),
        n_a=n_a,
        n_b=n_b,
        over=over,
    )


def figure(a: Means, b: Means, metric: str, margin: float) -> Estimate | None:
    """The estimate of one metric of a point; null: neither side has it."""
    values = [one.value(metric) for one in (a, b)]
    if not len(values[0]) and not len(values[1]):
        return None
    logs = [one.log(metric) for one in (a, b)]
    if all(len(log) == len(value) for log, value in zip(logs, values, strict=True)):
        return ratio(logs[0], logs[1], margin)
    return _with_zeros(values[0], values[1], margin)


def _with_zeros(a: NDArray[Any], b: NDArray[Any], margin: float) -> Estimate:
    """Where a value is 0 there are no logs: the difference over A's mean."""
    counts: dict[str, Any] = {"n_a": len(a), "n_b": len(b), "method": RAW}
    if not len(a) or not len(b):
        return Estimate(ratio=None, lack=_too_few(len(a), len(b)), **counts)
    base = float(a.mean())
    if base <= 0:
        if len(set(a) | set(b)) > 1 or min(len(a), len(b)) < LEAST:
            return Estimate(ratio=None, lack="A is 0: no ratio to it", **counts)
        return Estimate(ratio=1.0, low=1.0, high=1.0, p=1.0, p_equivalent=0.0, df=math.inf, **counts)
    if min(len(a), len(b)) < LEAST:
        return Estimate(ratio=float(b.mean()) / base, lack=_too_few(len(a), len(b)), **counts)
    found = welch(a, b, within=margin * base)
    return Estimate(
        ratio=float(b.mean()) / base,
        low=1 + float(found.low) / base,
        high=1 + float(found.high) / base,
        p=float(found.p),
        p_equivalent=float(found.p_beyond),
        df=float(found.df),
        **counts,
    )


def _too_few(n_a: int, n_b: int) -> str:
    return f"an interval needs 2 server starts of each: A has {n_a or 'none'}, B {n_b or 'none'}"


def over_loads(loads: Sequence[tuple[Means, Means]], metric: str, margin: float) -> Estimate:
    """The mean ratio of a metric over the loads of a curve: what a build does to all of them, free of each one's noise.

    `loads` are A's and B's means of each. A start that lacks one of them is left out: its mean would be over others.
    """
    means = [whole([load[side] for load in loads], metric).mean(axis=1) for side in (0, 1)]
    found = ratio(means[0], means[1], margin)
    return replace(found, lack=found.lack and f"{found.lack} with all loads")


def at_equal_interactivity(loads: Sequence[tuple[Means, Means]], speed: str, rate: str, margin: float) -> Estimate:
    """The mean ratio of throughput `rate` over the interactivity `speed` that all starts of both sides share.

    Every start that has all `loads` gives a curve: log throughput over log interactivity, between loads by PCHIP, which
    makes no hump of its own; beyond the lowest and highest load it is not told.
    """
    curves = [curves_of(whole([load[side] for load in loads], speed, rate)) for side in (0, 1)]
    n_a, n_b = map(len, curves)
    if not n_a or not n_b:
        return Estimate(ratio=None, n_a=n_a, n_b=n_b, lack=f"{_too_few(n_a, n_b)} with all loads")
    means, over = at_equal(curves)
    if not over:
        return Estimate(ratio=None, n_a=n_a, n_b=n_b, lack=NO_RANGE)
    return ratio(means[0], means[1], margin, over=over)


def whole(loads: Sequence[Means], *metrics: str) -> NDArray[Any]:
    """Logs of the starts that have all of some metrics at all loads: a row a start, a column a metric and load."""
    common = set(loads[0].trials).intersection(*(one.trials for one in loads))
    rows = [[one.trials.index(trial) for trial in sorted(common)] for one in loads]
    found = np.array([one.logs[at, one.columns[name]] for name in metrics for one, at in zip(loads, rows, strict=True)])
    full: NDArray[Any] = found.T[~np.isnan(found).any(axis=0)]
    return full


Curve = tuple[NDArray[Any], NDArray[Any]]
"""Ascending logs of interactivity, with the logs of throughput there."""


def curves_of(rows: NDArray[Any]) -> list[Curve]:
    """The curve of each start: of a row that has all speeds, then all throughputs."""
    found = []
    for row in rows:
        # Two loads of one interactivity are one knot.
        curve = knots(*np.split(row, 2))
        found.append((curve.x, curve.y))
    return found


def at_equal(sides: Sequence[Sequence[Curve]]) -> tuple[list[NDArray[Any]], str]:
    """Of each side the mean of each curve over the interactivity that all share, and that in words; empty: none."""
    every = [curve for side in sides for curve in side]
    low, high = max(x[0] for x, _ in every), min(x[-1] for x, _ in every)
    if low >= high:
        return [], ""
    means = [np.array([_mean(x, y, low, high) for x, y in side]) for side in sides]
    return means, f"{math.exp(low):.4g} to {math.exp(high):.4g} tok/s/user"


def _mean(x: NDArray[Any], y: NDArray[Any], low: float, high: float) -> float:
    """Mean of the curve through the knots between two values of x."""
    return float(through(x, y).integrate(low, high)) / (high - low)
