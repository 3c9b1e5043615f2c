"""What a grid comes to: one job a server start, its points, the order of starts."""

from __future__ import annotations

from builders import (
    a_build,
    a_grid,
    a_model,
    a_part,
    a_workload,
    an_architecture,
    an_engine,
    an_inventory,
    closed,
    opened,
    resolved,
)
from enginebench.config import Grid, ResolvedGrid
from enginebench.config.schema import Include, Limits, Loads, Rate, Requests
from enginebench.plan import Plan, make_plan
from enginebench.records import Parallelism, Segment, Slo


def plan_of(grid: ResolvedGrid | Grid | None = None, count: int = 8) -> Plan:
    whole = grid if isinstance(grid, ResolvedGrid) else resolved(grid)
    return make_plan(whole, an_inventory(count), a_part())


def include(**changes: object) -> Include:
    names = {"model": "small", "engine": "quick", "workload": "talk", "precision": "bf16", "concurrency": 16}
    return Include(**{**names, **changes})  # type: ignore[arg-type]


def test_points_of_one_deployment_share_one_server_start() -> None:
    grid = a_grid(
        workloads=("talk", "essay"),
        precisions=("bf16", "fp8"),
        loads=Loads(concurrency=(1, 4), rate_rps=(0.5,)),
    )
    plan = plan_of(resolved(grid, a_workload(name="essay", osl_tokens=200)))
    assert [job.deployment.precision for job in plan.jobs] == ["bf16", "fp8"]
    labels = ["talk c1", "talk c4", "talk r0.5", "essay c1", "essay c4", "essay r0.5"]
    assert all([point.label() for point in job.points] == labels for job in plan.jobs)
    assert (plan.grid, plan.site, plan.skips) == ("test", "lab", ())


def test_every_axis_of_a_deployment_makes_a_start_of_its_own() -> None:
    grid = a_grid(
        models=("small", "other"),
        engines=("quick", "slow"),
        precisions=("bf16", "fp8"),
        parallelism=(Parallelism(tp=1), Parallelism(tp=2)),
    )
    plan = plan_of(resolved(grid, a_model(name="other"), an_engine(name="slow")))
    assert len(plan.jobs) == 16
    assert len({job.id for job in plan.jobs}) == 16
    assert [(d.model.name, d.engine, d.precision, d.parallelism.tp) for d in (job.deployment for job in plan.jobs)] == [
        (m, e, p, tp) for m in ("small", "other") for e in ("quick", "slow") for p in ("bf16", "fp8") for tp in (1, 2)
    ]


def test_starts_take_turns_forth_and_back() -> None:
    plan = plan_of(a_grid(precisions=("bf16", "fp8"), starts=3))
    assert [(job.deployment.precision, job.start) for job in plan.jobs] == [
        ("bf16", 0), ("fp8", 0), ("fp8", 1), ("bf16", 1), ("bf16", 2), ("fp8", 2),
    ]  # fmt: skip
    assert len({job.id for job in plan.jobs}) == 6


def test_one_deployment_more_changes_no_other_job() -> None:
    few = plan_of(a_grid(precisions=("bf16",))).jobs
    more = plan_of(a_grid(precisions=("fp8", "bf16"))).jobs
    assert {job.id for job in few} < {job.id for job in more}


def test_what_is_asked_of_the_server_comes_from_grid_engine_and_site() -> None:
    build = a_build("bf16", arguments={"block-size": 16, "eager": True}, environment={"QUIET": "1"})
    grid = a_grid(
        parallelism=(Parallelism(tp=2, dp=2),),
        max_sequences=7,
        prefix_cache=True,
        context_tokens=512,
        repeats=4,
        seed=9,
        ready_deadline_s=11,
        request_timeout_s=12,
        arguments={"quick": {"block-size": 32, "extra": None}, "slow": {"other": 1}},
    )
    (job,) = plan_of(resolved(grid, an_engine(builds={"nvidia": build}))).jobs
    server = job.deployment
    assert server.arguments == {"block-size": 32, "eager": True, "extra": None}
    assert server.environment == {"QUIET": "1"}
    assert (server.vendor, server.product, server.devices) == ("nvidia", "Test GPU", 4)
    assert (server.max_sequences, server.prefix_cache, server.context_tokens) == (7, True, 512)
    assert (server.engine, server.engine_kind, server.engine_version) == ("quick", "vllm", "1.2.3")
    assert (job.repeats, job.seed, job.ready_deadline_s, job.request_timeout_s) == (4, 9, 11, 12)


