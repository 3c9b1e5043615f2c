"""Trials as the page of one run loads them: whole, some of a night together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enginebench.metrics import METRICS
from enginebench.records import Invalidation, Result, plain
from enginebench.report import server_command
from enginebench.site.chunks import Chunks, number, shard
from enginebench.site.details import write_details
from enginebench.store import Store

TOGETHER = 20
"""Trials in a piece, about."""


def write_trials(
    store: Store, stored: Iterable[Result], chunks: Chunks, invalid: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Make `trials/<night>/<shard>` and `details/<night>/<shard>`; gives for each night its number of trials, of both
    kinds of shards, and what failed.

    `stored`: every result of the store. `invalid`: id of a run to why it counts no more, empty where it counts.
    """
    holding = [one.invalidation for one in store.corrections() if one.withdrawal is None]
    by_night: dict[str, list[Result]] = {}
    for result in stored:
        by_night.setdefault(result.attempt.night, []).append(result)
    nights = []
    for night in sorted(by_night):
        results = sorted(by_night[night], key=lambda one: one.trial)
        count = -(-len(results) // TOGETHER)
        pieces: list[dict[str, Any]] = [{} for _ in range(count)]
        for result in results:
            pieces[shard(result.trial, count)][result.trial] = document(result, store, holding, invalid)
        for place, piece in enumerate(pieces):
            chunks.write(f"trials/{night}/{place}", piece)
        nights.append(
            {
                "night": night,
                "trials": len(results),
                "shards": count,
                "details": write_details(store, chunks, night, results),
                "failed": [_failed(one) for one in results if one.failure is not None],
            }
        )
    return nights


def label(result: Result) -> str:
    """A trial in words."""
    d = result.attempt.job.deployment
    return f"{d.model.name} on {d.engine} {d.engine_version}"


def document(
    result: Result, store: Store, holding: Sequence[Invalidation], invalid: Mapping[str, str]
) -> dict[str, Any]:
    """One trial whole."""
    engine, job = result.engine, result.attempt.job
    return {
        "trial": result.trial,
        "night": result.attempt.night,
        "status": result.status,
        "stage": result.stage,
        "failure": plain(result.failure),
        "started_utc": result.started_utc,
        "reproduces": result.attempt.reproduces,
        "invalid": sorted({one.words() for one in holding if one.what == result.trial}),
        "quality": plain(result.quality),
        "label": label(result),
        "model": job.deployment.model.name,
        "repeat_command": f"enginebench reproduce {result.trial} --store {store.url}",
        "server_command": server_command(engine),
        "environment": plain(result.environment),
        "engine": None
        if engine is None
        else {key: value for key, value in plain(engine).items() if key not in ("argv", "environment", "installed")},
        "stage_s": {name: round(spent / 1e9, 2) for name, spent in result.stage_ns.items()},
        "runs": [
            {
                "run": run.id,
                "point": job.points[run.point].label(),
                "workload": job.points[run.point].workload.name,
                "load": job.points[run.point].load.label(),
                "repeat": run.repeat,
                "started_utc": run.started_utc,
                "duration_s": round(run.duration_ns / 1e9, 3),
                "marks": list(run.marks),
                "invalid": invalid.get(run.id, ""),
                "usage": plain(run.usage),
                "metrics": {
                    name: number(value, METRICS[name].scale)
                    for name, value in run.metrics.items()
                    if value is not None and name in METRICS
                },
                "absent": dict(run.absent),
            }
            for run in result.runs
        ],
    }


def _failed(result: Result) -> dict[str, Any]:
    assert result.failure is not None
    return {
        "trial": result.trial,
        "label": label(result),
        "status": result.status,
        "stage": result.stage,
        "failure_class": result.failure.failure_class,
        "message": result.failure.message,
    }
