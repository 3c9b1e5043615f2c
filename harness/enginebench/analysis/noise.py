"""Where noise comes from, requests, repeats, server starts, nights or hosts, and what halves an interval. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from enginebench.analysis.starts import usable
from enginebench.analysis.variance import components
from enginebench.records import Run, record

LEVELS = ("hosts", "nights", "starts", "repeats", "requests")
"""From the widest: each varies within those before it."""
_KEYS = ("host", "night", "trial")
_MOST = 200
"""More starts or repeats than these are no advice."""


@record
class Level:
    """What one level adds to the noise."""

    name: str
    """One of LEVELS."""
    deviation: float | None
    """Standard deviation of its own effects, a share of the figure; null: not known, and in the level before it."""
    share: float | None
    """Its share of the variance of a single run; null as above."""
    df: int | None
    """How many independent differences it was learned from; null of requests, whose variance is the runs' own."""


@record
class Diagnosis:
    """The noise of one metric of one point."""

    point: str
    """The point, in words."""
    metric: str
    """The metric."""
    starts: int
    """Server starts a version and host, the median."""
    repeats: int
    """Repeats a start, the median."""
    levels: tuple[Level, ...]
    """Each of LEVELS."""
    half_width: float | None
    """Half of the 95 % interval that such starts and repeats give, a share of the figure; null of a single start."""
    advice: tuple[str, ...]
    """What would halve it, and what would not, a line each."""


def request_variances(runs: Iterable[Run], metric: str) -> Mapping[str, float]:
    """Run to the variance of the log of its metric by the requests it is of: from its interval within the run."""
    known = {run.id: run.intervals[metric] for run in runs if metric in run.intervals}
    return {key: (math.log(high / low) / 2 / 1.96) ** 2 for key, (low, high) in known.items() if 0 < low <= high}


def diagnose(
    runs: pd.DataFrame, metric: str, requests: Mapping[str, float], points: Mapping[str, str]
) -> tuple[Diagnosis, ...]:
    """The noise of a metric of each of `points` (series to words) of which two usable runs of one version are stored.

    `requests` is what `request_variances` tells of the runs.
    """
    kept = runs[usable(runs) & (runs[metric] > 0)]
    groups = {str(series): group for series, group in kept.groupby("series", sort=False)}
    found = [_of_point(groups[series], metric, requests, words) for series, words in points.items() if series in groups]
    return tuple(one for one in found if one is not None)


def _of_point(runs: pd.DataFrame, metric: str, requests: Mapping[str, float], words: str) -> Diagnosis | None:
    version = runs["version"]
    parts = components(np.log(runs[metric].to_numpy()), [version, *(runs[name] for name in _KEYS)])
    if all(one.variance is None for one in parts):
        return None
    variances = [one.variance for one in parts]
    told = [requests[run] for run in runs["run"] if run in requests]
    of_requests = None
    if told:
        lowest = max(index for index, one in enumerate(variances) if one is not None)
        whole = variances[lowest] or 0.0
        of_requests = min(sum(told) / len(told), whole)
        variances[lowest] = whole - of_requests
    variances.append(of_requests)
    total = sum(one or 0.0 for one in variances)
    dfs = [*(one.df for one in parts), None]
    levels = tuple(
        Level(
            name=name,
            deviation=None if one is None else math.sqrt(one),
            share=None if one is None else one / total if total else 0.0,
            df=df,
        )
        for name, one, df in zip(LEVELS, variances, dfs, strict=True)
    )
    starts = int(runs.groupby([version, "host"], dropna=False)["trial"].nunique().median())
    repeats = max(round(float(runs.groupby("trial").size().median())), 1)
    return Diagnosis(
        point=words,
        metric=metric,
        starts=starts,
        repeats=repeats,
        levels=levels,
        half_width=_half_width([one or 0.0 for one in variances], starts, repeats),
        advice=_advice([one or 0.0 for one in variances], starts, repeats),
    )


def _of_start(variances: Sequence[float], repeats: float, requests: float = 1.0) -> float:
    """Variance of a start's mean, of `repeats` runs with `requests` times as many requests each."""
    return sum(variances[:3]) + (variances[3] + variances[4] / requests) / repeats


def _half_width(variances: Sequence[float], starts: int, repeats: int) -> float | None:
    from scipy.special import stdtrit

    if starts < 2:
        return None
    return float(stdtrit(starts - 1, 0.975)) * math.sqrt(_of_start(variances, repeats) / starts)


def _advice(variances: Sequence[float], starts: int, repeats: int) -> tuple[str, ...]:
    """What halves the interval, a line a thing that can be changed."""
    now = _half_width(variances, starts, repeats)
    if now is None:
        return ("measure two server starts or more of a version: an interval needs them",)
    if not now:
        return ()
    more = next((n for n in range(starts, _MOST + 1) if (_half_width(variances, n, repeats) or now) <= now / 2), None)
    lines = [f"{more} server starts instead of {starts}" if more else f"more than {_MOST} server starts"]
    whole, quarter = _of_start(variances, repeats), _of_start(variances, repeats) / 4
    often = next((n for n in range(repeats, _MOST + 1) if _of_start(variances, n) <= quarter), None)
    above = sum(variances[:3]) / whole
    if often:
        lines.append(f"{often} repeats a start instead of {repeats}")
    else:
        lines.append(f"not by repeats: {above * 100:.0f} % of a start's variance is not theirs")
    rest = whole - variances[4] / repeats
    if variances[4] and rest < quarter:
        lines.append(f"{variances[4] / repeats / (quarter - rest):.1f} times the requests a run")
    for name, one, where in (("nights", variances[1], "in one night"), ("hosts", variances[0], "on one host")):
        if one / whole >= 0.25:
            gain = 1 - math.sqrt(1 - one / whole) if one < whole else 1.0
            lines.append(f"{name} are {one / whole * 100:.0f} % of it: both sides {where}, −{gain * 100:.0f} %")
    return tuple(lines)
