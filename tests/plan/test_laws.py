"""Laws of planning: the same grid is the same plan anywhere, and no cell of the cross product is lost or doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import (
    REPOSITORY,
    a_build,
    a_grid,
    a_model,
    a_part,
    a_workload,
    an_engine,
    an_inventory,
    resolved,
)
from enginebench import config, runners
from enginebench.config import Grid
from enginebench.config.schema import Constraint, Exclude, Include, Loads, Match
from enginebench.plan import Plan, make_plan
from enginebench.plan.expand import Combination, combinations
from enginebench.records import Precision
from enginebench.records.files import to_json

MODELS = (
    a_model(name="small"),
    a_model(name="huge", precisions={"bf16": Precision(weights_bytes=150_000_000_000)}),
)
ENGINES = (an_engine(name="quick"), an_engine(name="elsewhere", builds={"amd": a_build("bf16")}))
WORKLOADS = (a_workload(name="talk"), a_workload(name="endless", isl_tokens=9000))


def axis(*values: object) -> st.SearchStrategy[tuple[object, ...]]:
    """One to all of `values`, none twice, in any order."""
    return st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple)


CONCURRENCY = st.sampled_from((1, 4, 16))
MATCH = st.builds(
    Match,
    model=st.sampled_from((None, "small", "huge")),
    workload=st.sampled_from((None, "talk")),
    tp=st.sampled_from((None, 1)),
    concurrency=st.none() | CONCURRENCY,
)
INCLUDE = st.builds(
    Include,
    model=st.sampled_from(("small", "huge")),
    engine=st.sampled_from(("quick", "elsewhere")),
    workload=st.sampled_from(("talk", "endless")),
    precision=st.sampled_from(("bf16", "fp8", "int4")),
    concurrency=CONCURRENCY,
    rate_rps=st.none(),
)
GRIDS = st.builds(
    Grid,
    models=axis("small", "huge"),
    engines=axis("quick", "elsewhere"),
    workloads=axis("talk", "endless"),
    precisions=axis("bf16", "fp8", "int4"),
    parallelism=axis(*(replace(a_grid().parallelism[0], tp=tp, dp=dp) for tp, dp in ((1, 1), (4, 1), (1, 2), (8, 2)))),
    loads=st.builds(Loads, concurrency=axis(1, 4, 16), rate_rps=axis(0.5, 2.0)),
    starts=st.integers(1, 3),
    context_tokens=st.none() | st.just(256),
    requests=st.just(a_grid().requests),
    arguments=st.just({}),
    slo=st.none(),
    include=st.lists(INCLUDE, max_size=2).map(tuple),
    exclude=st.lists(st.builds(Exclude, when=MATCH), max_size=2).map(tuple),
    constraints=st.lists(
        st.builds(
            Constraint,
            when=MATCH,
            concurrency_at_most=st.none() | CONCURRENCY,
            rate_rps_at_most=st.sampled_from((None, 1.0)),
            devices_at_most=st.sampled_from((None, 2)),
        ),
        max_size=2,
    ).map(tuple),
)


def planned(grid: Grid) -> Plan:
    return make_plan(resolved(grid, *MODELS, *ENGINES, *WORKLOADS), an_inventory(), a_part())


def measured(plan: Plan) -> list[Combination]:
    """The cells that the plan's first start of each deployment measures."""
    return [
        Combination(
            model=job.deployment.model.name,
            engine=job.deployment.engine,
            precision=job.deployment.precision,
            parallelism=job.deployment.parallelism,
            workload=point.workload.name,
            load=point.load,
        )
        for job in plan.jobs
        if job.start == 0
        for point in job.points
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(GRIDS)
def test_every_cell_is_once_a_point_or_once_a_skip(grid: Grid) -> None:
    plan = planned(grid)
    skipped = [skip.combination for skip in plan.skips]
    cells = Counter(combinations(resolved(replace(grid, include=()))))
    assert max(cells.values()) == 1
    found = Counter(measured(plan))
    assert set(found.values()) <= {1}, "an include that is a cell already is not measured twice"
    assert found.keys() & set(skipped) == set()
    assert found.keys() | set(skipped) == set(combinations(resolved(grid)))
    assert len(skipped) == sum(cell in set(skipped) for cell in combinations(resolved(grid)))
    assert all(skip.reason for skip in plan.skips)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(GRIDS)
def test_each_start_measures_the_same_points_and_no_job_comes_twice(grid: Grid) -> None:
    plan = planned(grid)
    assert len({job.id for job in plan.jobs}) == len(plan.jobs)
    starts = {
        start: {(job.deployment.model.name, job.deployment.precision, job.deployment.parallelism, job.points)
                for job in plan.jobs if job.start == start}
        for start in range(grid.starts)
    }  # fmt: skip
    assert len({frozenset(one) for one in starts.values()}) <= 1
    assert planned(grid) == plan


def test_the_number_of_cells_is_the_product_of_the_axes() -> None:
    grid = a_grid(models=("a", "b"), workloads=("c", "d", "e"), loads=Loads(concurrency=(1, 2), rate_rps=(0.5,)))
    assert len(set(combinations(resolved(grid)))) == 2 * 3 * 3


SHIPPED = f"""
from pathlib import Path
from enginebench import config, runners
from enginebench.plan import make_plan
from enginebench.records.files import to_json
grid = config.read_grid(Path({str(REPOSITORY)!r}, "configs/grids/release.yaml"))
site = config.read_site(Path({str(REPOSITORY)!r}, "runners/h100x8.yaml"))
plan = make_plan(grid, *runners.inventory(site))
print([job.id for job in plan.jobs])
print(to_json(plan), end="")
"""


def shipped() -> Plan:
    grid = config.read_grid(REPOSITORY / "configs" / "grids" / "release.yaml")
    return make_plan(grid, *runners.inventory(config.read_site(REPOSITORY / "runners" / "h100x8.yaml")))


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_plan_is_the_same_in_a_process_of_another_hash_seed(seed: str) -> None:
    here = shipped()
    assert here.jobs
    places = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", SHIPPED], capture_output=True, text=True, check=True, env=places)
    assert done.stdout == f"{[job.id for job in here.jobs]}\n{to_json(here)}"


def test_the_release_on_eight_h100_is_what_fits_there() -> None:
    plan = shipped()
    starts = [(job.deployment.model.name[:9], job.deployment.devices, job.start) for job in plan.jobs]
    forth = [("llama-3.1", 1), ("llama-3.1", 4), ("llama-3.3", 4), ("llama-3.3", 8)]
    assert starts == [(*one, 0) for one in forth] + [(*one, 1) for one in forth[::-1]] + [(*one, 2) for one in forth]
    reasons = Counter(skip.reason.partition(":")[0] for skip in plan.skips)
    assert reasons == {
        "excluded by the grid": 10,
        "constraint of the grid": 5,
        "(weights 141.1 GB + KV cache of one request 3.0 GB) need 144.1 GB; 1 × NVIDIA H100 SXM 80GB has 72.0 GB of "
        "80.0 GB to use": 9,
    }
