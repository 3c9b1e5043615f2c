"""What other tools tell of jobs that ended well and of right answers: kept apart from ours, with intervals of our own.

An interval here takes each job or question as drawn by itself. A tool's jobs of one day may share a cause, so the true
uncertainty is rather greater.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from enginebench.intervals import wilson
from enginebench.records import ForeignPoint

JOBS = ("tool", "product", "night", "month", "jobs", "complete", "note")
"""Columns of a table of jobs."""
SCORES = (
    *("tool", "night", "model", "engine", "product", "precision", "task", "score", "concurrency"),
    *("value", "low", "high", "asked", "interval", "unlike", "url"),
)
"""Columns of a table of scores."""
_COUNTS = re.compile(r"n_eff|n|.*_(se|stderr)")


def jobs_told(points: Iterable[ForeignPoint]) -> pd.DataFrame:
    """One row a happening of the kind `reliability`: how many jobs there were and how many came to their end. Rows
    without a day or without counts are left out; a row of no jobs stays."""
    rows = []
    for one in points:
        complete, jobs = one.figures.get("n_success"), one.figures.get("total")
        if one.kind != "reliability" or not one.date or complete is None or jobs is None:
            continue
        night = str(one.date)[:10]
        told = {"tool": one.tool, "product": _first(one, ("hardware", "accelerator", "gpu")), "night": night}
        rows.append(
            told | {"month": night[:7], "jobs": int(jobs), "complete": int(complete)} | {"note": "; ".join(one.notes)}
        )
    return pd.DataFrame(rows, columns=list(JOBS), dtype=object)


def rates_told(jobs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One row a value of the columns `by`: `jobs`, of them `complete`, the `rate` with its 95 % Wilson interval, null
    where there was no job, the first and last night and the tool's `note`."""
    names = [*by, "first_night", "last_night", "jobs", "complete", "rate", "low", "high", "note"]
    rows = []
    for key, group in jobs.groupby(list(by), sort=True, dropna=False) if len(jobs) else ():
        count, complete = int(group["jobs"].sum()), int(group["complete"].sum())
        low, high = wilson(complete, count) if count else (None, None)
        rows.append(
            dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
            | {"first_night": group["night"].min(), "last_night": group["night"].max()}
            | {"jobs": count, "complete": complete, "rate": complete / count if count else None}
            | {"low": low, "high": high, "note": "; ".join(dict.fromkeys(group["note"]))}
        )
    return pd.DataFrame(rows, columns=names, dtype=object)


def scores_told(points: Iterable[ForeignPoint]) -> pd.DataFrame:
    """One row a score of the kind `evaluation`, as given, by night; 0 is a score.

    The 95 % interval is Wilson's where the tool says how many questions there were and the score is a share of them,
    else 1.96 of the tool's standard errors; `interval` says which, empty where there is none.
    """
    rows = []
    for one in points:
        if one.kind != "evaluation" or not one.date:
            continue
        told = {
            "tool": one.tool,
            "night": str(one.date)[:10],
            "model": one.model,
            "engine": one.engine,
            "product": _first(one, ("hardware", "accelerator", "gpu")),
            "precision": _first(one, ("precision", "quantization")),
            "task": _first(one, ("task",)),
            "concurrency": one.concurrency,
            "url": _first(one, ("run_url",)),
        }
        for name, value in one.figures.items():
            if value is None or _COUNTS.fullmatch(name):
                continue
            found = _interval(float(value), one.figures.get("n_eff"), one.figures.get(f"{name}_se"))
            rows.append(told | {"score": name, "value": float(value), "unlike": one.unlike.get(name, "")} | found)
    return pd.DataFrame(rows, columns=list(SCORES), dtype=object).sort_values(["night", "tool", "model"], kind="stable")


def _interval(value: float, asked: float | None, error: float | None) -> dict[str, Any]:
    count = int(asked) if asked else None
    if count and 0 <= value <= 1 and abs(value * count - round(value * count)) < 1e-6 * count:
        low, high = wilson(round(value * count), count)
        return {"low": low, "high": high, "asked": count, "interval": "Wilson's, of the questions"}
    if error:
        low, high = value - 1.96 * error, value + 1.96 * error
        return {"low": low, "high": high, "asked": count, "interval": "1.96 standard errors that the tool tells"}
    return {"low": None, "high": None, "asked": count, "interval": ""}


def _first(one: ForeignPoint, names: Iterable[str]) -> str | None:
    return next((str(one.said[name]) for name in names if one.said.get(name) is not None), None)
