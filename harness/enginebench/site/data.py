"""The dashboard's data: points, trials and definitions, in the units people read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from enginebench.analysis.points import summarise_points
from enginebench.metrics import METRICS
from enginebench.records import Invalidation, Result, plain
from enginebench.report import MEANINGS, server_command
from enginebench.store import Store

_IDENTITY = (
    "night engine engine_version model precision product devices parallelism workload load load_kind concurrency "
    "rate_rps host series curve lineage version version_label driver starts repeats left_out marked marks varies "
    "trials dummy_weights failed_quality quality_passed quality_score quality_reasons "
    "reproduces invalid invalid_reasons"
)


def collect(store: Store) -> dict[str, Any]:
    """All that the pages show; the same store gives the same data. Nulls stay nulls."""
    runs = store.runs()
    points = summarise_points(runs)
    invalid = {row["run"]: row["invalid"] for row in runs[["run", "invalid"]].to_dict("records")}
    holding = [one.invalidation for one in store.corrections() if one.withdrawal is None]
    newest = None if runs.empty else runs["started_utc"].max().isoformat()
    return {
        "newest_utc": newest,
        "metrics": {name: plain(metric) for name, metric in METRICS.items()},
        "meanings": dict(MEANINGS),
        "points": [_point(row) for row in points.to_dict("records")],
        "trials": [_trial(result, store, holding, invalid) for result in store.results()],
    }


def _number(value: Any) -> Any:
    """NaN and pandas' missing values as null, numpy's numbers as Python's."""
    if value is None or value != value or str(value) == "<NA>":
        return None
    return value.item() if hasattr(value, "item") else value


def _shown(value: Any, scale: float) -> float | None:
    number = _number(value)
    return None if number is None or not math.isfinite(number) else float(f"{number * scale:.6g}")


def _point(row: Mapping[Any, Any]) -> dict[str, Any]:
    point = {name: row[name] if isinstance(row[name], list) else _number(row[name]) for name in _IDENTITY.split()}
    point["values"] = {
        name: [_shown(row[name + end], metric.scale) for end in ("", "_low", "_high")] + [int(row[f"{name}_n"])]
        for name, metric in METRICS.items()
    }
    return point


def _trial(result: Result, store: Store, holding: Sequence[Invalidation], invalid: Mapping[str, str]) -> dict[str, Any]:
    job = result.attempt.job
    engine = result.engine
    return {
        "trial": result.trial,
        "night": result.attempt.night,
        "status": result.status,
        "stage": result.stage,
        "failure": plain(result.failure),
        "reproduces": result.attempt.reproduces,
        "invalid": sorted({one.words() for one in holding if one.what == result.trial}),
        "quality": plain(result.quality),
        "label": f"{job.deployment.model.name} on {job.deployment.engine} {job.deployment.engine_version}",
        "repeat_command": f"enginebench reproduce {result.trial} --store {store.url}",
        "server_command": server_command(engine),
        "environment": plain(result.environment),
        "engine": None
        if engine is None
        else {key: value for key, value in plain(engine).items() if key not in ("argv", "environment", "installed")},
        "stage_s": {name: round(spent / 1e9, 2) for name, spent in result.stage_ns.items()},
        "runs": [
            {
                "point": job.points[run.point].label(),
                "repeat": run.repeat,
                "started_utc": run.started_utc,
                "duration_s": round(run.duration_ns / 1e9, 3),
                "marks": list(run.marks),
                "invalid": invalid.get(run.id, ""),
                "usage": plain(run.usage),
                "metrics": {name: _shown(run.metrics.get(name), METRICS[name].scale) for name in METRICS},
                "absent": dict(run.absent),
            }
            for run in result.runs
        ],
    }
