"""Which series of one slice is compared with which of another, and what else differs between the two. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from enginebench.analysis.slices import Slice
from enginebench.records import record

OF_SERIES = (
    *("model", "engine_kind", "precision", "vendor", "product", "devices", "parallelism", "dummy_weights"),
    *("recipe", "asked", "series"),
)
"""Columns that must be equal, but for those that the slices differ in."""
WORKLOAD = ("workload", "api", "isl_tokens", "osl_tokens")
"""Columns of a workload."""
LOAD = ("load_kind", "load", "concurrency", "rate_rps")
"""Columns of a load."""
GOES_WITH: Mapping[str, tuple[str, ...]] = {
    # Another engine has other arguments, and so may have another part or vendor.
    "engine": ("engine_kind", "engine_version", "lock_hash", "version", "version_label", "recipe"),
    "engine_kind": ("engine", "engine_version", "lock_hash", "version", "version_label", "recipe"),
    "engine_version": ("lock_hash", "version", "version_label"),
    "lock_hash": ("engine_version", "version", "version_label"),
    "version": ("engine_version", "lock_hash", "driver", "model_revision", "version_label"),
    "version_label": ("engine_version", "lock_hash", "driver", "model_revision", "version"),
    "driver": ("version", "version_label"),
    "model_revision": ("version", "version_label"),
    "product": ("vendor", "driver", "host", "version", "version_label", "recipe"),
    "vendor": ("product", "driver", "host", "version", "version_label", "recipe"),
    "precision": ("model_revision", "version", "version_label"),
    "model": ("model_revision", "version", "version_label"),
    "parallelism": ("devices",),
    "devices": ("parallelism",),
    "series": (*OF_SERIES, "lineage", "curve"),
    "lineage": (*OF_SERIES, "curve"),
    "curve": tuple(name for name in OF_SERIES if name != "asked"),
    **dict.fromkeys(WORKLOAD, WORKLOAD),
    **dict.fromkeys(LOAD, LOAD),
    "trial": ("start", "run", "job_id", "started_utc"),
}
"""Column to those that differ of necessity, or as a rule, where it does."""
ENVIRONMENT = (
    *("engine", "engine_version", "lock_hash", "version_label", "model_revision", "precision", "recipe"),
    *("vendor", "product", "devices", "parallelism", "driver", "host", "harness_commit", "grid", "night"),
    *("dummy_weights", "quality_passed", "marks"),
)
"""Columns that tell where and with what runs were measured."""


@record
class Difference:
    """A column that does not hold the same on both sides."""

    column: str
    """Its name."""
    a: tuple[str, ...]
    """Every value in A, in order; a value that is not known is `not known`."""
    b: tuple[str, ...]
    """Every value in B."""
    asked: bool
    """Whether the slices asked for it, or it goes with what they asked for; else it may be the cause of a change."""


@record
class Side:
    """One point in one slice."""

    series: str
    """Its key."""
    row: Mapping[str, Any]
    """Its columns of the table of runs, of its first run."""


@record
class Pair:
    """Two points that are the same but for what the slices differ in."""

    a: Side
    b: Side


@record
class Alone:
    """A point with no counterpart."""

    side: str
    """`A` or `B`: where it is."""
    point: Side
    """The point."""
    why: str
    """Why it can't be compared with what the other slice has of its workload and load; empty: that has none."""


@record
class Matched:
    """Every point of both slices, each once."""

    pairs: tuple[Pair, ...]
    """Those that are compared."""
    alone: tuple[Alone, ...]
    """The others."""


def asked_columns(a: Slice, b: Slice) -> frozenset[str]:
    """The columns that two slices differ in by what they ask for, and those that go with them."""
    named = {key for key in a.wanted.keys() | b.wanted.keys() if a.wanted.get(key) != b.wanted.get(key)}
    return frozenset(named.union(*(GOES_WITH.get(name, ()) for name in named)))


