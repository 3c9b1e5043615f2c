"""How much a series scatters from night to night, and how much one night's noise goes on into the next. Pure.

By the variogram: the spread of the differences between nights that lie 1, 2, … apart. A step spoils only the few pairs
that lie across it, a slow drift hardly any, and outliers are bounded; so the series' own past can be used as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FAR = (6, 8, 10, 12)
"""Nights apart at which nothing of the noise is taken to go on."""
_CLIP = 2.5
_CLIPPED_SHARE = 0.9205
"""What of the variance of normal noise is left when it is clipped at 2.5 standard deviations."""
_MAD = 1.4826


def robust_variance(values: Floats) -> Floats:
    """Variance about 0 along the last axis, of what is known of it, outliers bounded at 2.5 times their MAD."""
    magnitude = np.abs(values)
    with np.errstate(all="ignore"):
        rough = np.nan_to_num(_nanmedian(magnitude)) * _MAD
        clipped = np.minimum(magnitude, _CLIP * rough[..., None])
        known = np.isfinite(values)
        count = known.sum(axis=-1)
        total = np.where(known, clipped**2, 0).sum(axis=-1)
        found: Floats = np.where(count > 0, total / np.maximum(count, 1) / _CLIPPED_SHARE, np.nan)
    return found


def _nanmedian(values: Floats) -> Floats:
    """As numpy's, without its warning for nothing and several times as fast."""
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan)
    count = np.isfinite(values).sum(axis=-1)
    if not values.shape[-1]:
        return np.full(count.shape, np.nan)  # one night has no differences
    ordered = np.sort(values, axis=-1)  # the unknown comes last
    middle = np.stack([(np.maximum(count, 1) - 1) // 2, count // 2], axis=-1)
    middle = np.minimum(middle, values.shape[-1] - 1)
    found: Floats = np.take_along_axis(ordered, middle, axis=-1).mean(axis=-1)
    return np.where(count > 0, found, np.nan)


def variogram(values: Floats, segment: NDArray[np.int64], lag: int) -> tuple[Floats, NDArray[np.int64]]:
    """Half the variance of differences `lag` nights apart for each row, and of how many differences.

    `segment` numbers the stretches between breaks: pairs across a break are left out.
    """
    if values.shape[1] <= lag:
        return np.full(len(values), np.nan), np.zeros(len(values), dtype=np.int64)
    difference = values[:, lag:] - values[:, :-lag]
    difference = np.where(segment[:, lag:] == segment[:, :-lag], difference, np.nan)
    return robust_variance(difference) / 2, np.isfinite(difference).sum(axis=-1)


def estimate(values: Floats, segment: NDArray[np.int64]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """For each row of logs: variance of a night, autocorrelation of neighbouring nights, and by how many nights.

    Where nothing is known both are NaN.
    """
    near, n_near = variogram(values, segment, 1)
    far = [variogram(values, segment, lag) for lag in FAR]
    n_far = np.sum([n for _, n in far], axis=0)
    total = np.sum([np.nan_to_num(variance) * n for variance, n in far], axis=0) / np.maximum(n_far, 1)
    with np.errstate(all="ignore"):
        # Short series tell too low an autocorrelation by about 1.5 / n (a simulation).
        correlation = 1 - near / np.where(total > 0, total, np.nan) + 1.5 / np.maximum(n_near, 4)
    return np.where(n_far > 0, total, np.nan), correlation, n_far // len(FAR)


def shrink(found: Floats, uncertainty: Floats, *, expected: float, spread: float, fleet: int) -> Floats:
    """Estimates drawn towards what is expected, the more the less is known; NaN becomes what is expected.

    `uncertainty`: variance of each estimate. What is expected is `expected` give or take `spread`; of at least `fleet`
    rows it is their own mean and how much they differ beyond their uncertainty.
    """
    known = np.isfinite(found)
    middle, variance = expected, spread**2
    if known.sum() >= fleet:
        weight = 1 / (uncertainty[known] + variance)
        middle = float((found[known] * weight).sum() / weight.sum())
        apart = float(((found[known] - middle) ** 2 - uncertainty[known]).mean())
        variance = max(apart, (spread / 10) ** 2)
    share = variance / (variance + uncertainty)
    drawn: Floats = np.where(known, share * np.nan_to_num(found) + (1 - share) * middle, middle)
    return drawn
