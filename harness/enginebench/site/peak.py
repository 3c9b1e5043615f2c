"""From day 0 to the peak as the page loads it: a piece a metric and model, ours and each other tool's figures apart."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enginebench.analysis.peak import GROUP, best_by_night, day_0_to_peak, envelope, leads, reigns
from enginebench.analysis.points import POINT
from enginebench.metrics import METRICS
from enginebench.site.chunks import Chunks, number, slug, table

FOLLOWED = (
    *("output_tps_per_accelerator", "total_tps_per_accelerator", "output_tps_per_accelerator_whole_run"),
    *("total_tps_per_accelerator_whole_run", "interactivity_mean_tps", "ttft_mean_ns", "tpot_mean_ns", "goodput_rps"),
)
"""Metrics whose way to the peak is shown."""
_SCALED = ("value", "low", "high", "first")
_BEST = ("tool", *GROUP, "engine", "night", "value", "low", "high", "n", "version_label", "load", "host")


def write_peak(points: pd.DataFrame, chunks: Chunks) -> None:
    """Make `peak/<metric>/<model>`, and `peak`: metric to the models that have a figure of it."""
    found: dict[str, list[dict[str, str]]] = {}
    known = points[~points["invalid"].astype(bool)]
    for model, own in known.groupby("model", sort=True):
        for metric in FOLLOWED:
            document = _document(own, metric)
            if document is None:
                continue
            key = slug(str(model))
            chunks.write(f"peak/{metric}/{key}", document)
            found.setdefault(metric, []).append({"name": str(model), "key": key})
    chunks.write("peak", {name: found[name] for name in FOLLOWED if name in found})


def _document(points: pd.DataFrame, metric: str) -> dict[str, Any] | None:
    parts: dict[str, list[pd.DataFrame]] = {"peaks": [], "steps": [], "reigns": [], "best": []}
    # Of all figures this one alone: rows of hundreds of columns take ten times as long.
    few = points.loc[
        points[metric].notna(), [*POINT, *(f"{metric}{end}" for end in ("", "_low", "_high", "_n")), "tool"]
    ]
    for tool, own in few.groupby("tool", sort=True):
        best = best_by_night(own, metric)
        if best.empty:
            continue
        made = {
            "peaks": day_0_to_peak(best, metric),
            "steps": envelope(best, metric),
            "reigns": reigns(leads(best, metric)),
            "best": best,
        }
        for name, frame in made.items():
            parts[name].append(_scaled(frame, METRICS[metric].scale).assign(tool=tool))
    if not parts["best"]:
        return None
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    return {
        "best": table(joined.pop("best"), _BEST),
        **{name: table(frame, list(frame.columns)) for name, frame in joined.items()},
    }


def _scaled(frame: pd.DataFrame, scale: float) -> pd.DataFrame:
    """In the units that people read."""
    columns = {
        name: pd.Series([number(one, scale) for one in frame[name]], index=frame.index, dtype=object)
        for name in _SCALED
        if name in frame
    }
    return frame.assign(**columns)
