"""Nights as the page loads them: figures of all, and each night's trials when it is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enginebench.analysis.nightly import stints
from enginebench.records import Calibration, PointStop, Result, plain
from enginebench.site.chunks import Chunks


def write_nights(
    results: Iterable[Result], invalid: Mapping[str, str], calibrations: Iterable[Calibration], chunks: Chunks
) -> None:
    """Make `nights`, and `nights/<night>` of each. `invalid`: id of a trial that counts no more to why."""
    by_night: dict[str, list[Result]] = {}
    for result in results:
        by_night.setdefault(result.attempt.night, []).append(result)
    for night, mine in by_night.items():
        chunks.write(f"nights/{night}", [_trial(one, invalid) for one in sorted(mine, key=lambda r: r.started_utc)])
    every = [one for mine in by_night.values() for one in mine]
    chunks.write(
        "nights",
        {
            "stints": [plain(one) for one in stints(every)],
            "calibrations": [plain(one) | {"exact": _exact(one)} for one in calibrations],
        },
    )


def _exact(one: Calibration) -> list[bool]:
    return [level.exact() for level in one.levels]


def _trial(result: Result, invalid: Mapping[str, str]) -> dict[str, Any]:
    job, quality = result.attempt.job, result.quality
    d = job.deployment
    return {
        "trial": result.trial,
        "grid": result.attempt.grid,
        "host": result.environment.host,
        "started_utc": result.started_utc,
        "what": f"{d.model.name} on {d.engine} {d.engine_version}",
        "precision": d.precision,
        "part": f"{d.devices} × {d.product}",
        "parallelism": d.parallelism.label(),
        "start": job.start,
        "status": result.status,
        "stage": result.stage,
        "failure": None if result.failure is None else [result.failure.failure_class, result.failure.message],
        "spent_s": round(sum(result.stage_ns.values()) / 1e9, 2),
        "runs": len(result.runs),
        "asked": len(result.attempt.runs),
        "stops": [_stop(one, result) for one in result.stops],
        "marks": sorted({mark for run in result.runs for mark in run.marks}),
        "passed": None if quality is None else quality.passed,
        "reproduces": result.attempt.reproduces,
        "invalid": invalid.get(result.trial, ""),
    }


def _stop(one: PointStop, result: Result) -> str:
    label = result.attempt.job.points[one.point].label()
    known = "known well enough" if one.stop.why == "known" else "not known, its budget is spent"
    return f"{label}: {known} after {one.stop.repeats} runs"
