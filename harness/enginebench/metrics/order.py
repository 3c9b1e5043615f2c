"""Order statistics: which sample a percentile is, how many it takes, and the interval it has. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Confidence of every interval."""
Samples = NDArray[np.float64]


def needed_samples(share: float) -> int:
    """Fewest samples of which a percentile at `share` (0.9 for p90) has an interval at 95 %.

    It lies below all samples or above all of them once in twenty at most: shareⁿ + (1 − share)ⁿ ≤ 0.05.
    """
    count = 1
    while share**count + (1 - share) ** count > 1 - LEVEL + 1e-12:
        count += 1
    return count


def rank(count: int, share: float) -> int:
    """Which of `count` sorted samples, from 0, the percentile at `share` is: the inverse of the empirical distribution,
    never interpolated."""
    return max(math.ceil(count * share - 1e-9) - 1, 0)


def interval_ranks(count: int, share: float) -> tuple[int, int] | None:
    """Which of `count` sorted samples, from 0, hold the percentile at `share` between them in 95 runs of 100 and more.

    Free of any distribution: the number of samples below the percentile is binomial. Half of the risk is left on each
    side; where the samples do not reach so far on one side, what that side takes is taken from the other. Null where
    the samples do not reach at all (see needed_samples()). Takes samples as independent.
    """
    # Here because its import takes a third of a second, which a client that only sends has no use for.
    from scipy.special import bdtr

    if count < needed_samples(share):
        return None
    deviation = math.sqrt(count * share * (1 - share))
    near = np.arange(
        max(0, math.floor(count * share - 8 * deviation) - 8),
        min(count, math.ceil(count * share + 8 * deviation) + 8) + 1,
    )
    # below[k]: that at most near[k] samples lie below the percentile; above[k]: that at least near[k] do.
    below = np.asarray(bdtr(near, count, share))
    above = 1 - np.concatenate([[bdtr(near[0] - 1, count, share) if near[0] else 0.0], below[:-1]])
    risk = 1 - LEVEL
    miss_low, miss_high = (1 - share) ** count, share**count
    low_risk = min(max(risk / 2, miss_low), risk - miss_high)
    high_risk = min(max(risk / 2, miss_high), risk - miss_low)
    # The percentile lies below sample k (from 0) when at most k samples lie below it, above it when more than k do.
    low = int(near[np.searchsorted(below, low_risk + 1e-12, side="right") - 1])
    high = int(near[np.argmax(above <= high_risk + 1e-12)]) - 1
    return low, high


def mean_interval(samples: Samples) -> tuple[float, float] | None:
    """Student's interval of the mean; null for fewer samples than a median has one of."""
    from scipy.special import stdtrit

    count = len(samples)
    if count < needed_samples(0.5):
        return None
    half = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * float(samples.std(ddof=1)) / math.sqrt(count)
    centre = float(samples.mean())
    return centre - half, centre + half
