"""Which level of a nesting varies, and how much: runs within server starts within nights within hosts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enginebench.records import record


@record
class Component:
    """What one level adds to the variance."""

    variance: float | None
    """Of the level's own effects; null where no unit above has two of them: then it is in the level above."""
    units: int
    """Units of the level."""
    df: int
    """Units less those of the level above: what the variance rests on."""


def components(values: NDArray[Any], keys: Sequence[pd.Series]) -> tuple[Component, ...]:
    """The variance that each level of a nesting adds, and last what is left from value to value.

    `keys` name for each value its unit on each level, from the top; units of one name in two units above are two. The
    first level is of what may differ for known reasons, as versions: it has no component. By analysis of variance and
    the method of moments for levels of unlike sizes (Searle, Casella, McCulloch: Variance Components, 1992, ch. 3); one
    below 0 is 0.
    """
    frame = pd.DataFrame({str(index): key.to_numpy() for index, key in enumerate(keys)})
    names = list(frame.columns)
    units = [frame.groupby(names[: k + 1], dropna=False).ngroup().to_numpy() for k in range(len(names))]
    units.append(np.arange(len(values)))
    counts = [np.bincount(one) for one in units]
    means = [(np.bincount(one, weights=values) / count)[one] for one, count in zip(units, counts, strict=True)]
    sizes = [count[one].astype(float) for one, count in zip(units, counts, strict=True)]
    variances: list[float | None] = [None] * len(units)
    for k in range(len(units) - 1, 0, -1):
        squares = float(((means[k] - means[k - 1]) ** 2).sum())
        weight = 1 / sizes[k] - 1 / sizes[k - 1]
        squares -= sum((variances[j] or 0.0) * float((sizes[j] * weight).sum()) for j in range(k + 1, len(units)))
        if len(counts[k]) > len(counts[k - 1]):
            variances[k] = max(squares / float((sizes[k] * weight).sum()), 0.0)
    return tuple(
        Component(variance=variances[k], units=len(counts[k]), df=len(counts[k]) - len(counts[k - 1]))
        for k in range(1, len(units))
    )