def match(a: pd.DataFrame, b: pd.DataFrame, asked: frozenset[str]) -> Matched:
    """The points of the runs `a` and `b` that are equal but for the columns `asked`.

    Where one of these leaves several series of a slice to choose from, as two recipes of one version, none is chosen.
    """
    key = _key(asked)
    loose = [name for name in ("model", *WORKLOAD, *LOAD) if name not in asked]
    sides = [_sides(runs) for runs in (a, b)]
    by_key = [_grouped(side, key) for side in sides]
    pairs = [
        Pair(a=same[0], b=others[0])
        for at, same in by_key[0].items()
        if len(same) == len(others := by_key[1].get(at, [])) == 1
    ]
    taken = [{one.a.series for one in pairs}, {one.b.series for one in pairs}]
    free = [[point for point in side if point.series not in out] for side, out in zip(sides, taken, strict=True)]
    by_load = [_grouped(side, loose) for side in free]
    alone: list[Alone] = []
    for own, name in enumerate("AB"):
        for point in free[own]:
            others = by_key[1 - own].get(_at(point, key), [])
            # Those that are compared with another of this slice are no counterpart that was to be had.
            near = by_load[1 - own].get(_at(point, loose), [])
            why = _several(by_key[own][_at(point, key)], others) if others else _why(point, near, key)
            alone.append(Alone(side=name, point=point, why=why))
    return Matched(pairs=tuple(pairs), alone=tuple(alone))


def differences(a: pd.DataFrame, b: pd.DataFrame, asked: frozenset[str]) -> tuple[Difference, ...]:
    """The columns of the environment that do not hold the same in the runs `a` and `b`, those not asked for first."""
    found = []
    for name in ENVIRONMENT:
        values = [_values(runs[name]) for runs in (a, b)]
        if values[0] != values[1]:
            found.append(Difference(column=name, a=values[0], b=values[1], asked=name in asked))
    return tuple(sorted(found, key=lambda one: one.asked))


def _key(asked: frozenset[str]) -> list[str]:
    """The columns that must be equal."""
    released = set(asked)
    # The series is of all of them: it must be equal only where none may differ.
    released |= {"series"} if asked & {*OF_SERIES, *WORKLOAD, *LOAD} else set()
    key = [name for name in OF_SERIES if name not in released]
    if asked & {*WORKLOAD, *LOAD, "asked"}:
        key = [name for name in (*key, *WORKLOAD, *LOAD) if name != "asked" and name not in asked]
    return key


def _sides(runs: pd.DataFrame) -> list[Side]:
    first = runs.drop_duplicates("series").sort_values(["model", "workload", "load_kind", "concurrency", "rate_rps"])
    return [Side(series=row["series"], row={str(key): row[key] for key in row}) for row in first.to_dict("records")]


def _at(point: Side, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(point.row[name]) for name in names)


def _grouped(points: Sequence[Side], names: Sequence[str]) -> dict[tuple[str, ...], list[Side]]:
    groups: dict[tuple[str, ...], list[Side]] = defaultdict(list)
    for point in points:
        groups[_at(point, names)].append(point)
    return dict(groups)


def _several(same: Sequence[Side], others: Sequence[Side]) -> str:
    """Why of several series that would do none is taken."""
    members = max((same, others), key=len)
    names = [name for name in OF_SERIES if len({str(one.row[name]) for one in members}) > 1 and name != "series"]
    return f"several of one slice match, apart in {_in_words(names)}: name one in the slice"


def _why(point: Side, near: Sequence[Side], key: Sequence[str]) -> str:
    """What keeps a point from the nearest of those of its workload and load."""
    apart = [[name for name in key if str(point.row[name]) != str(one.row[name])] for one in near]
    if not apart:
        return ""
    fewest = min(apart, key=len)
    names = [name for name in fewest if name != "series" or len(fewest) == 1]
    return f"not asked for, but different: {_in_words(names)}"


def _in_words(names: Sequence[str]) -> str:
    words = {"asked": "number of requests, warm-up, shortest time or SLO", "series": "the model's source"}
    return " and ".join(words.get(name, name) for name in names) or "nothing"


def _values(column: pd.Series) -> tuple[str, ...]:
    if column.name == "marks":
        return tuple(sorted({mark for marks in column for mark in marks})) or ("none",)
    return tuple(sorted({"not known" if pd.isna(value) else str(value) for value in column.unique()}))
