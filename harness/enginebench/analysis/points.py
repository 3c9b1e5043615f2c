"""Runs to points: one row for what was measured again and again, every figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from enginebench.intervals import interval
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
    columns = [*KEY, *_KEPT, "starts", "repeats", "left_out", "marked", "marks", "varies", "trials"]
    columns += ["invalid", "invalid_reasons"]
    columns += ["failed_quality", "quality_passed", "quality_score", "quality_reasons", "quality_lm_eval"]
    columns += [f"{name}{end}" for name in names for end in ("", "_low", "_high", "_n")]
    if "invalid" not in runs:
        runs = runs.assign(invalid="")
    groups = runs.sort_values(["started_utc", "run"]).groupby(list(KEY), dropna=False, sort=True)
    return pd.DataFrame([_point(group, names) for _, group in groups], columns=columns)


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


def _quality(group: pd.DataFrame) -> dict[str, Any]:
    """Failed if one start failed, passed if every one passed; the lowest score."""
    failed = bool(group["marks"].map(lambda marks: FAILED in marks).any())
    passed = group["quality_passed"]
    return {
        "failed_quality": failed,
        "quality_passed": False if failed else True if passed.notna().all() and passed.all() else None,
        "quality_score": None if group["quality_score"].isna().all() else float(group["quality_score"].min()),
        "quality_reasons": sorted({reason for reason in group["quality_reasons"] if reason}),
        "quality_lm_eval": sorted({words for words in group["quality_lm_eval"] if words}),
    }


def _point(group: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    valid = group[group["invalid"] == ""]
    spoilt = valid["marks"].map(lambda marks: bool(SPOILT & set(marks))).astype(bool)
    used = valid if spoilt.all() else valid[~spoilt]
    first = group.iloc[0]
    row: dict[str, Any] = {name: first[name] for name in (*KEY, *_KEPT)}
    row |= {
        "starts": used["trial"].nunique(),
        "repeats": len(used),
        "left_out": len(group) - len(used),
        "marked": bool(spoilt.all()) and len(valid) > 0,
        "marks": sorted({mark for marks in used["marks"] for mark in marks}),
        "varies": "server starts" if used["trial"].nunique() > 1 else "repeats within one start",
        "trials": sorted((used if len(used) else group)["trial"].unique()),
        "invalid": valid.empty,
        "invalid_reasons": sorted({reason for reason in group["invalid"] if reason}),
        **_quality(group if valid.empty else valid),
    }
    for name in names:
        known = used[used[name].notna()]
        if known.empty:
            row |= {name: None, f"{name}_low": None, f"{name}_high": None, f"{name}_n": 0}
            continue
        found = interval([float(value) for value in known[name]], list(known["trial"]))
        row |= {name: found.centre, f"{name}_low": found.low, f"{name}_high": found.high, f"{name}_n": found.n}
    return row
