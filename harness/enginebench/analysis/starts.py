"""Per-start means: the level that varies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enginebench.analysis.points import FAILED
from enginebench.records import record
from enginebench.stopping import SPOILT

WRONG = "the server gave wrong answers"
"""Why nothing of a point is used that a server answered wrongly."""


POINT = ("series", "night", "engine", "version", "host")
"""What is one point in this: another version's wrong answers in the same night are not its own."""


@record
class Means:
    """What the server starts of one point gave: arrays of a row a start, a column a metric."""

    trials: tuple[str, ...]
    """Each start."""
    columns: Mapping[str, int]
    """Metric to its column."""
    logs: NDArray[np.float64]
    """Means over repeats of the metrics' logs. NaN where a start did not give one, or one that is not positive."""
    values: NDArray[np.float64]
    """Means over repeats of the metrics themselves."""

    def log(self, metric: str) -> NDArray[np.float64]:
        """The logs of a metric of those starts that have it."""
        return _known(self.logs[:, self.columns[metric]])

    def value(self, metric: str) -> NDArray[np.float64]:
        """The metric of those starts that have it."""
        return _known(self.values[:, self.columns[metric]])


@record
class Starts:
    """What the server starts of a slice gave."""

    points: Mapping[str, Means]
    """Series to the means of its starts."""
    left_out: Mapping[str, str]
    """Series of which no run may stand in a verdict, to why."""


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values[~np.isnan(values)]
    return found


def usable(runs: pd.DataFrame) -> pd.Series:
    """Which runs a verdict may rest on.

    Not those with a mark that tells of others than the engine (`stopping.SPOILT`), that were invalidated or reproduce
    others, nor any of a point's runs of a night in which a start of it gave wrong answers (`points.eligible`).
    """
    return sound(runs) & ~_wrong(runs)


def sound(runs: pd.DataFrame) -> pd.Series:
    """Which runs would be usable if no server had given wrong answers: what does not hang on the other runs."""
    spoilt = runs["marks"].map(lambda marks: bool(SPOILT & set(marks))).astype(bool)
    return ~spoilt & ~invalid(runs) & runs["reproduces"].isna()


def why_not(runs: pd.DataFrame) -> str:
    """Why those of `runs` that are not usable are not, in words."""
    out = runs[~usable(runs)]
    words = {mark for found in out["marks"] for mark in found} & {*SPOILT, FAILED}
    words |= {"invalidated"} if invalid(out).any() else set()
    words |= {"a reproduction"} if out["reproduces"].notna().any() else set()
    return ", ".join(sorted(words))


def invalid(runs: pd.DataFrame) -> pd.Series:
    """Which runs were invalidated."""
    # Of a table made from results alone nothing is invalidated.
    return runs["invalid"].astype("str") != "" if "invalid" in runs else pd.Series(False, index=runs.index)


def answered_wrong(runs: pd.DataFrame) -> pd.Series:
    """Which runs, not invalidated, are of a server that gave wrong answers."""
    return runs["marks"].map(lambda marks: FAILED in marks).astype(bool) & ~invalid(runs)


def _wrong(runs: pd.DataFrame) -> pd.Series:
    return answered_wrong(runs).groupby([runs[name] for name in POINT], dropna=False).transform("any")


def of_starts(runs: pd.DataFrame, metrics: Sequence[str]) -> Starts:
    """The means of the starts of those `runs` that are usable."""
    names = list(metrics)
    kept = runs[usable(runs)]
    why = {}
    for series in sorted(set(runs["series"]) - set(kept["series"])):
        own = runs[runs["series"] == series]
        why[series] = WRONG if _wrong(own).any() else f"every run is left out: {why_not(own)}"
    return Starts(points=_points(names, *means(kept, names)), left_out=why)


def means(kept: pd.DataFrame, metrics: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of the metrics' logs and of the metrics over the repeats of each start: rows by series and trial."""
    figures = kept[list(metrics)].astype("float64")
    by = [kept["series"], kept["trial"]]
    values = figures.groupby(by).mean()
    logs = figures.where(figures > 0).transform(np.log).groupby(by).mean()
    # A start with a value of 0 has no mean of logs, rather than one of its other repeats.
    return logs.mask((figures <= 0).groupby(by).any()), values


def _points(names: Sequence[str], logs: pd.DataFrame, values: pd.DataFrame) -> Mapping[str, Means]:
    """The rows, sorted by series and trial, cut into series."""
    series, trials = (logs.index.get_level_values(level).to_numpy() for level in (0, 1))
    found, at = np.unique(series, return_index=True)
    columns = {name: index for index, name in enumerate(names)}
    both = logs.to_numpy(), values.to_numpy()
    ends = [*at, len(series)]
    return {
        str(one): Means(
            trials=tuple(trials[low:high]), columns=columns, logs=both[0][low:high], values=both[1][low:high]
        )
        for one, low, high in zip(found, ends, ends[1:], strict=False)
    }
