"""Versions and engines in one plan: a start each, taking turns; rules that mean all versions or one."""

from __future__ import annotations

from dataclasses import replace

from builders import a_build, a_grid, a_part, an_engine, an_inventory, resolved
from enginebench.config import Grid
from enginebench.config.schema import Exclude, Loads, Match
from enginebench.plan import Plan, make_plan
from enginebench.records import identify

OLD, NEW = an_engine(version="1.2.2"), an_engine()
OTHER = an_engine(name="slow", kind="sglang", version="7.0")


def plan_of(grid: Grid) -> Plan:
    """A plan in which `quick` is the newest version, as `quick@latest` turns out to be."""
    whole = resolved(grid)
    engines = {"quick": NEW, "quick@1.2.2": OLD, "quick@latest": NEW, "slow": OTHER}
    return make_plan(replace(whole, engines=engines), an_inventory(8), a_part())


def a_night(**changes: object) -> Grid:
    engines = ("quick", "quick@1.2.2", "slow")
    return a_grid(**{"engines": engines, "precisions": ("bf16",), "loads": Loads(concurrency=(1,)), **changes})


def test_engines_and_versions_take_turns_forth_and_back() -> None:
    jobs = plan_of(a_night(starts=3)).jobs
    order = [(job.deployment.engine, job.deployment.engine_version, job.start) for job in jobs]
    forth = [("quick", "1.2.3"), ("quick", "1.2.2"), ("slow", "7.0")]
    assert order == [
        *((*one, 0) for one in forth),
        *((*one, 1) for one in reversed(forth)),
        *((*one, 2) for one in forth),
    ]
    assert len({job.id for job in jobs}) == 9


def test_a_version_is_stored_exactly_and_the_series_goes_on_over_it() -> None:
    new, old, other = plan_of(a_night()).jobs
    assert (old.deployment.engine, old.deployment.engine_version) == ("quick", "1.2.2")
    ids = [identify(job.deployment, job.points)[0].series for job in (new, old, other)]
    assert ids[0] == ids[1] != ids[2]


def test_two_names_of_one_version_are_measured_once() -> None:
    plan = plan_of(a_night(engines=("quick", "quick@latest"), starts=2))
    assert [job.start for job in plan.jobs] == [0, 1]
    assert plan.jobs == plan_of(a_night(engines=("quick",), starts=2)).jobs


def test_a_rule_for_an_engine_means_all_its_versions_and_one_for_a_version_that_alone() -> None:
    def left(name: str) -> list[str]:
        rule = Exclude(when=Match(engine=name), reason="no")
        return [job.deployment.engine_version for job in plan_of(a_night(exclude=(rule,))).jobs]

    assert left("quick") == ["7.0"]
    assert left("quick@1.2.2") == ["1.2.3", "7.0"]
    assert left("quick@1.2.3") == ["1.2.2", "7.0"]


def test_arguments_of_a_version_come_after_those_of_its_engine() -> None:
    asked = {"quick": {"a": 1, "b": 1}, "quick@1.2.2": {"b": 2}, "slow": {"c": 3}}
    given = [job.deployment.arguments for job in plan_of(a_night(arguments=asked)).jobs]
    assert given == [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"c": 3}]


def test_a_version_without_a_build_is_skipped_under_its_name() -> None:
    grid = a_night()
    whole = resolved(grid)
    engines = {"quick": NEW, "quick@1.2.2": an_engine(version="1.2.2", builds={"cpu": a_build()}), "slow": OTHER}
    plan = make_plan(replace(whole, engines=engines), an_inventory(8), a_part())
    (skip,) = plan.skips
    assert (skip.combination.engine, skip.reason) == ("quick@1.2.2", "engine quick 1.2.2 has no build for nvidia")
