"""Runs to points: one row for what was measured again and again, every figure with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enginebench.intervals import intervals
from enginebench.metrics import METRICS
from enginebench.stopping import CLIENT, SPOILT

KEY = ("night", "series", "engine", "engine_version", "lock_hash", "version", "host", "reproduces")
"""What makes runs the same point: everything but repeats and server starts. A reproduction is a point of its own."""
_KEPT = (
    "grid",
    "curve",
    "lineage",
    "recipe",
    "version_label",
    "model",
    "model_revision",
    "precision",
    "engine_kind",
    "vendor",
    "product",
    "driver",
    "devices",
    "parallelism",
    "workload",
    "api",
    "isl_tokens",
    "osl_tokens",
    "load_kind",
    "load",
    "concurrency",
    "rate_rps",
    "harness_commit",
    "dummy_weights",
)
FAILED = "failed_quality"
"""Mark of runs whose server gave wrong answers."""
Codes: TypeAlias = NDArray[np.integer[Any]]
Mask: TypeAlias = NDArray[np.bool_]
_GATE = ("quality_passed", "quality_score", "quality_reasons", "quality_lm_eval")
_TOLD = ["starts", "repeats", "left_out", "marked", "marks", "varies", "trials", "invalid", "invalid_reasons"]
_TOLD += [FAILED, *_GATE]
POINT = (*KEY, *_KEPT, *_TOLD)
"""Columns of a point beside its figures."""


def summarise_points(runs: pd.DataFrame, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a point: identity, `starts`, `repeats`, `left_out`, `marked`, `varies`, what the quality gate found, and
    for each metric its centre under its name, `_low`, `_high` and `_n`. `runs` is what `Store.runs()` gives and is not
    changed; without a column `invalid` every run counts.

    Invalidated runs are in no figure but in `left_out`, with their reasons in `invalid_reasons`; `invalid`: the point
    has no other run, and so no figure at all.

    `failed_quality`: a server start of the point gave wrong answers. One is enough, and its runs are not left out: an
    engine that is right on two starts of three is not right.
    """
    names = list(METRICS if metrics is None else metrics)
    if "invalid" not in runs:
        runs = runs.assign(invalid="")
    runs = runs.sort_values(["started_utc", "run"]).reset_index(drop=True)
    point = runs.groupby(list(KEY), dropna=False, sort=True).ngroup().to_numpy(dtype=np.int64)
    count = int(point.max()) + 1 if len(runs) else 0
    valid = (runs["invalid"] == "").to_numpy()
    spoilt = runs["marks"].map(lambda marks: bool(SPOILT & set(marks))).to_numpy(dtype=bool)
    clean = np.zeros(count, dtype=bool)
    clean[point[valid & ~spoilt]] = True
    used = valid & ~(spoilt & clean[point])
    first = np.unique(point, return_index=True)[1]
    told = _told(runs, point, used, valid, count)
    figures = _figures(runs[used], point[used], count, names)
    points = runs.iloc[first][[*KEY, *_KEPT]].reset_index(drop=True)
    return pd.concat([points.astype(object).where(points.notna(), None), told, figures], axis=1)


def eligible(points: pd.DataFrame) -> pd.DataFrame:
    """The points that may stand on a frontier or in a verdict: not those of servers that gave wrong answers, nor those
    of which no run is free of the client's own lateness or all were invalidated, nor reproductions."""
    return points[why_not_eligible(points) == ""]


def why_not_eligible(points: pd.DataFrame) -> pd.Series:
    """Why each point is not `eligible`, by its index; empty: it is."""
    bound = points["marks"].map(lambda marks: CLIENT in marks).astype(bool)
    reasons = pd.Series("", index=points.index, dtype="object")
    for found, words in (
        (points["failed_quality"].astype(bool), "the server gave wrong answers"),
        (points["invalid"].astype(bool), "every run was invalidated"),
        (points["reproduces"].notna(), "a reproduction"),
        (bound, "the client was too late in every run"),
    ):
        reasons = reasons.mask(found & (reasons == ""), words)
    return reasons


def _told(runs: pd.DataFrame, point: Codes, used: Mask, valid: Mask, count: int) -> pd.DataFrame:
    """What is told of each point beside its figures."""
    columns = {name: runs[name].tolist() for name in ("trial", "marks", "invalid", *_GATE)}
    order = np.argsort(point, kind="stable")
    rows = []
    for members in np.split(order, np.cumsum(np.bincount(point, minlength=count))[:-1]) if count else []:
        mine, counted, sound = members.tolist(), members[used[members]].tolist(), members[valid[members]].tolist()
        trials = {columns["trial"][i] for i in counted}
        marks = {mark for i in counted for mark in columns["marks"][i]}
        rows.append(
            {
                "starts": len(trials),
                "repeats": len(counted),
                "left_out": len(mine) - len(counted),
                "marked": bool(counted) and all(SPOILT & set(columns["marks"][i]) for i in counted),
                "marks": sorted(marks),
                "varies": "server starts" if len(trials) > 1 else "repeats within one start",
                "trials": sorted(trials or {columns["trial"][i] for i in mine}),
                "invalid": not sound,
                "invalid_reasons": sorted({columns["invalid"][i] for i in mine if columns["invalid"][i]}),
                **_quality(columns, sound or mine),
            }
        )
    return pd.DataFrame(rows, columns=_TOLD)


def _quality(columns: Mapping[str, list[Any]], members: Sequence[int]) -> dict[str, Any]:
    """Failed if one start failed, passed if every one passed; the lowest score."""
    failed = any(FAILED in columns["marks"][i] for i in members)
    passed = [columns["quality_passed"][i] for i in members]
    scores = [one for one in (columns["quality_score"][i] for i in members) if one == one]  # NaN is not
    return {
        "failed_quality": failed,
        "quality_passed": False if failed else True if all(one is not pd.NA and bool(one) for one in passed) else None,
        "quality_score": min(scores, default=None),
        "quality_reasons": sorted({columns["quality_reasons"][i] for i in members} - {""}),
        "quality_lm_eval": sorted({columns["quality_lm_eval"][i] for i in members} - {""}),
    }


def _figures(runs: pd.DataFrame, point: Codes, count: int, names: Sequence[str]) -> pd.DataFrame:
    """Each metric's centre, `_low`, `_high` and `_n`, of the runs that count."""
    start = pd.Series(point).astype(str).str.cat(runs["trial"].astype(str).reset_index(drop=True), sep=" ")
    codes = pd.factorize(start)[0]
    columns: dict[str, Any] = {}
    for name in names:
        values = runs[name].to_numpy(dtype=float, na_value=np.nan)
        known = ~np.isnan(values)
        found = intervals(values[known], point[known], codes[known], count)
        for end, ours in (("", found.centre), ("_low", found.low), ("_high", found.high)):
            columns[name + end] = ours
        columns[f"{name}_n"] = found.n
    return pd.DataFrame(columns)
