"""The level of a series between its steps, and how far a night lies from it by noise alone. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from enginebench.analysis.changes.noise import Floats, robust_variance
from enginebench.records import record

FEWEST = 5
"""Nights from which a noise band is told."""


@record
class Level:
    """A stretch of nights without a step."""

    first: str
    """Its first measured night."""
    last: str
    """Its last measured night."""
    centre: float
    """Median of its nights, a log."""
    nights: int
    """Measured nights in it."""


@record
class Fit:
    """A series as steps."""

    levels: tuple[Level, ...]
    """In order; they hold every measured night."""
    sd: float | None
    """Robust standard deviation of a night about its level, of logs; null: fewer than FEWEST nights to spare."""


def fit(nights: Sequence[str], logs: Floats, begins: Collection[str]) -> Fit:
    """The levels of a series, of which each of `nights` has one of `logs`, that steps in the nights `begins`.

    A step between two measured nights begins with the next one that is measured. Medians, so that a blip moves none.
    """
    order = np.argsort(nights, kind="stable")
    names, values = [nights[place] for place in order], logs[order]
    segment = np.array([sum(one <= night for one in begins) for night in names], dtype=np.int64)
    levels, residuals = [], np.full(len(values), math.nan)
    for one in np.unique(segment):
        (places,) = np.nonzero(segment == one)
        centre = float(np.median(values[places]))
        residuals[places] = values[places] - centre
        levels.append(Level(first=names[places[0]], last=names[places[-1]], centre=centre, nights=len(places)))
    spare = len(values) - len(levels)
    sd = math.sqrt(float(robust_variance(residuals)) * len(values) / spare) if spare >= FEWEST else None
    return Fit(levels=tuple(levels), sd=sd)
