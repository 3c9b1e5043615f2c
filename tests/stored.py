"""Made-up trials and stores of them, for tests of what is stored and of all that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
from enginebench.metrics import METRICS
from enginebench.records import Failure, Job, LmEvalScore, Load, Quality, QualityCheck, Result, Run, TaskScore
from enginebench.records.files import to_json
from enginebench.store import Store
from enginebench.tables import write_requests, write_telemetry

CLOSED, OPEN = builders.closed(8), builders.opened(0.5)


def a_job(*, loads: Iterable[Load] = (CLOSED,), version: str = "1.0", start: int = 0) -> Job:
    """A job of one point a load."""
    model = builders.a_model(name="tiny", source=builders.DUMMY)
    return builders.a_job(
        deployment=builders.a_deployment(engine="scripted", engine_version=version, model=model),
        points=tuple(builders.a_point(workload=builders.a_workload(name="short"), load=load) for load in loads),
        repeats=9,
        start=start,
    )


def a_run(repeat: int = 0, *, point: int = 0, marks: tuple[str, ...] = (), day: int = 24, **metrics: Any) -> Run:
    """A run whose metrics are null but for those named; a_trial sets its id."""
    values = {**dict.fromkeys(METRICS), **metrics}
    return builders.a_run(
        point=point,
        repeat=repeat,
        started_utc=f"2026-11-{day:02}T02:00:{repeat:02}.000+00:00",
        metrics=values,
        absent={name: "not measured" for name, value in values.items() if value is None},
        marks=marks,
    )


def a_trial(
    trial: str,
    runs: Iterable[Run] = (),
    *,
    night: str = "2026-11-24",
    job: Job | None = None,
    failure: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """A complete trial, or one that failed while measuring with `failure` as its message."""
    job = job or a_job()
    numbered = tuple(
        replace(run, id=f"{trial}.{run.point}.{run.repeat}", position=index) for index, run in enumerate(runs)
    )
    return builders.a_result(
        trial=trial,
        attempt=builders.an_attempt(night=night, job=job),
        status="failed" if failure else "complete",
        stage="measure" if failure else "done",
        failure=Failure(failure_class="crashed", message=failure, log_tail="last words") if failure else None,
        engine=builders.an_engine_info(
            lock_hash=None,
            reported_version=job.deployment.engine_version,
            environment=environment or {},
        ),
        runs=numbered,
    )


def a_quality(*, passed: bool | None = True, right: int | None = 33, reasons: tuple[str, ...] = ()) -> Quality:
    """What the gate found: one pass of 50 questions, `right` of them right; null: none asked."""
    check = QualityCheck(
        when="before",
        concurrency=1,
        started_utc="2026-11-24T02:00:00.000+00:00",
        duration_ns=18_000_000_000,
        unanswered=0,
        scores=() if right is None else (TaskScore(family="all", asked=50, right=right, low=0.0, high=1.0),),
        lost=None,
        gained=None,
        agreement=None,
        reasons=reasons if passed is False else (),
    )
    return Quality(
        passed=passed,
        reasons=reasons,
        task_version=1,
        reference=None,
        thresholds=None,
        checks=(check,),
        lm_eval=(),
        lm_eval_version=None,
    )


def an_lm_eval_score(**changes: Any) -> LmEvalScore:
    """69 of 200 documents of gsm8k, its floor reached."""
    score = LmEvalScore(
        task="gsm8k",
        task_version="3.0",
        metric="exact_match,strict-match",
        fewshot=5,
        asked=200,
        value=0.345,
        stderr=0.034,
        low=0.283,
        high=0.413,
        floor=0.3,
        passed=True,
    )
    return replace(score, **changes)


def finished(folder: Path, result: Result, *, requests: int = 2) -> Path:
    """The folder that a trial leaves, `requests` rows a run in its table."""
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(to_json(result.attempt), encoding="utf-8")
    (folder / "server.log").write_text("ready\n", encoding="utf-8")
    rows = [
        builders.a_request(run=run.id, index=index, cached_tokens=None)
        for run in result.runs
        for index in range(requests)
    ]
    write_requests(rows, folder / "requests.parquet")
    write_telemetry([{"t_ns": 1, "cpu_busy_cores": 1.0}, {"t_ns": 1, "device": 0}], folder / "telemetry.parquet")
    (folder / "result.json").write_text(to_json(result), encoding="utf-8")
    return folder


def a_store(folder: Path, *results: Result) -> Store:
    """A store of `results`."""
    store = Store(folder / "store")
    for result in results:
        assert store.ingest(finished(folder / "finished" / result.trial, result)).taken
    return store
