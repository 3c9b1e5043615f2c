"""One series of a curve out of its points': they share a step, and each has noise of its own. Pure."""

from __future__ import annotations

import numpy as np

from enginebench.analysis.changes.noise import Floats, robust_variance
from enginebench.records import record

_ROUNDS = 40
"""At most; where points come and go their levels are found step by step."""
_STILL = 1e-4
"""Logs by which levels may still move when they count as found."""
_FAR = 4.0
"""Standard deviations beyond which a point counts as this far off the others of its night."""
_FLOOR = 0.25
"""No point weighs more than as if it had this share of the typical variance."""


@record
class Pool:
    """How points are made one."""

    levels: Floats
    """Typical distance of each point from the curve, in logs."""
    weights: Floats
    """How much each point counts; the noisier the less."""
    sd: Floats
    """Noise of each point from night to night, in logs."""

    def of(self, values: Floats, *, bounded: bool = True) -> Floats:
        """Nights (or starts) × points, logs, to one value each; points that are not there leave it to the others."""
        distance = values - self.levels
        known = np.isfinite(distance)
        weight = np.where(known, self.weights, 0.0)
        centre = _weighted_median(distance, weight)
        # One point gone astray must not move the curve.
        near = distance - centre[:, None]
        near = np.clip(near, -_FAR * self.sd, _FAR * self.sd) if bounded else near
        total = weight.sum(axis=1)
        moved = np.where(known, near * weight, 0.0).sum(axis=1) / np.maximum(total, 1e-300)
        return np.where(total > 0, centre + moved, np.nan)


def fit(values: Floats) -> Pool:
    """The pool of a curve, by its nights × points, logs; NaN: not measured."""
    points = values.shape[1]
    variance = robust_variance(np.diff(values, axis=0).T) / 2
    typical = float(np.nanmedian(variance)) if np.isfinite(variance).any() else 0.0
    variance = np.maximum(np.nan_to_num(variance, nan=typical), max(_FLOOR * typical, 1e-10))
    pool = Pool(levels=_column_medians(values), weights=1 / variance, sd=np.sqrt(variance))
    for _ in range(_ROUNDS if points > 1 else 1):
        # Where points are missing, the others tell how the night was.
        levels = _column_medians(values - pool.of(values, bounded=False)[:, None])
        moved = np.nanmax(np.abs(levels - pool.levels), initial=0.0)
        pool = Pool(levels=levels, weights=pool.weights, sd=pool.sd)
        if moved < _STILL:
            break
    return pool


def _column_medians(values: Floats) -> Floats:
    known = [column[np.isfinite(column)] for column in values.T]
    return np.array([np.median(column) if len(column) else np.nan for column in known])


def _weighted_median(values: Floats, weight: Floats) -> Floats:
    order = np.argsort(np.where(weight > 0, values, np.inf), axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    summed = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    middle = (summed < summed[:, -1:] / 2).sum(axis=1)
    found: Floats = np.take_along_axis(ordered, np.minimum(middle, values.shape[1] - 1)[:, None], axis=1)[:, 0]
    return np.where(summed[:, -1] > 0, found, 0.0)
