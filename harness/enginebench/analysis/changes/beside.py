"""What an older build, measured in the same nights, adds to a step's size. Pure.

The older build's figure of a night has the older build's level and the night's noise: what both builds meet of it falls
out. So it is one more observation in the same least squares, correlated with the newer build's, never a series of its
own.
"""

from __future__ import annotations

import functools

import numpy as np

from enginebench.analysis.changes import contrast
from enginebench.analysis.changes.noise import Floats
from enginebench.records import record

_NEVER = 1e6
"""Variance of a night in which the older build was not measured: it tells nothing."""


@record
class Window:
    """The older build of some rows, over the last `longest` nights of their windows."""

    values: Floats
    """Rows × nights, logs, on the same level as the window; 0 where it was not measured."""
    runs: Floats
    """How often it was measured; 0: not at all."""
    born: Floats
    """The newest night that its version was followed in, as a place in the window; may lie before it."""
    shared: Floats
    """A row: share that an older build meets of what a rerun of the newer one would meet again."""


@functools.lru_cache(maxsize=1024)
def _parts(hundredths: int, nights: int, longest: int, slope: float) -> tuple[Floats, Floats, Floats]:
    """Of steps, what goes on from night to night, each night itself, and level and slope, as columns of the last
    `longest` nights: they through the inverse of the covariance, all by all, and what goes on among those nights."""
    covariance = contrast.covariance(hundredths / 100, nights, slope)
    carried = min(hundredths / 100 / contrast.DECAY, 1.0)
    night = np.arange(nights)
    slow = carried * contrast.DECAY ** np.abs(night[:, None] - night[None, -longest:])
    level = contrast.level(nights, slope)[:, -longest:]
    columns = np.hstack([contrast.steps(nights, longest), slow, np.eye(nights)[:, -longest:], level])
    through = np.linalg.solve(covariance, columns)
    return through, columns.T @ through, slow[-longest:]


def joint(
    values: Floats, runs: Floats, redrawn: Floats, older: Window, hundredths: int, longest: int, slope: float
) -> tuple[Floats, Floats]:
    """As `contrast.exact`, with what the older build says."""
    nights = values.shape[1]
    through, inner, slow = _parts(hundredths, nights, longest, slope)
    own = 1 - min(hundredths / 100 / contrast.DECAY, 1.0)
    last = slice(2 * longest, 3 * longest)
    # The newer build's nights that were measured more often, by Woodbury's formula as in `contrast`.
    lessened = np.sqrt(own * redrawn[:, None] * (1 - 1 / runs))
    core = np.eye(longest) - lessened[:, :, None] * inner[last, last] * lessened[:, None, :]
    left = lessened[:, :, None] * inner[last]
    solved = np.linalg.solve(core, left)
    whole = inner + left.transpose(0, 2, 1) @ solved
    told = values @ through
    told = told + np.einsum("rlk,rl->rk", solved, lessened * told[:, last])
    # Steps stay; the older build's covariance with the newer one's is what goes on, the night itself, and the level.
    eye = np.eye(longest)
    mix = np.zeros((len(values), 4 * longest, 2 * longest))
    mix[:, :longest, :longest] = eye
    mix[:, longest : 2 * longest, longest:] = older.shared[:, None, None] * eye
    mix[:, last, longest:] = (older.shared * own * (1 - redrawn))[:, None, None] * eye
    mix[:, 3 * longest :, longest:] = eye
    whole = mix.transpose(0, 2, 1) @ whole @ mix
    told = np.einsum("rkl,rk->rl", mix, told)
    noise = own * (1 - redrawn[:, None] * (1 - 1 / np.maximum(older.runs, 1))) + np.where(older.runs > 0, 0, _NEVER)
    among = slow + contrast.level(nights, slope)[-longest:, -longest:] + noise[:, :, None] * eye
    among = among - whole[:, longest:, longest:]
    first = nights - np.arange(1, longest + 1)
    stepped = (older.born[:, :, None] >= first).astype(float) - whole[:, longest:, :longest]
    off = older.values - told[:, longest:]
    weighed = np.linalg.solve(among, np.concatenate([stepped, off[:, :, None]], axis=2))
    information = np.diagonal(whole[:, :longest, :longest], axis1=1, axis2=2) + np.einsum(
        "rls,rls->rs", stepped, weighed[:, :, :-1]
    )
    total = told[:, :longest] + np.einsum("rls,rl->rs", stepped, weighed[:, :, -1])
    return total / information, information
