"""One valid record of each kind, to be changed by the test that needs it otherwise: `a_model(name="other")`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from enginebench.config import Fact, Grid, Hardware, ResolvedGrid
from enginebench.config.loads import loads_of
from enginebench.config.schema import Loads
from enginebench.records import (
    Accelerator,
    Architecture,
    Attempt,
    ClosedLoop,
    Deployment,
    DummySource,
    EndpointProvision,
    Engine,
    EngineBuild,
    EngineInfo,
    Environment,
    ExecutableProvision,
    HubSource,
    Inventory,
    Job,
    Model,
    OpenLoop,
    Parallelism,
    Point,
    Precision,
    Request,
    Result,
    Run,
    Slo,
    Usage,
    Workload,
)

REPOSITORY = Path(__file__).resolve().parent.parent
DUMMY = DummySource(kind="dummy", config={"model_type": "llama"})


def closed(concurrency: int) -> ClosedLoop:
    return ClosedLoop(kind="closed", concurrency=concurrency)


def opened(rate_rps: float) -> OpenLoop:
    return OpenLoop(kind="open", rate_rps=rate_rps)


def an_architecture(**changes: Any) -> Architecture:
    """1 KiB of KV cache a token in bf16: 2 × 4 layers × 2 heads × 32 wide × 2 bytes."""
    return replace(
        Architecture(
            parameters=1_000_000,
            layers=4,
            hidden=256,
            heads=8,
            kv_heads=2,
            head_dim=32,
            vocabulary=32_000,
            context_tokens=8192,
        ),
        **changes,
    )


def a_model(**changes: Any) -> Model:
    model = Model(
        name="small",
        repository="someone/small",
        license="Apache-2.0",
        source=HubSource(kind="hub", repository="someone/small", revision="0123abc"),
        architecture=an_architecture(),
        precisions={"bf16": Precision(weights_bytes=2_000_000_000), "fp8": Precision(weights_bytes=1_000_000_000)},
        facts_from="made up",
    )
    return replace(model, **changes)


def a_build(*precisions: str, **changes: Any) -> EngineBuild:
    """A build that serves `precisions`, `bf16` if none are named."""
    provision = ExecutableProvision(kind="executable", executable="engine")
    return replace(EngineBuild(provision=provision, precisions=precisions or ("bf16",)), **changes)


def an_engine(**changes: Any) -> Engine:
    engine = Engine(name="quick", kind="vllm", version="1.2.3", builds={"nvidia": a_build("bf16", "fp8")})
    return replace(engine, **changes)


def a_workload(**changes: Any) -> Workload:
    workload = Workload(name="talk", kind="synthetic", api="completions", isl_tokens=100, osl_tokens=20)
    return replace(workload, **changes)


def a_point(**changes: Any) -> Point:
    return replace(Point(workload=a_workload(), load=closed(4), requests=16, warmup_requests=4), **changes)


def a_deployment(**changes: Any) -> Deployment:
    deployment = Deployment(
        engine="quick",
        engine_kind="vllm",
        engine_version="1.2.3",
        provision=ExecutableProvision(kind="executable", executable="engine"),
        model=a_model(),
        precision="bf16",
        vendor="nvidia",
        product="Test GPU",
        devices=1,
        parallelism=Parallelism(),
        context_tokens=2048,
        max_sequences=16,
        prefix_cache=False,
        arguments={},
        environment={},
    )
    return replace(deployment, **changes)


OTHER_DEPLOYMENT: dict[str, Any] = {
    "engine": "other",
    "engine_kind": "sglang",
    "engine_version": "1.2.4",
    "provision": EndpointProvision(kind="endpoint", url="http://127.0.0.1:8000"),
    "model": a_model(source=HubSource(kind="hub", repository="someone/small", revision="9876fed")),
    "precision": "fp8",
    "vendor": "amd",
    "product": "Other GPU",
    "devices": 2,
    "parallelism": Parallelism(tp=2),
    "context_tokens": 4096,
    "max_sequences": 32,
    "prefix_cache": True,
    "arguments": {"block-size": 32},
    "environment": {"QUIET": "1"},
}
"""Field of a deployment to another value than a_deployment() has."""
OTHER_POINT: dict[str, Any] = {
    "workload": a_workload(isl_tokens=101),
    "load": closed(5),
    "requests": 17,
    "warmup_requests": 5,
    "at_least_s": 60.0,
    "slo": Slo(ttft_ns=1),
}
"""Field of a point to another value than a_point() has."""


def a_job(**changes: Any) -> Job:
    job = Job(
        deployment=a_deployment(),
        points=(a_point(load=closed(1)), a_point(load=closed(4)), a_point(load=opened(0.5))),
        repeats=3,
        start=0,
        seed=0,
        ready_deadline_s=60,
        request_timeout_s=60,
    )
    return replace(job, **changes)


def an_attempt(**changes: Any) -> Attempt:
    """All runs of its job, unless told which."""
    job = changes.get("job", a_job())
    return replace(
        Attempt(
            night="2026-11-24",
            grid="test",
            job=job,
            runs=job.run_keys(),
            quality=None,
            until=None,
            chunk_times=True,
            reproduces=None,
        ),
        **changes,
    )


def a_request(**changes: Any) -> Request:
    """Three tokens: the first after 100 ms, then one each 10 ms."""
    request = Request(
        run="trial.0.0",
        index=0,
        scheduled_ns=0,
        sent_ns=0,
        first_token_ns=100_000_000,
        last_token_ns=120_000_000,
        end_ns=121_000_000,
        event_ns=(100_000_000, 110_000_000, 120_000_000),
        input_tokens=100,
        output_tokens=3,
        asked_output_tokens=3,
        usage_input_tokens=100,
        cached_tokens=0,
        status="ok",
        http_status=200,
        error=None,
    )
    return replace(request, **changes)


def a_run(**changes: Any) -> Run:
    run = Run(
        id="trial.0.0",
        point=0,
        repeat=0,
        position=0,
        started_utc="2026-11-24T02:00:00+00:00",
        duration_ns=3_000_000_000,
        window_ns=(500_000_000, 2_500_000_000),
        metrics={"ttft_mean_ns": 100_000_000.0, "power_mean_w": None},
        absent={"power_mean_w": "no sensor"},
        usage=Usage(server_cores=1.5, client_cores=0.25, neighbour_cores=0.0, stolen_cores=0.0),
        marks=(),
        client=None,
        intervals={},
        spread_ns=None,
    )
    return replace(run, **changes)


def an_environment(**changes: Any) -> Environment:
    environment = Environment(
        host="here",
        os="Linux 6.1",
        cpu="Test CPU",
        cores=2,
        memory_bytes=2**33,
        accelerators=({"vendor": "nvidia", "index": 0, "product": "Test GPU"},),
        python="3.12.0",
        harness_version="0.1.0",
        harness_commit=None,
        absent={"harness_commit": "not a checkout", "driver": "the part has none"},
    )
    return replace(environment, **changes)


def an_engine_info(**changes: Any) -> EngineInfo:
    info = EngineInfo(
        lock_hash="0" * 16,
        digest=None,
        installed=("engine==1.2.3",),
        argv=("engine", "serve", "two words"),
        environment={"QUIET": "1"},
        reported_version="1.2.3",
        model_path="/models/small",
        model_hash="0" * 64,
        model_revision="0123abc",
        notes=(),
        absent={"digest": "an environment is named by its lock hash"},
    )
    return replace(info, **changes)


def a_result(**changes: Any) -> Result:
    """A complete result of one run."""
    attempt = changes.get("attempt", an_attempt())
    result = Result(
        trial="trial",
        job_id=attempt.job.id,
        attempt=attempt,
        status="complete",
        stage="done",
        failure=None,
        environment=an_environment(),
        engine=an_engine_info(),
        started_utc="2026-11-24T01:59:00+00:00",
        stage_ns={"start": 17_000_000_000, "measure": 60_000_000_000},
        runs=(a_run(),),
        quality=None,
        stops=(),
    )
    return replace(result, **changes)


def an_inventory(count: int = 8, *, memory_bytes: int = 80_000_000_000, **changes: Any) -> Inventory:
    """A site of `count` equal devices; `vendor` and `product` change the devices, the rest the site."""
    device = {"vendor": changes.pop("vendor", "nvidia"), "product": changes.pop("product", "Test GPU")}
    devices = tuple(Accelerator(**device, index=index, memory_bytes=memory_bytes) for index in range(count))
    return replace(Inventory(site="lab", launcher="local", accelerators=devices), **changes)


def a_part(**changes: Any) -> Hardware:
    """A part that reads a terabyte a second."""
    fact = Fact(value=1e12, source="made up", date="2026-11-24")
    part = Hardware(
        name="test-gpu",
        vendor="nvidia",
        product="Test GPU",
        match=("test",),
        memory_bandwidth_bytes_per_s=fact,
        precisions=("bf16", "fp8"),
    )
    return replace(part, **changes)


def a_grid(**changes: Any) -> Grid:
    """Names `small`, `quick` and `talk`, at concurrency 1 and 4."""
    grid = Grid(
        name="test",
        description="made up",
        models=("small",),
        engines=("quick",),
        workloads=("talk",),
        precisions=("bf16",),
        loads=Loads(concurrency=(1, 4)),
    )
    return replace(grid, **changes)


def resolved(grid: Grid | None = None, *files: Model | Engine | Workload) -> ResolvedGrid:
    """`grid` with `files` and the default ones read in, each under its name."""
    known = [a_model(), an_engine(), a_workload(), *files]
    grid = grid or a_grid()
    return ResolvedGrid(
        grid=grid,
        loads=loads_of(grid.loads),
        models={item.name: item for item in known if isinstance(item, Model)},
        engines={item.name: item for item in known if isinstance(item, Engine)},
        workloads={item.name: item for item in known if isinstance(item, Workload)},
    )
