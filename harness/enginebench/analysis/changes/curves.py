"""The table of runs as series over nights: what is followed, what was measured, what began anew, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enginebench.analysis.changes import pool
from enginebench.analysis.changes.noise import Floats
from enginebench.analysis.changes.older import Older
from enginebench.analysis.starts import usable
from enginebench.records import record
from enginebench.records.nights import gaps

TRACK = ("curve", "host", "engine")
"""What is followed over nights: a curve on a machine under one name of its engine."""
BREAKS = ("driver",)
"""Columns whose change begins a series anew: figures before and after are not of one machine. A new part, recipe or
host is another curve already."""


@record
class Track:
    """A curve, or one point of it, over nights."""

    label: str
    """In words: model, engine, machine, workload."""
    load: str
    """Which load; empty: the whole curve."""
    nights: tuple[str, ...]
    """The nights of its grid on its machine from its own first one on, in order."""
    values: Floats
    """A log a night; NaN: nothing fit to be judged was measured."""
    starts: NDArray[np.int64]
    """Server starts in each."""
    within: Floats
    """Variance between the server starts of each night, logs; NaN: one start."""
    breaks: NDArray[np.bool_]
    """Nights that begin anew."""
    facts: tuple[dict[str, str], ...]
    """What was recorded of each night: column to its value, or values joined by ` + `."""
    trials: tuple[tuple[str, ...], ...]
    """Each night's trials."""
    versions: NDArray[np.int64]
    """A number for the version followed in each night; that of the night before where it is not known."""
    older: Older
    """What an older version gave in the same night."""


def tracks(runs: pd.DataFrame, metric: str, facts: Sequence[str]) -> tuple[list[Track], list[Track]]:
    """Curves, and single loads of curves that have several; `metric` is one that is positive.

    Of several versions in a night the one that appeared last is followed. Marked runs, and those of servers that
    answered wrong, tell nothing.
    """
    curves, series = [], []
    # A reproduction is of the day that asked for it, not of the series.
    whole = runs.assign(_fit=_fit(runs, metric))[runs["reproduces"].isna()]
    nights = {key: sorted(set(part["night"])) for key, part in whole.groupby(["grid", "host"], dropna=False)}
    for _, part in whole.groupby(list(TRACK), dropna=False, sort=True):
        newest = newest_versions(part)
        ran = sorted({night for key in set(zip(newest["grid"], newest["host"], strict=True)) for night in nights[key]})
        kept = [night for night in ran if night >= newest["night"].min()]
        curve, singles = _curve(newest, _beside(part, newest), metric, tuple(kept), facts)
        curves.append(curve)
        series += singles
    return curves, series


def _fit(runs: pd.DataFrame, metric: str) -> pd.Series[bool]:
    return (runs[metric] > 0) & usable(runs)


