"""Results as tables."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from enginebench.metrics import METRICS
from enginebench.records import (
    ClosedLoop,
    DummySource,
    Job,
    LmEvalScore,
    Point,
    Quality,
    Result,
    Run,
    drivers,
    identify,
    plain,
)
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
    "block": "Int64",
    "quality_passed": "boolean",
    "quality_score": "float64",
    "quality_kl_nats": "float64",
    "quality_top1_share": "float64",
    "quality_nll_difference_nats": "float64",
}

_OF_RUN = (
    *("run", "repeat", "position", "started_utc", "duration_ns", "marks"),
    *("server_cores", "client_cores", "neighbour_cores", "stolen_cores"),
)


def runs_frame(results: Iterable[Result]) -> pd.DataFrame:
    """One row a run; every declared metric is a column of floats, NaN where it could not be had."""
    # What holds for all runs of a trial, or of a point, is found once and spread over them as a whole: 200,000 rows of
    # dictionaries would take a gigabyte.
    points: list[Mapping[str, Any]] = []
    of_point: list[int] = []
    runs: list[tuple[Any, ...]] = []
    figures = array("d")
    for result in results:
        before = len(points)
        if result.runs:
            points += _points(result)
        for run in result.runs:
            of_point.append(before + run.point)
            runs.append(_run(run))
            values = map(run.metrics.get, METRICS)
            figures.extend(math.nan if value is None else value for value in values)
    shared = pd.DataFrame(points, columns=[name for name in COLUMNS if name not in _OF_RUN])
    own = pd.DataFrame(runs, columns=_OF_RUN)
    metrics = pd.DataFrame(np.frombuffer(figures).reshape(-1, len(METRICS)), columns=list(METRICS))
    frame = pd.concat([shared.take(of_point).reset_index(drop=True), own, metrics], axis=1)[[*COLUMNS, *METRICS]]
    return typed(frame)


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


def planned_frame(jobs: Iterable[Job]) -> pd.DataFrame:
    """One row a point of each job, with those columns that the table of runs can have before anything is measured.

    Its index in the job is `point`. What the version will be is not known yet.
    """
    rows = [
        {"job_id": job.id, **_of_job(job), **plain(identity), **_point(point), "point": index}
        for job in jobs
        for index, (point, identity) in enumerate(zip(job.points, identify(job.deployment, job.points), strict=True))
    ]
    frame = pd.DataFrame(rows).drop(columns=["version", "version_label"], errors="ignore")
    return typed(frame.drop(columns="point")).assign(point=frame["point"]) if rows else frame


def _of_job(job: Job) -> dict[str, Any]:
    """What the table says of all runs of a job, whoever measures it."""
    d = job.deployment
    return {
        "engine": d.engine,
        "engine_kind": d.engine_kind,
        "engine_version": d.engine_version,
        "model": d.model.name,
        "precision": d.precision,
        "vendor": d.vendor,
        "product": d.product,
        "devices": d.devices,
        "parallelism": d.parallelism.label(),
        "start": job.start,
        "dummy_weights": isinstance(d.model.source, DummySource),
    }


def _points(result: Result) -> tuple[Mapping[str, Any], ...]:
    """What the table says of all runs of each point of the trial's job."""
    job, engine, turn = result.attempt.job, result.engine, result.attempt.comparison
    found = identify(job.deployment, job.points, engine, result.environment)
    shared = {
        **_of_job(job),
        "night": result.attempt.night,
        "grid": result.attempt.grid,
        "trial": result.trial,
        "job_id": result.job_id,
        "status": result.status,
        "lock_hash": engine.lock_hash if engine else None,
        "model_revision": engine.model_revision if engine else None,
        "driver": ", ".join(drivers(result.environment)) or None,
        "harness_commit": result.environment.harness_commit,
        "host": result.environment.host,
        "reproduces": result.attempt.reproduces,
        "comparison": turn.name if turn else None,
        "arm": turn.arm if turn else None,
        "block": turn.block if turn else None,
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


def _run(run: Run) -> tuple[Any, ...]:
    """What differs between the runs of a point: the columns _OF_RUN."""
    used = run.usage
    cores = (used.server_cores, used.client_cores, used.neighbour_cores, used.stolen_cores) if used else (None,) * 4
    return run.id, run.repeat, run.position, run.started_utc, run.duration_ns, list(run.marks), *cores


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
    rows = [_failure(result) for result in results if result.failure is not None]
    return typed(pd.DataFrame(rows, columns=list(FAILURE_COLUMNS)))


def _failure(result: Result) -> dict[str, Any]:
    job, failure = result.attempt.job, result.failure
    assert failure is not None
    d = job.deployment
    return {
        "night": result.attempt.night,
        "trial": result.trial,
        "job_id": result.job_id,
        "engine": d.engine,
        "engine_version": d.engine_version,
        "model": d.model.name,
        "status": result.status,
        "grid": result.attempt.grid,
        "precision": d.precision,
        "vendor": d.vendor,
        "product": d.product,
        "devices": d.devices,
        "parallelism": d.parallelism.label(),
        # Of a deployment, so of any of its points.
        "recipe": identify(d, job.points[:1])[0].recipe,
        "host": result.environment.host,
        "reproduces": result.attempt.reproduces,
        "started_utc": result.started_utc,
        "stage": result.stage,
        "failure_class": failure.failure_class,
        "message": failure.message,
    }
