"""How often trials come to their end, by whatever; what they die of; how long it takes until it works again. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from enginebench.analysis.points import FAILED
from enginebench.intervals import wilson
from enginebench.records.nights import days_between, gaps

TRIAL = (
    *("night", "grid", "trial", "job_id", "status", "engine", "engine_version", "model", "precision"),
    *("vendor", "product", "devices", "parallelism", "recipe", "host", "started_utc", "reproduces"),
)
"""Columns that the tables of runs and of failures have in common."""
DEPLOYED = ("grid", "model", "precision", "engine", "vendor", "product", "devices", "parallelism", "recipe", "host")
"""What is tried again and again: a deployment of a grid on a host, whatever its version."""
SCHEDULED = ("grid", "engine", "product")
"""What nights are missed of."""
State = Literal["recovered", "still failing", "not tried again"]


def trials(runs: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """One row a trial, by `Store.runs()` and `Store.failures()`, with `failure_class`, empty where it has none, and
    `wrong`: the trial came to its end, but its server gave wrong answers, and `month`. Reproductions are left out.

    A complete trial has a run, for it was asked for one at least; so none is in neither table. An invalidated trial
    stays: how it ended is no figure.
    """
    whole = runs[runs["status"] == "complete"]
    wrong = set(whole.loc[whole["marks"].map(lambda marks: FAILED in marks).astype(bool), "trial"])
    complete = whole.drop_duplicates("trial")[list(TRIAL)].assign(failure_class="")
    # The time of its first run stands for when the trial began.
    complete["started_utc"] = list(whole.groupby("trial", sort=False)["started_utc"].min())
    ended = failures[[*TRIAL, "failure_class"]]
    both = [one for one in (complete, ended) if not one.empty]
    found = pd.concat(both, ignore_index=True) if both else complete
    found = found[found["reproduces"].isna()]
    found = found.assign(wrong=found["trial"].isin(wrong), month=found["night"].str[:7])
    return found.sort_values(["night", "started_utc", "trial"]).reset_index(drop=True)


def success(tried: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One row a value of the columns `by`: `trials`, of them `complete`, `failed` and `interrupted`, the `rate` of the
    complete among complete and failed with its 95 % Wilson interval, `classes` (class of failure to count, of failed
    ones), `wrong` and the first and last night.

    Interrupted trials are in no rate: a person or a scheduler ended them, and nothing is known of how they had ended.
    """
    names = [*by, "first_night", "last_night", "trials", "complete", "failed", "interrupted", "rate", "low", "high"]
    rows = []
    for key, group in tried.groupby(list(by), sort=True, dropna=False) if len(tried) else ():
        counts = Counter(group["status"])
        judged = counts["complete"] + counts["failed"]
        low, high = wilson(counts["complete"], judged) if judged else (None, None)
        failed = group[group["status"] == "failed"]
        rows.append(
            dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
            | {"first_night": group["night"].min(), "last_night": group["night"].max(), "trials": len(group)}
            | {name: counts[name] for name in ("complete", "failed", "interrupted")}
            | {"rate": counts["complete"] / judged if judged else None, "low": low, "high": high}
            | {"classes": dict(Counter(failed["failure_class"]).most_common()), "wrong": int(group["wrong"].sum())}
        )
    return pd.DataFrame(rows, columns=[*names, "classes", "wrong"], dtype=object)


def outages(tried: pd.DataFrame) -> pd.DataFrame:
    """One row each time that a deployment of a grid stopped working on a host: from its first failed trial to its next
    complete one. Interrupted trials neither begin nor end it.

    `days` is from `from_night` to `until_night`, 0 within one night; both are null while it is open. `state`, then:
    `still failing`, or `not tried again` though the grid was, in a later night than `last_night`, that of its last try.
    """
    rows: list[dict[str, Any]] = []
    newest = dict(tried.groupby("grid")["night"].max())
    for key, group in tried.groupby(list(DEPLOYED), sort=True, dropna=False) if len(tried) else ():
        open_: dict[str, Any] | None = None
        for one in group[group["status"] != "interrupted"].to_dict("records"):
            if one["status"] == "failed":
                open_ = open_ or dict(zip(DEPLOYED, key, strict=True)) | {
                    "from_night": one["night"],
                    "version": one["engine_version"],
                    "failed": 0,
                    "classes": [],
                    "until_night": None,
                    "days": None,
                    "recovered_by": None,
                }
                open_ |= {"failed": open_["failed"] + 1, "last_night": one["night"]}
                open_["classes"] = sorted({*open_["classes"], one["failure_class"]})
            elif open_ is not None:
                days = days_between(open_["from_night"], one["night"])
                rows.append(open_ | {"until_night": one["night"], "days": days, "recovered_by": one["engine_version"]})
                rows[-1]["state"] = "recovered"
                open_ = None
        if open_ is not None:
            late = newest[open_["grid"]] > open_["last_night"]
            rows.append(open_ | {"state": "not tried again" if late else "still failing"})
    names = [*DEPLOYED, "from_night", "version", "failed", "classes", "last_night"]
    found = pd.DataFrame(rows, columns=[*names, "state", "until_night", "days", "recovered_by"], dtype=object)
    return found.sort_values(["from_night", *DEPLOYED], kind="stable").reset_index(drop=True)


def missing_nights(tried: pd.DataFrame) -> pd.DataFrame:
    """One row a gap in which nothing of an engine of a grid was tried on a part: the nights `after` and `before` which
    it lies, `every_days`, the usual distance of its nights (their median), and how many were `missed` at that distance.

    Three nights at least tell the usual distance. Nights to come are not missed.
    """
    rows: list[dict[str, Any]] = []
    for key, group in tried.groupby(list(SCHEDULED), sort=True, dropna=False) if len(tried) else ():
        rows += [
            dict(zip(SCHEDULED, key, strict=True))
            | {"after": str(gap.after), "before": str(gap.before), "missed": gap.missed, "every_days": gap.every_days}
            for gap in gaps(group["night"].unique())
        ]
    return pd.DataFrame(rows, columns=[*SCHEDULED, "after", "before", "missed", "every_days"], dtype=object)
