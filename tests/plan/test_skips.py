"""A combination that is not measured has a reason with the figures in it, and what only just fits is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import (
    DUMMY,
    a_build,
    a_grid,
    a_model,
    a_part,
    a_workload,
    an_architecture,
    an_engine,
    an_inventory,
    resolved,
)
from enginebench.config import ResolvedGrid
from enginebench.config.schema import Constraint, Exclude, Include, Loads, Match
from enginebench.plan import make_plan
from enginebench.records import DummySource, Inventory, KvLayers, Model, Parallelism, Precision, Vendor

GB = 10**9


def reasons(grid: ResolvedGrid, inventory: Inventory | None = None, part: Any = "known") -> list[str]:
    """Why each combination is skipped, each reason once."""
    plan = make_plan(grid, inventory or an_inventory(), a_part() if part == "known" else part)
    return list(dict.fromkeys(skip.reason for skip in plan.skips))


def weighing(weights_bytes: int, **changes: Any) -> Model:
    return a_model(precisions={"bf16": Precision(weights_bytes=weights_bytes)}, **changes)


def test_a_sound_grid_has_no_skips() -> None:
    assert reasons(resolved()) == []


# Support


def test_an_engine_without_a_build_for_the_vendor() -> None:
    amd = an_inventory(vendor="amd", product="Other GPU")
    assert reasons(resolved(), amd, None) == ["engine quick 1.2.3 has no build for amd"]


def test_a_precision_that_the_model_lacks() -> None:
    grid = resolved(a_grid(precisions=("int4",)), an_engine(builds={"nvidia": a_build("int4")}))
    assert reasons(grid) == ["model small has no int4 weights; it has bf16, fp8"]


def test_a_precision_that_the_engine_lacks_on_this_vendor() -> None:
    engine = an_engine(builds={"nvidia": a_build("bf16"), "amd": a_build("bf16", "fp8")})
    assert reasons(resolved(a_grid(precisions=("fp8",)), engine)) == ["engine quick 1.2.3 has no fp8 on nvidia"]


def test_a_precision_that_the_part_lacks() -> None:
    grid = resolved(a_grid(precisions=("fp8",)))
    assert reasons(grid, part=a_part(precisions=("bf16",))) == ["Test GPU has no fp8"]
    assert reasons(grid, part=None) == [], "of an unknown part nothing is held against it"


def test_more_devices_than_the_site_has() -> None:
    grid = resolved(a_grid(parallelism=(Parallelism(tp=4, dp=4),)))
    assert reasons(grid) == ["tp4·dp4 takes 16 devices; site lab has 8"]
    assert reasons(grid, an_inventory(16)) == []


@pytest.mark.parametrize(
    ("vendor", "parallelism", "reason"),
    [
        ("nvidia", Parallelism(tp=2, ep=4), "vLLM spreads experts over all tp × dp = 2 devices, not over 4"),
        ("tpu", Parallelism(pp=2), "vLLM's TPU build has no pipeline parallelism"),
    ],
)
def test_what_the_adapter_says_the_engine_cannot_do(vendor: Vendor, parallelism: Parallelism, reason: str) -> None:
    grid = resolved(a_grid(parallelism=(parallelism,)), an_engine(builds={vendor: a_build("bf16")}))
    assert reasons(grid, an_inventory(vendor=vendor), None) == [reason]


def test_weights_that_can_not_be_made_up() -> None:
    grid = resolved(a_grid(precisions=("fp8",)), a_model(source=DUMMY))
    assert isinstance(DUMMY, DummySource)
    assert reasons(grid) == ["dummy weights can't be made in fp8"]


# Memory


def test_weights_that_do_not_fit() -> None:
    (reason,) = reasons(resolved(None, weighing(141 * GB)), an_inventory(1))
    assert reason == (
        "(weights 141.0 GB + KV cache of one request 0.0 GB) need 141.0 GB; 1 × Test GPU has 72.0 GB of 80.0 GB to use"
    )


def test_memory_counts_over_all_devices_of_the_split() -> None:
    splits = tuple(Parallelism(tp=tp) for tp in (1, 2, 4))
    plan = make_plan(resolved(a_grid(parallelism=splits), weighing(141 * GB)), an_inventory(), a_part())
    assert [job.deployment.parallelism.tp for job in plan.jobs] == [2, 4]
    assert {skip.combination.parallelism.tp for skip in plan.skips} == {1}


def test_each_replica_holds_weights_and_cache_of_its_own() -> None:
    grid = resolved(a_grid(parallelism=(Parallelism(dp=2),)), weighing(100 * GB))
    (reason,) = reasons(grid)
    assert reason == (
        "2 × (weights 100.0 GB + KV cache of one request 0.0 GB) need 200.0 GB; "
        "2 × Test GPU has 144.0 GB of 160.0 GB to use"
    )


def test_the_cache_of_one_longest_request_counts() -> None:
    # 1 KiB a token over 4 layers, so 8 GB for 8192 tokens takes 4000 layers.
    model = weighing(70 * GB, architecture=an_architecture(layers=4000))
    grid = a_grid(context_tokens=8192)
    cache_bytes = 1000 * 1024 * 8192
    (reason,) = reasons(resolved(grid, model), an_inventory(1))
    assert f"KV cache of one request {cache_bytes / GB:.1f} GB) need {70 + cache_bytes / GB:.1f} GB" in reason
    assert reasons(resolved(a_grid(context_tokens=256), model), an_inventory(1)) == []


def test_a_byte_decides() -> None:
    cache = 1024 * 256
    have = 72 * GB
    assert reasons(resolved(None, weighing(have - cache)), an_inventory(1)) == []
    assert len(reasons(resolved(None, weighing(have - cache + 1)), an_inventory(1))) == 1


def sparse(weights_bytes: int, **changes: Any) -> Model:
    """Nine tenths of its weights are experts: (1 - 0.2125) x 8 / 7."""
    experts = {"parameters": 10_000, "active_parameters": 2125, "experts": 8, "experts_per_token": 1}
    return weighing(weights_bytes, architecture=an_architecture(**experts), **changes)


@pytest.mark.parametrize(
    ("split", "need_gb"), [(Parallelism(dp=4), 400), (Parallelism(tp=4, ep=4), 100), (Parallelism(dp=4, ep=4), 130)]
)
def test_experts_that_are_spread_over_replicas_are_held_once(split: Parallelism, need_gb: int) -> None:
    grid = a_grid(parallelism=(split,))
    device = round(need_gb / 4 / 0.9 * GB)
    assert reasons(resolved(grid, sparse(100 * GB)), an_inventory(4, memory_bytes=device + GB)) == []
    (reason,) = reasons(resolved(grid, sparse(100 * GB)), an_inventory(4, memory_bytes=device - GB))
    assert f"need {need_gb}.0 GB" in reason
    assert ("of them experts 1 × 90.0 GB" in reason) == (split == Parallelism(dp=4, ep=4))


def test_a_latent_cache_is_held_by_every_device_of_a_split() -> None:
    # 8 GB of it a request: 1 KiB a token over 1000 times the layers.
    latent = (KvLayers(layers=4000, kv_heads=1, row_elements=128),)
    model = weighing(70 * GB, architecture=an_architecture(kv_cache=latent))
    grid = a_grid(context_tokens=8192, parallelism=(Parallelism(tp=2),))
    one = 4000 * 128 * 2 * 8192
    have = round((70 * GB + 2 * one) / 0.9 / 2)
    assert reasons(resolved(grid, model), an_inventory(2, memory_bytes=have + 1)) == []
    (reason,) = reasons(resolved(grid, model), an_inventory(2, memory_bytes=have - 1))
    assert f"KV cache of one request {2 * one / GB:.1f} GB)" in reason


# Context


def test_a_request_longer_than_the_model_takes() -> None:
    grid = resolved(None, a_workload(isl_tokens=8190, osl_tokens=20))
    assert reasons(grid) == ["8210 tokens a request; model small takes 8192"]
    assert reasons(resolved(None, a_workload(isl_tokens=8172, osl_tokens=20))) == []


def test_a_request_longer_than_the_grid_allows() -> None:
    assert reasons(resolved(a_grid(context_tokens=119))) == ["120 tokens a request; the grid's context_tokens is 119"]
    assert reasons(resolved(a_grid(context_tokens=120))) == []


# The grid's own rules


@pytest.mark.parametrize(
    ("when", "left"),
    [
        (Match(), []),
        (Match(model="small"), []),
        (Match(concurrency=4), ["talk c1", "talk r0.5", "talk r2"]),
        (Match(rate_rps=2.0), ["talk c1", "talk c4", "talk r0.5"]),
        (Match(concurrency=4, rate_rps=2.0), ["talk c1", "talk c4", "talk r0.5", "talk r2"]),
        (Match(concurrency=4, tp=2), ["talk c1", "talk c4", "talk r0.5", "talk r2"]),
        (Match(vendor="amd"), ["talk c1", "talk c4", "talk r0.5", "talk r2"]),
        (Match(vendor="nvidia", engine="quick", precision="bf16", workload="talk", tp=1, concurrency=1),
         ["talk c4", "talk r0.5", "talk r2"]),
    ],
)  # fmt: skip
def test_an_exclude_takes_out_what_all_its_keys_match(when: Match, left: list[str]) -> None:
    grid = a_grid(loads=Loads(concurrency=(1, 4), rate_rps=(0.5, 2.0)), exclude=(Exclude(when=when, reason="so"),))
    plan = make_plan(resolved(grid), an_inventory(), a_part())
    assert [point.label() for job in plan.jobs for point in job.points] == left
    assert {skip.reason for skip in plan.skips} <= {"excluded by the grid: so"}
    assert len(plan.skips) == 4 - len(left)


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"concurrency_at_most": 1}, ["tp1 c1", "tp1 r0.5", "tp1 r2", "tp2 c1", "tp2 r0.5", "tp2 r2"]),
        ({"rate_rps_at_most": 0.5}, ["tp1 c1", "tp1 c4", "tp1 r0.5", "tp2 c1", "tp2 c4", "tp2 r0.5"]),
        ({"devices_at_most": 1}, ["tp1 c1", "tp1 c4", "tp1 r0.5", "tp1 r2"]),
        ({"concurrency_at_most": 1, "devices_at_most": 1}, ["tp1 c1", "tp1 r0.5", "tp1 r2"]),
        ({"concurrency_at_most": 1, "rate_rps_at_most": 0.5}, ["tp1 c1", "tp1 r0.5", "tp2 c1", "tp2 r0.5"]),
        (
            {"when": Match(tp=2), "concurrency_at_most": 1},
            ["tp1 c1", "tp1 c4", "tp1 r0.5", "tp1 r2", "tp2 c1", "tp2 r0.5", "tp2 r2"],
        ),
    ],
)  # fmt: skip
def test_every_limit_of_a_constraint_holds(limits: dict[str, Any], left: list[str]) -> None:
    grid = a_grid(
        loads=Loads(concurrency=(1, 4), rate_rps=(0.5, 2.0)),
        parallelism=(Parallelism(tp=1), Parallelism(tp=2)),
        constraints=(Constraint(**limits, reason="so"),),
    )
    plan = make_plan(resolved(grid), an_inventory(), a_part())
    assert [
        f"{job.deployment.parallelism.label()} {point.load.label()}" for job in plan.jobs for point in job.points
    ] == left
    assert {skip.reason for skip in plan.skips} == {"constraint of the grid: so"}


def test_an_include_is_held_to_the_same_rules() -> None:
    include = Include(model="small", engine="quick", workload="talk", precision="bf16", concurrency=64)
    allowed = a_grid(include=(include,))
    assert reasons(resolved(allowed)) == []
    limited = replace(allowed, constraints=(Constraint(concurrency_at_most=32, reason="so"),))
    plan = make_plan(resolved(limited), an_inventory(), a_part())
    assert [skip.combination.label() for skip in plan.skips] == ["small quick bf16 tp1 talk c64"]


def test_the_users_own_reason_comes_before_what_could_not_be() -> None:
    grid = a_grid(precisions=("int4",), exclude=(Exclude(when=Match(), reason="not now"),))
    assert reasons(resolved(grid)) == ["excluded by the grid: not now"]
