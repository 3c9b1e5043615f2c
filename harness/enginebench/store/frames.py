"""Results as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from enginebench.metrics import METRICS
from enginebench.records import (
    ClosedLoop,
    DummySource,
    LmEvalScore,
    Point,
    Quality,
    Result,
    Run,
    drivers,
    identify,
    plain,
)
from enginebench.store.columns import COLUMNS

_TYPES = {
    "devices": "int64",
    "start": "int64",
    "isl_tokens": "int64",
    "osl_tokens": "int64",
    "concurrency": "Int64",
    "rate_rps": "float64",
    "repeat": "int64",
    "position": "int64",
    "duration_ns": "int64",
    "server_cores": "float64",
    "client_cores": "float64",
    "neighbour_cores": "float64",
    "stolen_cores": "float64",
    "dummy_weights": "bool",
    "quality_passed": "boolean",
    "quality_score": "float64",
    "quality_kl_nats": "float64",
    "quality_top1_share": "float64",
    "quality_nll_difference_nats": "float64",
}


def runs_frame(results: Iterable[Result]) -> pd.DataFrame:
    """One row a run; every declared metric is a column of floats, NaN where it could not be had."""
    rows: list[Mapping[str, Any]] = []
    metrics: list[Mapping[str, float | None]] = []
    for result in results:
        # What holds for all runs of a trial, or of a point, is found once: hashing is most of the work.
        points = _points(result) if result.runs else ()
        for run in result.runs:
            rows.append({**points[run.point], **_run(run)})
            metrics.append(run.metrics)
    columns = {name: pd.Series([row[name] for row in rows], dtype=None if rows else "object") for name in COLUMNS}
    figures = {name: np.array([one.get(name) for one in metrics], dtype="float64") for name in METRICS}
    frame = pd.DataFrame({**columns, **figures}).astype(_TYPES)
    frame["started_utc"] = pd.to_datetime(frame["started_utc"], utc=True, format="ISO8601")
    return frame


def _points(result: Result) -> tuple[Mapping[str, Any], ...]:
    """What the table says of all runs of each point of the trial's job."""
    job, engine = result.attempt.job, result.engine
    d = job.deployment
    found = identify(d, job.points, engine, result.environment)
    shared = {
        "night": result.attempt.night,
        "grid": result.attempt.grid,
        "trial": result.trial,
        "job_id": result.job_id,
        "status": result.status,
        "engine": d.engine,
        "engine_kind": d.engine_kind,
        "engine_version": d.engine_version,
        "lock_hash": engine.lock_hash if engine else None,
        "model": d.model.name,
        "model_revision": engine.model_revision if engine else None,
        "precision": d.precision,
        "vendor": d.vendor,
        "product": d.product,
        "driver": ", ".join(drivers(result.environment)) or None,
        "devices": d.devices,
        "parallelism": d.parallelism.label(),
        "start": job.start,
        "harness_commit": result.environment.harness_commit,
        "host": result.environment.host,
        "dummy_weights": isinstance(d.model.source, DummySource),
        **_quality(result.quality),
    }
    return tuple(
        {**shared, **plain(identity), **_point(point)} for point, identity in zip(job.points, found, strict=True)
    )


def _point(point: Point) -> dict[str, Any]:
    load = point.load
    return {
        "workload": point.workload.name,
        "api": point.workload.api,
        "isl_tokens": point.workload.isl_tokens,
        "osl_tokens": point.workload.osl_tokens,
        "load_kind": load.kind,
        "load": load.label(),
        "concurrency": load.concurrency if isinstance(load, ClosedLoop) else None,
        "rate_rps": None if isinstance(load, ClosedLoop) else load.rate_rps,
    }


def _run(run: Run) -> dict[str, Any]:
    used = run.usage
    return {
        "run": run.id,
        "repeat": run.repeat,
        "position": run.position,
        "started_utc": run.started_utc,
        "duration_ns": run.duration_ns,
        "marks": list(run.marks),
        "server_cores": used.server_cores if used else None,
        "client_cores": used.client_cores if used else None,
        "neighbour_cores": used.neighbour_cores if used else None,
        "stolen_cores": used.stolen_cores if used else None,
    }


def _quality(quality: Quality | None) -> dict[str, Any]:
    """The gate's columns; of its passes the worse figure stands for the trial."""
    checks = quality.checks if quality else ()
    agreed = [one.agreement for one in checks if one.agreement is not None]
    scores = [one.scores[0].right / one.scores[0].asked for one in checks if one.scores]
    divergences = [one.kl_nats for one in agreed if one.kl_nats is not None]
    shares = [one.top1_share for one in agreed if one.top1_share is not None]
    differences = [one.nll_difference_nats for one in agreed if one.nll_difference_nats is not None]
    return {
        "quality_passed": quality.passed if quality else None,
        "quality_score": min(scores, default=None),
        "quality_kl_nats": max(divergences, default=None),
        "quality_top1_share": min(shares, default=None),
        "quality_nll_difference_nats": max(differences, key=abs, default=None),
        "quality_reasons": "; ".join(quality.reasons) if quality else "",
        "quality_lm_eval": "; ".join(map(_in_words, quality.lm_eval)) if quality else "",
    }


def _in_words(score: LmEvalScore) -> str:
    """`gsm8k exact_match,strict-match 0.345 [0.283, 0.413] of 200, floor 0.3 passed`."""
    shown = "no finite number" if score.value is None else f"{score.value:.3f}"
    interval = "" if score.low is None else f" [{score.low:.3f}, {score.high:.3f}]"
    asked = "" if score.asked is None else f" of {score.asked}"
    verdict = "" if score.passed is None else f", floor {score.floor:g} {'passed' if score.passed else 'failed'}"
    return f"{score.task} {score.metric} {shown}{interval}{asked}{verdict}"


def failures_frame(results: Iterable[Result]) -> pd.DataFrame:
    """One row a trial that has a failure."""
    columns = ["night", "trial", "job_id", "engine", "engine_version", "model", "status", "stage", "failure_class"]
    rows = [
        [
            result.attempt.night,
            result.trial,
            result.job_id,
            result.attempt.job.deployment.engine,
            result.attempt.job.deployment.engine_version,
            result.attempt.job.deployment.model.name,
            result.status,
            result.stage,
            result.failure.failure_class,
            result.failure.message,
        ]
        for result in results
        if result.failure is not None
    ]
    return pd.DataFrame(rows, columns=[*columns, "message"])
