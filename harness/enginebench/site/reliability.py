"""How often trials come to their end, as the page loads it; what other tools tell of their jobs stands apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from enginebench.analysis.reliability import TRIAL, missing_nights, outages, success, trials
from enginebench.analysis.told import jobs_told, rates_told
from enginebench.records import ForeignPoint
from enginebench.site.chunks import Chunks

COUNTED_BY = ("product", "engine", "host", "month")
"""What trials are counted by."""
TOLD_BY = ("product", "month")
"""What other tools' jobs are counted by."""


def write_reliability(
    runs: pd.DataFrame, failures: pd.DataFrame, foreign: Sequence[ForeignPoint], chunks: Chunks
) -> None:
    """Make the piece `reliability`."""
    tried = trials(runs[[*TRIAL, "marks"]], failures)
    jobs = jobs_told(foreign)
    chunks.write(
        "reliability",
        {
            "trials": len(tried),
            "reproductions": int(runs.loc[runs["reproduces"].notna(), "trial"].nunique()),
            "by": {by: _rows(success(tried, [by])) for by in COUNTED_BY},
            "classes": _classes(tried),
            "outages": _rows(outages(tried)),
            "missing": _rows(missing_nights(tried)),
            "told": {by: _rows(rates_told(jobs, ["tool", by])) for by in TOLD_BY},
        },
    )


def _classes(tried: pd.DataFrame) -> list[dict[str, Any]]:
    """Class of failure, how many trials ended so, on how many parts, engines and hosts, and in which last night."""
    failed = tried[tried["status"] == "failed"]
    rows = []
    for name, group in failed.groupby("failure_class", sort=True):
        rows.append(
            {"failure_class": name, "trials": len(group), "last_night": group["night"].max()}
            | {"engines": sorted(group["engine"].unique()), "products": sorted(group["product"].unique())}
            | {"hosts": sorted(group["host"].unique())}
        )
    return sorted(rows, key=lambda row: -int(row["trials"]))


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
