"""Curves as they stand now: the newest figure of each load, and never two versions in one curve unseen."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

_CURVE = ["curve", "host", "engine"]
"""What is one curve: figures of two machines are two curves, and so are those of two names of an engine, as a release
and its nightly builds."""
_WORDS = [*_CURVE, "series", "version", "version_label", "engine_version", "night", "load"]


def snapshot(points: pd.DataFrame, *, mix: bool = False) -> pd.DataFrame:
    """The newest of `points`, as `summarise_points` gives them, for each load of each curve. Left out are reproductions
    and points of which no run counts any more.

    Only those of the curve's newest version, unless `mix`: then each load's newest, whatever its version. Two columns
    are added. `mixed`: the curve's rows here are of more than one version. `missing`: the loads that its newest version
    has not measured, though another has (`r0.5 by vllm 0.31.0 on 2026-11-23`); they are left out unless `mix`.
    """
    points = points[points["reproduces"].isna() & ~points["invalid"].astype(bool)]
    # Places and a few words alone: a point has hundreds of columns.
    rows: list[tuple[int, bool, list[str]]] = []
    few = points[_WORDS].reset_index(drop=True).assign(place=range(len(points)))
    for _, curve in few.groupby(_CURVE, dropna=False, sort=False):
        newest = _newest_version(curve)
        loads: dict[Any, list[dict[Hashable, Any]]] = {}
        for row in curve.to_dict("records"):
            loads.setdefault(row["series"], []).append(row)
        kept = [max(load, key=lambda row: _rank(row, newest, False)) for load in loads.values()]
        others = [row for row in kept if row["version"] != newest]
        missing = sorted(f"{row['load']} by {row['version_label']} on {row['night']}" for row in others)
        if mix:
            taken = [max(load, key=lambda row: _rank(row, newest, True)) for load in loads.values()]
        else:
            taken = [row for row in kept if row["version"] == newest]
        mixed = len({row["version"] for row in taken}) > 1
        rows += [(row["place"], mixed, missing) for row in taken]
    found = points.iloc[[place for place, _, _ in rows]].reset_index(drop=True)
    beside = {"mixed": [mixed for _, mixed, _ in rows], "missing": [missing for _, _, missing in rows]}
    return pd.concat([found, pd.DataFrame(beside, index=found.index, dtype=object)], axis=1)


def missing_notes(points: pd.DataFrame) -> tuple[str, ...]:
    """A line for each curve of which the newest version has not measured every load."""
    rows = snapshot(points).drop_duplicates(_CURVE).to_dict("records")
    return tuple(
        f"{row['model']}, {row['engine']} on {row['devices']} × {row['product']}, {row['workload']}: "
        f"{row['version_label']} has not measured {', '.join(row['missing'])}"
        for row in rows
        if row["missing"]
    )


def _rank(row: Mapping[Hashable, Any], newest: str, mix: bool) -> tuple[Any, Any]:
    """Of the figures of a load the highest is shown: of the newest version if there is one, or else the latest."""
    of_newest = row["version"] == newest
    return (row["night"], of_newest) if mix else (of_newest, row["night"])


def _newest_version(curve: pd.DataFrame) -> str:
    """The version measured last; of several in that night the one that appeared last, then the higher number."""
    spans: dict[str, tuple[str, str, str]] = {}
    for version, number, night in zip(curve["version"], curve["engine_version"], curve["night"], strict=True):
        last, first, _ = spans.get(version, (night, night, number))
        spans[version] = (max(last, night), min(first, night), number)
    return max(
        spans, key=lambda one: (*spans[one][:2], [int(part) for part in re.findall("[0-9]+", spans[one][2])], one)
    )
