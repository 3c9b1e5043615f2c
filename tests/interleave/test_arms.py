"""Which planned server starts two slices choose, and every way in which they choose none that can be compared."""

from __future__ import annotations

import pytest

import builders
from enginebench.analysis.slices import parse
from enginebench.errors import UserError
from enginebench.interleave import choose
from enginebench.records import Parallelism, identify

TALK, OTHER = builders.a_model(name="talk"), builders.a_model(name="other")


def planned(version="1.0", loads=(1, 8), start=0, **deployment):
    """What is planned of one server start: a point a load, two repeats."""
    job = builders.a_job(
        deployment=builders.a_deployment(**{"engine_version": version, "model": TALK, **deployment}),
        points=tuple(builders.a_point(load=builders.closed(load)) for load in loads),
        repeats=2,
        start=start,
    )
    return builders.an_attempt(job=job, runs=job.run_keys())


def chosen(attempts, a="engine_version=1.0", b="engine_version=1.1"):
    return choose(attempts, parse(a), parse(b))


def lanes(found):
    return [
        tuple(arm.attempts[lane].job.deployment for arm in found.arms) for lane in range(len(found.arms[0].attempts))
    ]


def test_each_model_and_precision_of_two_versions_is_a_lane():
    every = [
        planned(version, model=model, precision=precision)
        for version in ("1.0", "1.1", "1.2")
        for model in (TALK, OTHER)
        for precision in ("bf16", "fp8")
    ]
    found = chosen(every)
    assert [(a.engine_version, b.engine_version) for a, b in lanes(found)] == [("1.0", "1.1")] * 4
    assert all((a.model, a.precision) == (b.model, b.precision) for a, b in lanes(found))
    assert [(a.model.name, a.precision) for a, _ in lanes(found)] == [
        (model, precision) for model in ("talk", "other") for precision in ("bf16", "fp8")
    ]
    assert [arm.name for arm in found.arms] == ["A", "B"]
    assert found.lanes[1].words == ("talk on quick 1.0, fp8, tp1", "talk on quick 1.1, fp8, tp1")
    assert found.alone == ()
    assert len(lanes(chosen(every, "engine_version=1.0,model=talk", "engine_version=1.2,model=talk"))) == 2


def test_a_lane_knows_its_curves_as_a_comparison_calls_them():
    (lane,) = chosen([planned("1.0"), planned("1.1")]).lanes
    (identity, _) = identify(planned("1.0").job.deployment, planned("1.0").job.points)
    assert lane.curves == {f"{identity.curve} {identity.curve} closed"}


@pytest.mark.parametrize(
    ("other", "a", "b"),
    [
        ({"precision": "fp8"}, "precision=bf16", "precision=fp8"),
        ({"engine": "tuned", "arguments": {"fast": True}}, "engine=quick", "engine=tuned"),
        ({"engine_kind": "sglang", "engine": "sglang"}, "engine_kind=vllm", "engine_kind=sglang"),
        ({"devices": 2, "parallelism": Parallelism(tp=2)}, "parallelism=tp1", "parallelism=tp2"),
    ],
)
def test_precisions_recipes_engines_and_splits_can_be_compared(other, a, b):
    found = chosen([planned(), planned(**other)], a, b)
    assert len(found.lanes) == 1
    assert found.alone == ()


def test_of_a_grid_with_several_starts_the_first_is_what_each_block_repeats():
    every = [planned(version, start=start) for start in (0, 1) for version in ("1.0", "1.1")]
    assert [one.job.start for arm in chosen(every).arms for one in arm.attempts] == [0, 0]


def test_only_points_that_both_have_are_measured_and_the_others_told():
    found = chosen([planned("1.0", loads=(1, 8, 16)), planned("1.1", loads=(8, 1))])
    a, b = (arm.attempts[0] for arm in found.arms)
    loads = [{one.job.points[key.point].load.concurrency for key in one.runs} for one in (a, b)]
    assert loads == [{1, 8}, {1, 8}]
    assert len(a.runs) == len(b.runs) == 4
    assert found.alone == ("only in A: talk on quick 1.0, bf16, tp1, talk c16",)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (
            "engine_version=0.9",
            "engine_version=1.1",
            "slice `engine_version=0.9`: nothing that the grid plans here is of ",
        ),
        ("engine_version=1.0|1.1", "engine_version=1.1", "both choose talk on quick 1.1, bf16, tp1; name slices that "),
        (
            "precision=bf16",
            "precision=fp8",
            "slice `precision=bf16`: chooses talk on quick 1.0, bf16, tp1 and talk on ",
        ),
        ("engine_version=1.0", "engine_version=1.1,precision=fp8", "name one of them in each slice"),
        ("engine_version=1.0", "engine_version=1.1,model=other", "have no point in common; only in A: "),
        ("driver=570", "driver=580", "slice `driver=570`: `driver` chooses no server start before it is measured; "),
        ("workload=talk", "workload=chat", "slice `workload=talk`: `workload` chooses no server start before it is "),
    ],
)
def test_a_slice_that_chooses_no_one_deployment_is_a_mistake(a, b, words):
    every = [planned(v, precision=p) for v in ("1.0", "1.1") for p in ("bf16", "fp8")]
    every += [planned("1.1", model=OTHER, precision="int4", context_tokens=512)]
    with pytest.raises(UserError) as refusal:
        chosen(every, a, b)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_grid_of_which_nothing_can_be_planned_here_has_nothing():
    with pytest.raises(UserError, match="it has engine_version nothing"):
        chosen([])
