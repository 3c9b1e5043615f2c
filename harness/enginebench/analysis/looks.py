"""What it costs to look again after every block, and to stop when it is enough. Pure.

A t test at 5 % after each of blocks 3 to 10 finds something where there is nothing in one case of six. So every look is
held to one stricter level (Pocock, Biometrika 1977), and intervals are as much wider: all of them hold the truth at
once in 95 %, whatever the rule by which one stops (repeated confidence intervals: Jennison and Turnbull, Group
Sequential Methods, 2000, chapter 9). Pocock's levels, for known variances, put into t let 5.9 % through for 5. Here the
level is that of t itself, by simulating what the smallest p of all looks is where nothing differs: 1.2 % for looks from
3 to 10.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enginebench.records import record

_SERIES = 100_000
"""Simulated comparisons: of a chance of 5 % the error is 0.07 %, of 1 % it is 0.03 %."""
_ENOUGH = 200
"""A chance that fewer of them tell is taken for its upper bound."""


@record
class Looks:
    """A comparison is looked at when it has so many blocks, and at each block after that."""

    least: int
    """Blocks at the first look, 2 or more."""
    most: int
    """Blocks at the last."""

    def overall(self, p: float) -> float:
        """The chance, where nothing differs, that any look gives so small a p of two sides."""
        if self.least == self.most:
            return p
        smallest = _smallest(self.least, self.most)
        below = int(np.searchsorted(smallest, p, side="right"))
        if below >= _ENOUGH:
            return below / _SERIES
        return min(p * (self.most - self.least + 1), _ENOUGH / _SERIES)

    def one_sided(self, p: float) -> float:
        """The same of p of one side."""
        return p if p >= 0.5 else min(0.5, self.overall(2 * p) / 2)

    def level(self, level: float) -> float:
        """The level of each look's interval by which all of them hold the truth at `level`."""
        if self.least == self.most:
            return level
        return 1 - float(np.quantile(_smallest(self.least, self.most), 1 - level))


@lru_cache(maxsize=8)
def _smallest(least: int, most: int) -> NDArray[Any]:
    """The smallest p of all looks, of each simulated comparison, in order."""
    from scipy.special import stdtr

    # Always the same numbers: the same runs get the same verdict.
    draw = np.random.default_rng(20261125)
    differences = draw.standard_normal((_SERIES, most))
    n = np.arange(least, most + 1)
    sums = np.cumsum(differences, axis=1)[:, least - 1 :]
    squares = np.cumsum(differences**2, axis=1)[:, least - 1 :]
    variance = (squares - sums**2 / n) / (n - 1)
    t = np.abs(sums) / np.sqrt(n * variance)
    return np.sort((2 * stdtr(n - 1, -t)).min(axis=1))
