"""Per-start means: the level that varies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from enginebench.analysis.points import FAILED
from enginebench.records import record
from enginebench.stopping import SPOILT


@record
class Starts:
    """What the server starts of a slice gave, a row a start and point."""

    logs: Mapping[str, pd.DataFrame]
    """Series to the mean over repeats of the log of each metric: a row a start, a column a metric. Null where the start
    did not give it, or a value is not positive."""
    values: Mapping[str, pd.DataFrame]
    """The same of the values themselves."""
    left_out: Mapping[str, str]
    """Series of which no run may stand in a verdict, to why."""


def of_starts(runs: pd.DataFrame, metrics: Sequence[str]) -> Starts:
    """The starts of `runs`, but for what no verdict may rest on.

    Left out are runs with a mark that tells of others than the engine (`stopping.SPOILT`), and all of a point's runs of
    a night in which a start of it gave wrong answers (`points.eligible`).
    """
    names = list(metrics)
    failed = runs["marks"].map(lambda marks: FAILED in marks).astype(bool)
    wrong = failed.groupby([runs["series"], runs["night"]]).transform("any") if len(runs) else failed
    spoilt = runs["marks"].map(lambda marks: bool(SPOILT & set(marks))).astype(bool)
    kept = runs[~wrong & ~spoilt]
    why = {}
    for series in sorted(set(runs["series"]) - set(kept["series"])):
        own = runs["series"] == series
        marks = sorted({mark for found in runs[own]["marks"] for mark in found} & SPOILT)
        why[series] = "the server gave wrong answers" if wrong[own].any() else f"every run is marked {', '.join(marks)}"
    figures = kept[names].astype("float64")
    logs = figures.where(figures > 0).transform(np.log)
    # A start with a value of 0 has no mean of logs, rather than one of its other repeats.
    zero = (figures <= 0).groupby([kept["series"], kept["trial"]]).any()
    by = [kept["series"], kept["trial"]]
    return Starts(
        logs=_by_series(logs.groupby(by).mean().mask(zero)),
        values=_by_series(figures.groupby(by).mean()),
        left_out=why,
    )


def _by_series(means: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    return {str(series): group.droplevel(0) for series, group in means.groupby(level=0)}
