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
_OF_RUN = (
    *("model", "precision", "devices", "product", "workload", "grid", "night", "version", "trial"),
    *("series", "load", "concurrency", "rate_rps"),
)
"""Columns that are read of a run besides."""


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


@record
class _Followed:
    """What all metrics of a curve share."""

    part: pd.DataFrame
    """The runs that are followed."""
    beside: pd.DataFrame
    """Runs of the older version of each night."""
    born: NDArray[np.int64]
    """Until which of the nights the older version of each was followed; -1: there is none."""
    loads: tuple[str, ...]
    """Series, one a load."""
    words: dict[str, str]
    """Series to its load in words."""
    shared: dict[str, Any]
    """Fields of its tracks."""


Tracks = tuple[list[Track], list[Track]]
"""Curves, and single loads of curves that have several."""


def tracks(runs: pd.DataFrame, metrics: Sequence[str], facts: Sequence[str]) -> dict[str, Tracks]:
    """Curves and their loads of each of `metrics`, which are positive.

    Of several versions in a night the one that appeared last is followed. Marked runs, and those of servers that
    answered wrong, tell nothing.
    """
    found: dict[str, Tracks] = {metric: ([], []) for metric in metrics}
    # A reproduction is of the day that asked for it, not of the series. Few columns: a curve's rows are taken often.
    columns = list(dict.fromkeys((*TRACK, *_OF_RUN, *facts, *metrics)))
    whole = runs[columns].assign(_usable=usable(runs))[runs["reproduces"].isna()]
    nights = {key: sorted(set(part)) for key, part in whole.groupby(["grid", "host"], dropna=False)["night"]}
    for _, part in whole.groupby(list(TRACK), dropna=False, sort=True):
        followed = _followed(part, nights, facts)
        for metric, (curves, series) in found.items():
            curve, singles = _curve(followed, metric)
            curves += curve
            series += singles
    return found


def _followed(part: pd.DataFrame, ran: Mapping[Any, Sequence[str]], facts: Sequence[str]) -> _Followed:
    newest = newest_versions(part)
    all_ = sorted({night for key in set(zip(newest["grid"], newest["host"], strict=True)) for night in ran[key]})
    nights = tuple(night for night in all_ if night >= newest["night"].min())
    beside, told = _beside(part, newest), _facts(newest, nights, facts)
    place = {night: at for at, night in enumerate(nights)}
    born = beside.groupby("night")["born"].first().reindex(list(nights))
    trials = newest.groupby("night")["trial"].unique()
    loads = newest.drop_duplicates(["series", "concurrency", "rate_rps", "load"])
    loads = loads.sort_values(["concurrency", "rate_rps", "load"])
    words = newest.drop_duplicates("series")
    return _Followed(
        part=newest,
        beside=beside,
        born=np.array([place.get(str(night), -1) for night in born], dtype=np.int64),
        loads=tuple(dict.fromkeys(loads["series"])),
        words={str(key): str(load) for key, load in zip(words["series"], words["load"], strict=True)},
        shared={
            "label": label_of(newest.iloc[0].to_dict()),
            "nights": nights,
            "breaks": _breaks(told),
            "facts": told,
            "trials": tuple(tuple(sorted(trials.get(night, ()))) for night in nights),
            "versions": _versions(newest, nights),
        },
    )


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


def _curve(followed: _Followed, metric: str) -> Tracks:
    nights, loads = list(followed.shared["nights"]), list(followed.loads)
    starts = _logs(followed.part, metric, loads)
    by_night = starts.groupby(level="night").mean().reindex(nights).to_numpy(dtype=float)
    old = _logs(followed.beside, metric, loads)
    made = pool.fit(by_night)
    # The curve as a whole is one more column.
    values = np.column_stack([by_night, made.of(by_night)])
    counts, within = _spread(_with_curve(starts, made), nights)
    older = _older(_with_curve(old, made), followed.born, nights)
    found = [
        Track(
            load=load,
            values=values[:, place],
            starts=counts[:, place],
            within=within[:, place],
            older=older[place],
            **followed.shared,
        )
        for place, load in enumerate([*(followed.words[key] for key in loads), ""])
    ]
    return found[-1:], found[:-1] if len(loads) > 1 else []


def _with_curve(starts: pd.DataFrame, made: pool.Pool) -> pd.DataFrame:
    """Starts × loads and, last, the curve."""
    values = starts.to_numpy(dtype=float)
    return pd.DataFrame(np.column_stack([values, made.of(values)]), index=starts.index)


def _logs(part: pd.DataFrame, metric: str, loads: Sequence[str]) -> pd.DataFrame:
    """Night and trial × loads: means of logs of the runs fit to be judged."""
    fit = part[(part[metric] > 0) & part["_usable"]]
    logs = np.log(fit[metric]).groupby([fit["night"], fit["trial"], fit["series"]]).mean()
    table: pd.DataFrame = logs.unstack("series").reindex(columns=list(loads))
    return table


def _versions(part: pd.DataFrame, nights: Sequence[str]) -> NDArray[np.int64]:
    known = part.groupby("night")["version"].first().reindex(list(nights)).ffill()
    return pd.factorize(known)[0].astype(np.int64)


def _older(starts: pd.DataFrame, born: NDArray[np.int64], nights: list[str]) -> list[Older]:
    """Of each column."""
    if starts.empty:
        nothing = np.full((len(nights), starts.shape[1]), np.nan)
        values, runs = nothing, np.zeros(nothing.shape, dtype=np.int64)
    else:
        groups = starts.groupby(level="night")
        values = groups.mean().reindex(nights).to_numpy(dtype=np.float64)
        runs = groups.count().reindex(nights, fill_value=0).to_numpy(dtype=np.int64)
    return [Older(values=values[:, place], runs=runs[:, place], born=born) for place in range(starts.shape[1])]


def _spread(starts: pd.DataFrame, nights: list[str]) -> tuple[NDArray[np.int64], Floats]:
    """How many server starts each night had, and the variance between them, a column each."""
    groups = starts.groupby(level="night")
    counts = groups.count().reindex(nights, fill_value=0).clip(lower=1)
    return counts.to_numpy(dtype=np.int64), groups.var().reindex(nights).to_numpy(dtype=float)


def _facts(part: pd.DataFrame, nights: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], ...]:
    rows = part[["night", *names]].drop_duplicates()
    known: dict[str, dict[str, set[Any]]] = {night: {name: set() for name in names} for night in nights}
    for name in names:
        for night, value, there in zip(rows["night"], rows[name], rows[name].notna(), strict=True):
            if there:
                known[night][name].add(value)
    return tuple(
        {name: " + ".join(sorted(map(str, values))) for name, values in known[night].items() if values}
        for night in nights
    )


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
