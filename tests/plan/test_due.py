"""What is left to measure of a plan, and how long it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import (
    a_deployment,
    a_job,
    a_model,
    a_part,
    a_point,
    a_workload,
    an_architecture,
    an_attempt,
    an_inventory,
    closed,
    opened,
    resolved,
)
from enginebench.plan import Due, Plan, due, job_seconds, make_plan, run_seconds
from enginebench.plan.estimate import START_S
from enginebench.records import Job, Replay, RunKey, Segment, Steps, identify


def plan_of(*jobs: Job) -> Plan:
    return Plan(grid="test", site="lab", jobs=jobs, skips=())


A, B = a_job(), a_job(seed=1)
ALL = A.run_keys()


def test_without_results_every_run_of_every_job_is_due() -> None:
    left = due(plan_of(A, B), "2026-11-24", {})
    assert [attempt.job for attempt in left.attempts] == [A, B]
    assert all(attempt.runs == ALL for attempt in left.attempts)
    assert all((attempt.night, attempt.grid) == ("2026-11-24", "test") for attempt in left.attempts)
    assert (left.runs_due, left.runs_fresh) == (18, 0)


def test_whether_chunk_times_are_kept_is_told_to_every_attempt_and_changes_no_job() -> None:
    left = due(replace(plan_of(A, B), chunk_times=True), "2026-11-24", {})
    assert [attempt.chunk_times for attempt in left.attempts] == [True, True]
    assert [attempt.job.id for attempt in left.attempts] == [A.id, B.id]
    assert not due(plan_of(A), "2026-11-24", {}).attempts[0].chunk_times


def test_only_fresh_runs_are_left_out_and_the_rest_keeps_its_order() -> None:
    fresh = {ALL[0], ALL[4]}
    left = due(plan_of(A, B), "2026-11-24", {A.id: fresh})
    first, second = left.attempts
    assert first.runs == tuple(key for key in ALL if key not in fresh)
    assert second.runs == ALL
    assert (left.runs_due, left.runs_fresh) == (16, 2)
    assert first.job == A, "the job's id is that of all its runs"


def test_a_job_all_of_whose_runs_are_fresh_is_no_attempt() -> None:
    left = due(plan_of(A, B), "2026-11-24", {A.id: set(ALL), B.id: set(ALL)})
    assert left == Due(attempts=(), runs_due=0, runs_fresh=18)


def test_results_of_another_job_or_of_runs_the_job_lacks_make_nothing_fresh() -> None:
    left = due(plan_of(A), "2026-11-24", {"another": set(ALL), A.id: {RunKey(point=9, repeat=9)}})
    assert (left.runs_due, left.runs_fresh) == (9, 0)


def test_a_plan_of_nothing_leaves_nothing() -> None:
    assert due(plan_of(), "2026-11-24", {}) == Due(attempts=(), runs_due=0, runs_fresh=0)


def test_a_planned_job_is_due_by_the_id_under_which_it_was_measured() -> None:
    plan = make_plan(resolved(), an_inventory(), a_part())
    (job,) = plan.jobs
    again = make_plan(resolved(), an_inventory(), a_part())
    assert due(again, "2026-11-25", {job.id: set(job.run_keys())}).attempts == ()


# Estimates: a part of 1 TB/s reads 2 GB of weights in 2 ms, so 20 tokens take a request 40 ms.

REQUEST_S = 0.04


def run_s(**point: object) -> float:
    return run_seconds(a_deployment(), a_point(**point), a_part(), {})


def test_a_closed_loop_takes_its_waves() -> None:
    assert run_s(load=replace(closed(4), start="convoy"), requests=16) == pytest.approx(4 * REQUEST_S)
    assert run_s(load=replace(closed(5), start="convoy"), requests=16) == pytest.approx(4 * REQUEST_S)


def test_a_closed_loop_with_spread_starts_takes_the_time_between_its_first_and_last_slot_more() -> None:
    assert run_s(load=closed(4), requests=16) == pytest.approx(4.75 * REQUEST_S)
    assert run_s(load=closed(1), requests=16) == pytest.approx(16 * REQUEST_S)
    assert run_s(load=replace(closed(4), ramp_s=8.0), requests=16) == pytest.approx(4 * REQUEST_S + 6)


def test_a_run_of_at_least_some_seconds_is_planned_with_them() -> None:
    assert run_s(load=replace(closed(4), start="convoy"), requests=16, at_least_s=30.0) == pytest.approx(30)


def test_steps_take_their_segments_and_a_trace_its_own_time() -> None:
    steps = Steps(
        kind="steps", segments=(Segment(rate_rps=1.0, duration_s=10.0), Segment(rate_rps=4.0, duration_s=5.0))
    )
    assert run_s(load=steps, requests=30) == pytest.approx(15)
    assert run_s(load=Replay(kind="replay", name="t", offsets_ns=(0, 7 * 10**9)), requests=2) == pytest.approx(7)


def test_an_open_loop_takes_as_long_as_its_arrivals() -> None:
    assert run_seconds(a_deployment(), a_point(load=opened(0.5), requests=16), a_part(), {}) == pytest.approx(32)
    assert run_seconds(a_deployment(), a_point(load=opened(1e6), requests=16), a_part(), {}) == pytest.approx(REQUEST_S)


def test_devices_read_their_shares_at_once() -> None:
    point = a_point(load=closed(1), requests=1)
    assert run_seconds(a_deployment(devices=4), point, a_part(), {}) == pytest.approx(REQUEST_S / 4)
    assert run_seconds(a_deployment(precision="fp8"), point, a_part(), {}) == pytest.approx(REQUEST_S / 2)
    long = a_point(load=closed(1), requests=1, workload=a_workload(osl_tokens=200))
    assert run_seconds(a_deployment(), long, a_part(), {}) == pytest.approx(10 * REQUEST_S)


def test_of_a_mixture_of_experts_a_step_reads_the_active_weights() -> None:
    # A lower bound also where one request asks for few experts: an eighth of the million weights.
    sparse = a_model(architecture=an_architecture(active_parameters=125_000))
    point = a_point(load=closed(1), requests=1)
    assert run_seconds(a_deployment(model=sparse), point, a_part(), {}) == pytest.approx(REQUEST_S / 8)


def test_a_part_that_nobody_described_is_estimated_all_the_same() -> None:
    assert run_seconds(a_deployment(), a_point(), None, {}) > 0


def test_what_was_measured_counts_instead_also_of_another_version() -> None:
    measured = {identify(a_deployment(), [a_point()])[0].series: 7.5}
    assert run_seconds(a_deployment(), a_point(), a_part(), measured) == 7.5
    assert run_seconds(a_deployment(engine_version="9.9"), a_point(), a_part(), measured) == 7.5
    assert run_seconds(a_deployment(), a_point(load=closed(1)), a_part(), measured) != 7.5


def test_an_attempt_takes_a_start_its_due_runs_and_the_warm_up_of_their_points() -> None:
    job = a_job(points=(a_point(requests=16, warmup_requests=4), a_point(load=closed(1), requests=8)))
    measured = {
        identity.series: seconds
        for identity, seconds in zip(identify(job.deployment, job.points), (10, 1000), strict=True)
    }
    three = an_attempt(job=job, runs=tuple(RunKey(point=0, repeat=repeat) for repeat in range(3)))
    assert job_seconds(three, a_part(), measured) == pytest.approx(START_S + 3 * 10 + 10 * 4 / 16)
    one_more = an_attempt(job=job, runs=(*three.runs, RunKey(point=1, repeat=0)))
    assert job_seconds(one_more, a_part(), measured) == pytest.approx(START_S + 32.5 + 1000 * (1 + 4 / 8))