def newest_versions(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of a curve that are followed: of several versions in a night the one that appeared last."""
    first = part.groupby("version")["night"].min()
    born = part["version"].map(first)
    newest = born.groupby(part["night"]).transform("max") == born
    part = part[newest]
    # Two that appeared in one night: the later name, always the same one.
    chosen = part.groupby("night")["version"].transform("max") == part["version"]
    return part[chosen]


def label_of(one: Mapping[Any, Any]) -> str:
    """What is followed, in words, by one of its rows: model, engine, machine, workload."""
    label = f"{one['model']} {one['precision']}, {one['engine']} on {one['devices']} × {one['product']}"
    return f"{label} ({one['host']}), {one['workload']}"


def _beside(part: pd.DataFrame, followed: pd.DataFrame) -> pd.DataFrame:
    """Runs of the older version of each night, the newest of those that were followed before; `born`: until when."""
    last = followed.groupby("version")["night"].max()
    chosen = part["night"].map(followed.groupby("night")["version"].first())
    rest = part[part["version"] != chosen]
    rest = rest.assign(born=rest["version"].map(last))
    rest = rest[rest["born"] < rest["night"]]
    return rest[(rest.groupby("night")["born"].transform("max") == rest["born"]).astype(bool)]


def _curve(
    part: pd.DataFrame, beside: pd.DataFrame, metric: str, nights: tuple[str, ...], facts: Sequence[str]
) -> tuple[Track, list[Track]]:
    fit = part[part["_fit"]]
    loads = list(dict.fromkeys(part.sort_values(["concurrency", "rate_rps", "load"])["series"]))
    starts = _logs(fit, metric, loads)
    by_night = starts.groupby(level="night").mean().reindex(list(nights)).to_numpy(dtype=float)
    told = _facts(part, nights, facts)
    trials = part.groupby("night")["trial"].unique()
    shared: dict[str, Any] = {
        "label": label_of(part.iloc[0].to_dict()),
        "nights": nights,
        "breaks": _breaks(told),
        "facts": told,
        "trials": tuple(tuple(sorted(trials.get(night, ()))) for night in nights),
        "versions": _versions(part, nights),
    }
    old = _logs(beside[beside["_fit"]], metric, loads)
    made = pool.fit(by_night)
    of_starts = pd.Series(made.of(starts.to_numpy(dtype=float)), index=starts.index, dtype=float)
    of_old = pd.Series(made.of(old.to_numpy(dtype=float)), index=old.index, dtype=float)
    spread = _spread(of_starts, nights) | {"older": _older(of_old, beside, nights)}
    curve = Track(load="", values=made.of(by_night), **spread, **shared)
    words = part.drop_duplicates("series").set_index("series")["load"]
    single = [
        Track(
            load=str(words[key]),
            values=by_night[:, place],
            older=_older(old[key].dropna(), beside, nights),
            **_spread(starts[key].dropna(), nights),
            **shared,
        )
        for place, key in enumerate(loads)
    ]
    return curve, single if len(loads) > 1 else []


def _logs(fit: pd.DataFrame, metric: str, loads: Sequence[str]) -> pd.DataFrame:
    """Night and trial × loads: means of logs."""
    logs = np.log(fit[metric]).groupby([fit["night"], fit["trial"], fit["series"]]).mean()
    table: pd.DataFrame = logs.unstack("series").reindex(columns=loads)
    return table


def _versions(part: pd.DataFrame, nights: Sequence[str]) -> NDArray[np.int64]:
    known = part.groupby("night")["version"].first().reindex(list(nights)).ffill()
    return pd.factorize(known)[0].astype(np.int64)


def _older(starts: pd.Series[float], beside: pd.DataFrame, nights: Sequence[str]) -> Older:
    groups = starts.groupby(level="night")
    place = {night: at for at, night in enumerate(nights)}
    born = beside.groupby("night")["born"].first().reindex(list(nights))
    return Older(
        values=np.asarray(groups.mean().reindex(list(nights)), dtype=np.float64),
        runs=np.asarray(groups.count().reindex(list(nights), fill_value=0), dtype=np.int64),
        born=np.array([place.get(str(night), -1) for night in born], dtype=np.int64),
    )


def _spread(starts: pd.Series[float], nights: Sequence[str]) -> dict[str, Any]:
    """How many server starts each night had, and the variance between them."""
    groups = starts.groupby(level="night")
    return {
        "starts": groups.count().reindex(list(nights), fill_value=0).clip(lower=1).to_numpy(dtype=np.int64),
        "within": groups.var().reindex(list(nights)).to_numpy(dtype=float),
    }


def _facts(part: pd.DataFrame, nights: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], ...]:
    told: dict[str, dict[str, str]] = {night: {} for night in nights}
    for name in names:
        values = part[["night", name]].dropna().drop_duplicates()
        for night, group in values.groupby("night"):
            told[str(night)][name] = " + ".join(sorted(str(value) for value in group[name]))
    return tuple(told[night] for night in nights)


def _breaks(told: Sequence[dict[str, str]]) -> NDArray[np.bool_]:
    found = np.zeros(len(told), dtype=bool)
    last: dict[str, str] = {}
    for place, facts in enumerate(told):
        for name in BREAKS:
            if name in facts:
                found[place] |= name in last and facts[name] != last[name]
                last[name] = facts[name]
    return found


def missing(track: Track) -> Iterator[str]:
    """A phrase for each stretch of nights of the track's grid in which nothing of it was fit to be judged, and for
    nights of its grid's own cadence that are not there at all."""
    unknown = ~np.isfinite(track.values)
    begin = None
    for place, gone in enumerate([*unknown, False]):
        if gone and begin is None:
            begin = place
        elif not gone and begin is not None:
            some = [night for night in range(begin, place) if track.trials[night]]
            why = "measured, but no run is fit to be judged" if len(some) == place - begin else "not measured"
            yield f"{_span(track.nights[begin], track.nights[place - 1], place - begin)}: {why}"
            begin = None
    for gap in gaps(track.nights):
        first, last = gap.first_and_last()
        yield f"{_span(str(first), str(last), gap.missed)}: no night at all"


def _span(first: str, last: str, count: int) -> str:
    return first if count == 1 else f"{first} to {last} ({count} nights)"
