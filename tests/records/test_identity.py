"""Series, curve, lineage, recipe and version: which part of what was measured is in which key."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from builders import (
    OTHER_DEPLOYMENT,
    OTHER_POINT,
    a_deployment,
    a_point,
    an_engine_info,
    an_environment,
    closed,
    opened,
)
from enginebench.records import (
    Deployment,
    EngineInfo,
    Environment,
    ExecutableProvision,
    Identity,
    Overlay,
    Point,
    VenvProvision,
    content_hash,
    drivers,
    identify,
    plain,
)
from enginebench.records.identity import RECIPE

CHANGING = {"engine", "engine_version", "provision"}


def identity(
    deployment: Deployment | None = None,
    point: Point | None = None,
    engine: EngineInfo | None = None,
    environment: Environment | None = None,
) -> Identity:
    (found,) = identify(deployment or a_deployment(), [point or a_point()], engine, environment)
    return found


def differing(one: Identity, other: Identity) -> set[str]:
    return {name for name in Identity.__dataclass_fields__ if getattr(one, name) != getattr(other, name)}


def with_driver(*names: str | None) -> Environment:
    return an_environment(accelerators=tuple({"vendor": "nvidia", "driver": name} for name in names))


def test_the_keys_are_hashes_of_plain_content() -> None:
    stays = {name: value for name, value in plain(a_deployment()).items() if name not in CHANGING}
    bare = {name: value for name, value in stays.items() if name not in RECIPE}
    point = plain(a_point())
    shape = {"workload": point["workload"], "slo": point["slo"]}
    found = identity()
    assert found.series == content_hash({"deployment": stays, "point": point})
    assert found.curve == content_hash({"deployment": stays, "point": shape})
    assert found.lineage == content_hash({"deployment": bare, "point": point})
    assert found.asked == content_hash(point)
    assert found.recipe == content_hash({name: stays[name] for name in RECIPE})


@pytest.mark.parametrize("name", [item.name for item in fields(Deployment)])
def test_each_field_of_the_deployment_is_in_the_keys_it_belongs_in(name: str) -> None:
    changed = differing(identity(), identity(a_deployment(**{name: OTHER_DEPLOYMENT[name]})))
    if name in RECIPE:
        assert changed == {"series", "curve", "recipe"}, "the lineage links the two"
    elif name == "engine_version":
        assert changed == {"version", "version_label"}
    elif name in ("engine", "provision"):
        assert changed == set(), "how it is called and got is no version; what is installed is"
    elif name == "engine_kind":
        assert changed == {"series", "curve", "lineage", "version", "version_label"}
    else:
        assert changed == {"series", "curve", "lineage"}


@pytest.mark.parametrize("name", [item.name for item in fields(Point)])
def test_each_field_of_the_point_is_in_the_keys_it_belongs_in(name: str) -> None:
    changed = differing(identity(), identity(point=a_point(**{name: OTHER_POINT[name]})))
    load = name in ("load", "requests", "warmup_requests", "at_least_s")
    assert changed == {"series", "lineage", "asked"} | (set() if load else {"curve"})


def test_points_of_one_job_each_have_theirs_in_order() -> None:
    points = [a_point(load=closed(1)), a_point(load=opened(0.5)), a_point(load=closed(1))]
    found = identify(a_deployment(), points)
    assert found == tuple(identity(point=point) for point in points)
    assert len({one.series for one in found}) == 2
    assert len({one.curve for one in found}) == 1


# Versions


INSTALLED = an_engine_info(lock_hash="a" * 16, reported_version="1.2.3")
FOUND = an_engine_info(lock_hash=None, digest="sha256:" + "b" * 64, reported_version="1.2.3")
"""An engine that was installed already."""


@pytest.mark.parametrize(
    "changes",
    [{"lock_hash": "c" * 16}, {"digest": "sha256:c"}, {"model_revision": "fedc"}, {"model_hash": "1" * 64}],
)
def test_another_build_or_other_weights_are_another_version_of_the_series(changes: dict[str, Any]) -> None:
    for info in (INSTALLED, FOUND):
        changed = differing(identity(engine=info), identity(engine=replace(info, **changes)))
        assert changed == {"version"}


def test_another_driver_is_another_version_and_said() -> None:
    one, other = (identity(engine=INSTALLED, environment=with_driver(name, name)) for name in ("570.1", "570.2"))
    assert differing(one, other) == {"version", "version_label"}
    assert one.version_label == "vllm 1.2.3, driver 570.1"


def test_what_a_server_says_counts_where_nothing_tells_what_is_installed() -> None:
    said = [identity(engine=replace(FOUND, reported_version=word)) for word in ("1.2.3", "1.3.0")]
    assert differing(*said) == {"version", "version_label"}
    assert [one.version_label for one in said] == ["vllm 1.2.3", "vllm 1.2.3 (says 1.3.0)"]
    locked = [identity(engine=replace(INSTALLED, reported_version=word)) for word in ("1.2.3", None)]
    assert locked[0] == locked[1], "a page that did not answer once is no other version"


@pytest.mark.parametrize(
    "changes",
    [
        {"notes": ("a note",)},
        {"argv": ("other",)},
        {"environment": {"A": "b"}},
        {"model_path": "/elsewhere"},
        {"absent": {}},
        {"installed": ()},
    ],
)
def test_how_and_where_it_ran_is_no_version(changes: dict[str, Any]) -> None:
    assert identity(engine=INSTALLED) == identity(engine=replace(INSTALLED, **changes))


@pytest.mark.parametrize("changes", [{"host": "there"}, {"harness_commit": "c" * 40}, {"os": "Linux 7"}, {"cores": 9}])
def test_machine_and_harness_stand_beside(changes: dict[str, Any]) -> None:
    environment = with_driver("570.1")
    assert identity(environment=environment) == identity(environment=replace(environment, **changes))


def test_modules_laid_over_an_environment_are_part_of_its_version() -> None:
    def with_text(text: str) -> Deployment:
        over = Overlay(name="stand-in", folder="over", reason="no kernels", files={"a.py": text})
        return a_deployment(
            provision=VenvProvision(kind="venv", requirements="r", executable="engine", overlays=(over,))
        )

    found = [identity(with_text(text), engine=INSTALLED) for text in ("1", "2")]
    assert differing(*found) == {"version"}
    bare = VenvProvision(kind="venv", requirements="r", executable="engine")
    elsewhere = ExecutableProvision(kind="executable", executable="engine")
    assert identity(a_deployment(provision=bare)) == identity(a_deployment(provision=elsewhere))


def test_a_trial_that_failed_before_the_engine_was_got_has_the_version_that_is_known() -> None:
    unknown = identity()
    assert unknown.version_label == "vllm 1.2.3"
    assert differing(unknown, identity(a_deployment(engine_version="1.2.4"))) == {"version", "version_label"}
    assert differing(unknown, identity(engine=INSTALLED)) == {"version"}


def test_drivers_are_each_named_once_and_none_is_none() -> None:
    assert drivers(with_driver("2", "1", "2", None)) == ("1", "2")
    assert drivers(with_driver(None)) == drivers(None) == ()
    assert identity(environment=with_driver("2", "1")).version_label == "vllm 1.2.3, driver 1, driver 2"
