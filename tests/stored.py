"""Made-up trials and stores of them, for tests of what is stored and of all that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from enginebench.metrics import METRICS
from enginebench.records import (
    Architecture,
    Attempt,
    ClosedLoop,
    Deployment,
    DummySource,
    EngineInfo,
    Environment,
    ExecutableProvision,
    Failure,
    Job,
    Load,
    Model,
    OpenLoop,
    Parallelism,
    Point,
    Precision,
    Request,
    Result,
    Run,
    Usage,
    Workload,
)
from enginebench.records.files import to_json
from enginebench.store import Store
from enginebench.tables import write_requests, write_telemetry

CLOSED = ClosedLoop(kind="closed", concurrency=8)
OPEN = OpenLoop(kind="open", rate_rps=0.5)
_FACTS = dict.fromkeys(("parameters", "layers", "hidden", "heads", "kv_heads", "head_dim", "vocabulary"), 8)


def a_job(*, loads: Iterable[Load] = (CLOSED,), version: str = "1.0", start: int = 0) -> Job:
    model = Model(
        name="tiny",
        repository="test/tiny",
        license="Apache-2.0",
        source=DummySource(kind="dummy", config={}),
        architecture=Architecture(**_FACTS, context_tokens=256),
        precisions={"bf16": Precision(weights_bytes=2000)},
        facts_from="made up",
    )
    deployment = Deployment(
        engine="scripted",
        engine_kind="vllm",
        engine_version=version,
        provision=ExecutableProvision(kind="executable", executable="scripted"),
        model=model,
        precision="bf16",
        vendor="cpu",
        product="Test CPU",
        devices=1,
        parallelism=Parallelism(),
        context_tokens=256,
        max_sequences=8,
        prefix_cache=False,
        arguments={},
        environment={},
    )
    workload = Workload(name="short", kind="synthetic", api="completions", isl_tokens=12, osl_tokens=6)
    points = tuple(Point(workload=workload, load=load, requests=16, warmup_requests=0) for load in loads)
    return Job(
        deployment=deployment,
        points=points,
        repeats=9,
        start=start,
        seed=0,
        ready_deadline_s=60,
        request_timeout_s=60,
    )


def a_run(repeat: int = 0, *, point: int = 0, marks: tuple[str, ...] = (), day: int = 24, **metrics: Any) -> Run:
    """A run whose metrics are null but for those named; ids are set by a_trial."""
    values = {**dict.fromkeys(METRICS), **metrics}
    return Run(
        id="",
        point=point,
        repeat=repeat,
        position=0,
        started_utc=f"2026-11-{day:02}T02:00:{repeat:02}.000+00:00",
        duration_ns=3_000_000_000,
        window_ns=None,
        metrics=values,
        absent={name: "not measured" for name, value in values.items() if value is None},
        usage=Usage(server_cores=1.5, client_cores=0.25, neighbour_cores=0.0, stolen_cores=0.0),
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
    return Result(
        trial=trial,
        job_id=job.id,
        attempt=Attempt(night=night, grid="test", job=job, runs=job.run_keys()),
        status="failed" if failure else "complete",
        stage="measure" if failure else "done",
        failure=Failure(failure_class="crashed", message=failure, log_tail="last words") if failure else None,
        environment=Environment(
            host="here",
            os="Linux 6.1",
            cpu="Test CPU",
            cores=2,
            memory_bytes=2**33,
            accelerators=({"index": 0, "product": "Test CPU"},),
            python="3.12.0",
            harness_version="0.1.0",
            harness_commit=None,
        ),
        engine=EngineInfo(
            lock_hash=None,
            installed=(),
            argv=("scripted", "--name", "two words"),
            environment=environment or {},
            reported_version=None,
            model_path=None,
            model_hash=None,
            model_revision=None,
        ),
        started_utc="2026-11-24T01:59:00+00:00",
        stage_ns={"start": 17_000_000_000, "measure": 60_000_000_000},
        runs=numbered,
    )


def a_request(run: str, index: int = 0) -> Request:
    return Request(
        run=run,
        index=index,
        scheduled_ns=0,
        sent_ns=1000,
        first_token_ns=5000,
        last_token_ns=9000,
        end_ns=9500,
        event_ns=(5000, 9000),
        input_tokens=12,
        output_tokens=2,
        asked_output_tokens=2,
        usage_input_tokens=12,
        cached_tokens=None,
        status="ok",
        http_status=200,
        error=None,
    )


def finished(folder: Path, result: Result, *, requests: int = 2) -> Path:
    """The folder that a trial leaves, `requests` rows a run in its table."""
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(to_json(result.attempt), encoding="utf-8")
    (folder / "server.log").write_text("ready\n", encoding="utf-8")
    rows = [a_request(run.id, index) for run in result.runs for index in range(requests)]
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
