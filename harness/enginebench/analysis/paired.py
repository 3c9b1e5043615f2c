"""The runs of one comparison whose arms were measured in turn, held against each other block by block. Pure.

In a block every arm was measured once, one right after the other, so that a machine that drifts has drifted for both:
judged are the differences within blocks. Their number is what counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enginebench.analysis.compare import MARGIN, Comparison, Judged, held_against, some
from enginebench.analysis.estimate import LEAST, NO_RANGE, Estimate, at_equal, curves_of, whole
from enginebench.analysis.looks import Looks
from enginebench.analysis.slices import Slice
from enginebench.analysis.starts import Means
from enginebench.intervals import paired
from enginebench.records import record

_FAR_S = 1800.0
"""Starts of a block that lie farther apart than this, s, and than those of others, are told."""


def compare(
    runs: pd.DataFrame,
    a: Slice,
    b: Slice,
    *,
    looks: Looks,
    metrics: Sequence[str],
    margin: float = MARGIN,
    arms: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """Hold arm B against arm A, which the slices `a` and `b` chose, in the `runs` of one comparison.

    `runs` is what `Store.runs(comparison=…)` gives. Raises UserError for an arm without runs.
    """
    assert runs["comparison"].nunique() <= 1
    # A start that was killed and went on with another is one of its block.
    ordered = runs.sort_values(["started_utc", "run"]).assign(trial=runs["block"].map("{:06}".format))
    of_a, of_b = (some(ordered[ordered["arm"] == arm], one) for arm, one in zip(arms, (a, b), strict=True))
    found = held_against(a, b, of_a, of_b, metrics=metrics, margin=margin, how=Paired(looks=looks))
    return replace(found, notes=tuple(_torn(ordered)))


def _torn(runs: pd.DataFrame) -> Iterator[str]:
    """A line for each block whose arms lie far apart, so that what drifts is in their difference after all."""
    begun = runs.groupby(["block", "arm", "job_id"])["started_utc"].min().groupby("block")
    apart_s = (begun.max() - begun.min()).dt.total_seconds()
    far = apart_s[apart_s > np.maximum(_FAR_S, 3 * apart_s.median())]
    for block, seconds in far.items():
        apart = f"{seconds / 3600:.1f} h apart ({apart_s.median() / 60:.0f} min in the median block)"
        yield f"Block {int(str(block)) + 1}: its starts lie {apart}, so what drifts is in it"


def decided(found: Comparison, curves: Sequence[str], looks: Looks) -> bool:
    """Whether nothing more is to be learned of `curves`, keys as `Judged.curve`: each has a verdict in each metric, and
    so has each point that lies on no curve, from as many blocks as there must be."""
    on_curve = {(one.curve, one.metric) for one in found.curves}
    loners = [one for one in found.points if (one.curve, one.metric) not in on_curve]
    rows = [one for one in (*found.curves, *loners) if one.curve in curves]
    return bool(rows) and all(_known(one, looks) for one in rows)


def _known(one: Judged, looks: Looks) -> bool:
    enough = one.estimate is None or min(one.estimate.n_a, one.estimate.n_b) >= looks.least
    return one.verdict != "insufficient" and enough


@record
class Paired:
    """How estimates are had from blocks: `estimate.How`. What is a start to `Means` is a block here."""

    looks: Looks
    """How often it is looked at: intervals and p are corrected for it."""

    def figure(self, a: Means, b: Means, metric: str, margin: float) -> Estimate | None:
        """Of one metric of a point; null: neither side has it."""
        if not len(a.value(metric)) and not len(b.value(metric)):
            return None
        common = sorted(set(a.trials) & set(b.trials))
        rows = [[one.trials.index(trial) for trial in common] for one in (a, b)]
        values, logs = (
            np.array([table[at, side.columns[metric]] for table, at, side in zip(tables, rows, (a, b), strict=True)])
            for tables in ((a.values, b.values), (a.logs, b.logs))
        )
        had = ~np.isnan(values).any(axis=0)
        if not had.any():
            counts = len(a.value(metric)), len(b.value(metric))
            return Estimate(ratio=None, n_a=counts[0], n_b=counts[1], method=self._method(), lack=_too_few(0))
        if not np.isnan(logs[:, had]).any():
            return self._ratio(logs[0, had], logs[1, had], margin)
        return self._with_zeros(values[0, had], values[1, had], margin)

    def over_loads(self, loads: Sequence[tuple[Means, Means]], metric: str, margin: float) -> Estimate:
        """Of a metric over the loads of a curve, of the blocks in which both sides have all of them."""
        rows = whole([load[side] for side in (0, 1) for load in loads], metric)
        a, b = (half.mean(axis=1) for half in np.split(rows, 2, axis=1))
        return self._ratio(a, b, margin, lack=" with all loads")

    def at_equal_interactivity(
        self, loads: Sequence[tuple[Means, Means]], speed: str, rate: str, margin: float
    ) -> Estimate:
        """Of throughput `rate` over the interactivity `speed` that both sides share in all blocks."""
        rows = whole([load[side] for side in (0, 1) for load in loads], speed, rate)
        speed_a, speed_b, rate_a, rate_b = np.split(rows, 4, axis=1)
        sides = [curves_of(np.hstack(one)) for one in ((speed_a, rate_a), (speed_b, rate_b))]
        if not len(rows):
            return self._ratio(np.array([]), np.array([]), margin, lack=" with all loads")
        means, over = at_equal(sides)
        if not over:
            return Estimate(ratio=None, n_a=len(rows), n_b=len(rows), method=self._method(), lack=NO_RANGE)
        return self._ratio(means[0], means[1], margin, over=over)

    def _ratio(
        self, logs_a: NDArray[Any], logs_b: NDArray[Any], margin: float, *, over: str = "", lack: str = ""
    ) -> Estimate:
        """The ratio of figures whose logs in each block these are."""
        n = len(logs_a)
        counts: dict[str, Any] = {"n_a": n, "n_b": n, "method": self._method(), "over": over}
        if n < LEAST:
            centre = math.exp(float((logs_b - logs_a).mean())) if n else None
            return Estimate(ratio=centre, lack=_too_few(n) + lack, **counts)
        found = paired(logs_b - logs_a, level=self.looks.level(0.95), within=math.log1p(margin))
        return Estimate(
            ratio=math.exp(float(found.difference)),
            low=math.exp(float(found.low)),
            high=math.exp(float(found.high)),
            p=self.looks.overall(float(found.p)),
            p_equivalent=self.looks.one_sided(float(found.p_beyond)),
            df=float(found.df),
            **counts,
        )

    def _with_zeros(self, a: NDArray[Any], b: NDArray[Any], margin: float) -> Estimate:
        """Where a value is 0 there are no logs: the difference over A's mean."""
        n, base = len(a), float(a.mean())
        counts: dict[str, Any] = {"n_a": n, "n_b": n, "method": self._method("differences over A's mean")}
        if base <= 0 and b.any():
            return Estimate(ratio=None, lack="A is 0: no ratio to it", **counts)
        ratio = float(b.mean()) / base if base > 0 else 1.0
        if n < LEAST:
            return Estimate(ratio=ratio, lack=_too_few(n), **counts)
        found = paired((b - a) / (base or 1.0), level=self.looks.level(0.95), within=margin)
        return Estimate(
            ratio=ratio,
            low=1 + float(found.low),
            high=1 + float(found.high),
            p=self.looks.overall(float(found.p)),
            p_equivalent=self.looks.one_sided(float(found.p_beyond)),
            df=float(found.df),
            **counts,
        )

    def _method(self, of: str = "logs of per-start means") -> str:
        words = f"paired t on {of}, block by block"
        if self.looks.least == self.looks.most:
            return words
        return f"{words}, for looks after blocks {self.looks.least} to {self.looks.most} (Pocock)"


def _too_few(n: int) -> str:
    return f"an interval needs 2 blocks in which both have it, there is {n or 'none'}"
