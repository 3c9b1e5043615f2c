"""Results as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from enginebench.metrics import METRICS
from enginebench.records import ClosedLoop, DummySource, LmEvalScore, Quality, Result, Run, series_id
from enginebench.store.columns import COLUMNS, FAILURE_COLUMNS

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
    rows = [_row(result, run) for result in results for run in result.runs]
    return typed(pd.DataFrame(rows, columns=[*COLUMNS, *METRICS]))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of runs or of failures, or some columns of it, with the types of its columns whatever is in them."""
    types = {**_TYPES, **dict.fromkeys(METRICS, "float64")}
    frame = frame.astype({name: kind for name, kind in types.items() if name in frame})
    if "started_utc" in frame:
        frame["started_utc"] = pd.to_datetime(frame["started_utc"], utc=True, format="ISO8601").dt.as_unit("us")
    if "marks" in frame:
        frame["marks"] = frame["marks"].map(list)
    words = [name for name in frame if name not in types and name not in ("started_utc", "marks")]
    return frame.astype(dict.fromkeys(words, "str"))


def _row(result: Result, run: Run) -> dict[str, Any]:
    job = result.attempt.job
    d, point = job.deployment, job.points[run.point]
    load, used = point.load, run.usage
    return {
        "night": result.attempt.night,
        "grid": result.attempt.grid,
        "trial": result.trial,
        "run": run.id,
        "job_id": result.job_id,
        "series": series_id(d, point),
        "status": result.status,
        "engine": d.engine,
        "engine_kind": d.engine_kind,
        "engine_version": d.engine_version,
        "lock_hash": result.engine.lock_hash if result.engine else None,
        "model": d.model.name,
        "precision": d.precision,
        "vendor": d.vendor,
        "product": d.product,
        "devices": d.devices,
        "parallelism": d.parallelism.label(),
        "start": job.start,
        "workload": point.workload.name,
        "api": point.workload.api,
        "isl_tokens": point.workload.isl_tokens,
        "osl_tokens": point.workload.osl_tokens,
        "load_kind": load.kind,
        "load": load.label(),
        "concurrency": load.concurrency if isinstance(load, ClosedLoop) else None,
        "rate_rps": None if isinstance(load, ClosedLoop) else load.rate_rps,
        "repeat": run.repeat,
        "position": run.position,
        "started_utc": run.started_utc,
        "duration_ns": run.duration_ns,
        "marks": list(run.marks),
        "server_cores": used.server_cores if used else None,
        "client_cores": used.client_cores if used else None,
        "neighbour_cores": used.neighbour_cores if used else None,
        "stolen_cores": used.stolen_cores if used else None,
        "harness_commit": result.environment.harness_commit,
        "host": result.environment.host,
        "dummy_weights": isinstance(d.model.source, DummySource),
        "reproduces": result.attempt.reproduces,
        **_quality(result.quality),
        **{name: run.metrics.get(name) for name in METRICS},
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
    return typed(pd.DataFrame(rows, columns=list(FAILURE_COLUMNS)))
