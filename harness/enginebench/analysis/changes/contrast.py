"""The step that fits best at the end of a series whose noise goes on from night to night. Pure.

Generalised least squares: level and slow slope are unknown, the noise of neighbouring nights is correlated, and a night
that was measured several times counts for more.
"""

from __future__ import annotations

import functools

import numpy as np

from enginebench.analysis.changes.noise import Floats

DECAY = 0.65
"""How much of the correlated part of the noise is left a night later."""
_LEVEL = 1e4
"""Variance of the unknown level, in units of the noise's: as good as nothing known."""


def covariance(autocorrelation: float, nights: int, slope: float) -> Floats:
    """Of `nights` neighbouring nights measured once, in units of the noise's variance; `slope`: of a night's drift."""
    night = np.arange(nights)
    carried = min(autocorrelation / DECAY, 1.0)
    found: Floats = carried * DECAY ** np.abs(night[:, None] - night[None, :]) + (1 - carried) * np.eye(nights)
    return found + level(nights, slope)


def level(nights: int, slope: float) -> Floats:
    """What of the covariance comes from not knowing level and slope."""
    night = np.arange(nights, dtype=np.float64) - nights
    found: Floats = _LEVEL + slope**2 * np.outer(night, night)
    return found


def steps(nights: int, longest: int) -> Floats:
    """One column a step: 1 in the last 1, 2, … `longest` nights."""
    return (np.arange(nights)[:, None] >= nights - np.arange(1, longest + 1)[None, :]).astype(float)


@functools.lru_cache(maxsize=4096)
def weights(hundredths: int, nights: int, longest: int, slope: float) -> tuple[Floats, Floats]:
    """What each night weighs in each step's size, for nights measured once, and the information on that size.

    `hundredths`: autocorrelation in hundredths. Weights are nights × steps; `values @ weights / information` is the
    size.
    """
    shape = steps(nights, longest)
    weight = np.asarray(np.linalg.solve(covariance(hundredths / 100, nights, slope), shape), dtype=np.float64)
    information: Floats = (shape * weight).sum(axis=0)
    return weight, information


@functools.lru_cache(maxsize=4096)
def _inverse(hundredths: int, nights: int, longest: int, slope: float) -> tuple[Floats, Floats]:
    """The last `longest` columns of the inverse of the covariance, and what of them falls on each step."""
    whole = np.asarray(np.linalg.inv(covariance(hundredths / 100, nights, slope)), dtype=np.float64)
    inverse = whole[:, -longest:]
    on_steps: Floats = steps(nights, longest).T @ inverse
    return inverse, on_steps


def exact(
    values: Floats, runs: Floats, redrawn: Floats, hundredths: int, longest: int, slope: float
) -> tuple[Floats, Floats]:
    """Size of each step and the information on it, rows × steps, for rows whose last nights were measured `runs` times.

    `runs`: of the last `longest` nights; those before count as measured once. `redrawn`: for each row, the share of a
    night's own noise that another run draws anew.
    """
    nights = values.shape[1]
    weight, information = weights(hundredths, nights, longest, slope)
    columns, on_steps = _inverse(hundredths, nights, longest, slope)
    own = 1 - min(hundredths / 100 / DECAY, 1.0)
    # The inverse of a covariance that is smaller on the diagonal, by Woodbury's formula, from the one that is shared.
    lessened = np.sqrt(own * redrawn[:, None] * (1 - 1 / runs))
    core = np.eye(longest) - lessened[:, :, None] * columns[-longest:][None] * lessened[:, None, :]
    left = lessened[:, :, None] * on_steps.T[None]
    solved = np.linalg.solve(core, left)
    right = lessened * (values @ columns)
    gained = np.einsum("ijk,ijk->ik", left, solved)
    return (values @ weight + np.einsum("ij,ijk->ik", right, solved)) / (information + gained), information + gained
