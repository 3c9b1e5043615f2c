"""How many server starts a verdict needs, from the noise that the store knows. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from enginebench.analysis.compare import FALSE_SHARE, MARGIN
from enginebench.analysis.starts import POINT, usable
from enginebench.analysis.variance import components
from enginebench.intervals import degrees
from enginebench.records import record

EFFECTS = (0.02, 0.03, 0.05)
"""Differences that are told unless another is asked for."""
SHARE = 0.8
"""Share of tries in which a true difference is to get its verdict."""
MOST = 100
"""More starts than these are no plan."""
ALIKE = ("series", "version", "host")
"""Columns that must be equal for starts to differ by noise alone."""
NEEDED = tuple(dict.fromkeys((*ALIKE, *POINT, "trial", "marks", "invalid", "reproduces")))
"""Columns of the table of runs that noise is learned from, beside the metric's."""
_CELLS = 64
"""Quantiles of each side's variance that power is a mean over; more change it by less than 0.002."""


@record
class Noise:
    """What varies though nothing was changed: standard deviations of logs, so shares of the figure."""

    start: float
    """From server start to server start, beyond what its repeats explain."""
    repeat: float | None
    """From repeat to repeat on one start; null where no start has two: then it is in `start`."""
    starts: int
    """Server starts it was learned from."""
    df: int
    """Of these, how many are compared with another of the same version and host: the fewer, the rougher."""

    def of_mean(self, repeats: int) -> float:
        """Of the mean of so many repeats of one start."""
        return math.sqrt(self.start**2 + (self.repeat or 0.0) ** 2 / repeats)


@record
class Need:
    """How many server starts a side a verdict on one point needs."""

    series: str
    """The point's series."""
    point: str
    """The point, in words."""
    noise: Noise
    """What the store knows of its noise."""
    starts: Mapping[float, int | None]
    """Difference, a share, to the starts that find it; null: more than a hundred."""


def noise(runs: pd.DataFrame, metric: str) -> Noise | None:
    """The noise of a metric in runs of one series; null without two starts of the same version on the same host."""
    known = runs[usable(runs) & (runs[metric] > 0)] if len(runs) else runs
    if known.empty:
        return None
    alike = known.groupby(list(ALIKE), dropna=False).ngroup()
    start, repeat = components(np.log(known[metric].to_numpy()), [alike, known["trial"]])
    if start.variance is None:
        return None
    several = known["trial"].groupby(alike).transform("nunique") > 1
    return Noise(
        start=math.sqrt(start.variance),
        repeat=None if repeat.variance is None else math.sqrt(repeat.variance),
        starts=known["trial"][several].nunique(),
        df=start.df,
    )


def margin_for(effect: float) -> float:
    """The margin with which `compare` can call a difference: its own, or half the difference where that is less.

    A difference of just the margin is beyond it in every other try only.
    """
    return min(MARGIN, effect / 2)


def power(effect: float, deviation: float, starts: int) -> float:
    """Share of tries in which `compare` gives a true ratio of 1 + `effect` its verdict.

    `starts` a side, 2 or more, whose means of logs vary by `deviation`. Exact but for the number of cells: given both
    variances, Welch's test is a normal one, and each variance is a chi-square.
    """
    from scipy.special import gammaincinv, ndtr, stdtrit

    if deviation == 0:
        return 1.0
    quantiles = (np.arange(_CELLS) + 0.5) / _CELLS
    half = (starts - 1) / 2
    variance = gammaincinv(half, quantiles) / half * deviation**2 / starts
    a, b = variance[:, None], variance[None, :]
    critical = stdtrit(degrees(a, starts, b, starts), 1 - FALSE_SHARE / 2) * np.sqrt(a + b)
    beyond = np.maximum(critical, math.log1p(margin_for(effect)))
    return float(ndtr((math.log1p(effect) - beyond) / (deviation * math.sqrt(2 / starts))).mean())


def starts_needed(effect: float, found: Noise, repeats: int) -> int | None:
    """Fewest starts a side, of so many repeats each, that find a difference in SHARE of tries; null: beyond MOST."""
    low, high = 1, MOST + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, found.of_mean(repeats), middle) >= SHARE else (middle, high)
    return high if high <= MOST else None


def needs(
    runs: pd.DataFrame, points: Mapping[str, str], metric: str, repeats: int, effects: Iterable[float] = EFFECTS
) -> tuple[Need, ...]:
    """What each of `points` (series to words) needs whose noise the table of runs knows."""
    wanted = tuple(effects)
    found = []
    for series, words in points.items():
        known = noise(runs[runs["series"] == series], metric)
        if known is not None:
            starts = {effect: starts_needed(effect, known, repeats) for effect in wanted}
            found.append(Need(series=series, point=words, noise=known, starts=starts))
    return tuple(found)