def test_the_context_is_the_longest_request_rounded_up_and_never_more_than_the_model_takes() -> None:
    def context(isl_tokens: int, osl_tokens: int, limit: int = 8192) -> int:
        files = (
            a_workload(isl_tokens=isl_tokens, osl_tokens=osl_tokens),
            a_model(architecture=an_architecture(context_tokens=limit)),
        )
        return plan_of(resolved(None, *files)).jobs[0].deployment.context_tokens

    assert context(200, 56) == 256
    assert context(200, 57) == 512
    assert context(200, 57, limit=300) == 300


def test_requests_of_a_run_grow_with_its_slots() -> None:
    rule = Requests(per_slot=3, at_least=5, open_loop=16, warmup_per_slot=2)
    grid = a_grid(requests=rule, loads=Loads(concurrency=(1, 2, 8), rate_rps=(0.5,)))
    (job,) = plan_of(grid).jobs
    assert [(point.load.label(), point.requests, point.warmup_requests) for point in job.points] == [
        ("c1", 5, 2), ("c2", 6, 4), ("c8", 24, 16), ("r0.5", 16, 2),
    ]  # fmt: skip


def test_a_shortest_run_is_more_requests_of_a_rate_and_left_to_the_warm_up_in_a_closed_loop() -> None:
    rule = Requests(open_loop=16, at_least_s=60.0)
    steps = Rate(steps=(Segment(rate_rps=2.0, duration_s=5.0), Segment(rate_rps=2.0, to_rps=8.0, duration_s=2.0)))
    loads = Loads(concurrency=(2,), rate_rps=(0.1, 2.0), rates=(steps,))
    (job,) = plan_of(a_grid(requests=rule, loads=loads)).jobs
    assert [(point.load.label(), point.requests, point.at_least_s) for point in job.points] == [
        ("c2", 8, 60.0), ("r0.1", 16, 0.0), ("r2", 120, 0.0), ("s2x5+2-8x2", 20, 0.0),
    ]  # fmt: skip


def test_start_and_ramp_hold_for_every_closed_loop_of_the_grid() -> None:
    loads = Loads(concurrency=(2,), start="convoy")
    (job,) = plan_of(a_grid(loads=loads, include=(include(),))).jobs
    assert [point.load.label() for point in job.points] == ["c2-convoy", "c16-convoy"]
    (job,) = plan_of(a_grid(loads=Loads(concurrency=(2,), ramp_s=2.5))).jobs
    assert [point.load.label() for point in job.points] == ["c2-ramp2.5"]


def test_limits_people_write_in_ms_are_ns_in_a_point() -> None:
    (job,) = plan_of(a_grid(slo=Limits(ttft_ms=2000, tpot_ms=0.5))).jobs
    assert {point.slo for point in job.points} == {Slo(ttft_ns=2_000_000_000, tpot_ns=500_000, e2el_ns=None)}
    assert plan_of().jobs[0].points[0].slo is None


def test_an_include_joins_the_start_that_it_fits_and_makes_its_own_elsewhere() -> None:
    grid = a_grid(include=(include(), include(precision="fp8", concurrency=None, rate_rps=2.0)))
    first, second = plan_of(grid).jobs
    assert [point.load for point in first.points] == [closed(1), closed(4), closed(16)]
    assert (second.deployment.precision, [point.load for point in second.points]) == ("fp8", [opened(2.0)])


def test_an_include_of_what_is_there_already_is_measured_once() -> None:
    assert plan_of(a_grid(include=(include(concurrency=4),))) == plan_of()


def test_a_grid_of_which_nothing_is_possible_has_no_jobs() -> None:
    plan = plan_of(a_grid(precisions=("int4",)))
    assert plan.jobs == ()
    assert len(plan.skips) == 2
