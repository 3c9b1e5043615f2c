"""The ids of jobs and series: same content, same id; any change, another one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from builders import (
    OTHER_DEPLOYMENT,
    OTHER_POINT,
    a_deployment,
    a_job,
    a_model,
    a_point,
    an_architecture,
    closed,
    opened,
)
from enginebench.records import (
    Deployment,
    ExecutableProvision,
    Job,
    Point,
    Precision,
    VenvProvision,
    content_hash,
    identify,
    plain,
    record,
)

OTHER_JOB: dict[str, Any] = {
    "deployment": a_deployment(devices=2),
    "points": (a_point(),),
    "repeats": 4,
    "start": 1,
    "seed": 1,
    "ready_deadline_s": 61,
    "request_timeout_s": 61,
}


def test_an_id_is_sixteen_hex_digits() -> None:
    assert len(a_job().id) == 16
    assert int(a_job().id, 16) >= 0


def test_equal_content_has_one_id() -> None:
    assert a_job() is not a_job()
    assert a_job().id == a_job().id == content_hash(plain(a_job()))


def test_ids_stay_as_they_were_when_results_were_stored() -> None:
    # SHA-256 of the canonical JSON, by hand.
    assert content_hash({"b": [1, None, True], "a": {"c": 0.5}}) == "7344b65681dd1e4b"


def test_an_id_is_the_same_in_another_process() -> None:
    code = "import builders; print(builders.a_job().id)"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
        )
        assert done.stdout.strip() == a_job().id


def test_the_order_of_keys_is_irrelevant_and_that_of_lists_is_not() -> None:
    forth = a_deployment(arguments={"a": 1, "b": True}, environment={"X": "1", "Y": "2"})
    back = a_deployment(arguments={"b": True, "a": 1}, environment={"Y": "2", "X": "1"})
    assert content_hash(forth) == content_hash(back)
    points = a_job().points
    assert a_job(points=points).id != a_job(points=points[::-1]).id


def test_a_flag_a_number_and_a_text_are_told_apart() -> None:
    values = (True, 1, 1.5, "1", "true", None, False, 0, "")
    assert len({content_hash(a_deployment(arguments={"a": value})) for value in values}) == len(values)


@pytest.mark.parametrize("name", [item.name for item in fields(Deployment)])
def test_any_field_of_the_deployment_changes_the_id(name: str) -> None:
    changed = a_deployment(**{name: OTHER_DEPLOYMENT[name]})
    assert a_job(deployment=changed).id != a_job().id


@pytest.mark.parametrize("name", [item.name for item in fields(Point)])
def test_any_field_of_a_point_changes_the_id(name: str) -> None:
    base = a_job(points=(a_point(),))
    assert replace(base, points=(a_point(**{name: OTHER_POINT[name]}),)).id != base.id


@pytest.mark.parametrize("name", [item.name for item in fields(Job)])
def test_any_field_of_the_job_changes_the_id(name: str) -> None:
    assert a_job(**{name: OTHER_JOB[name]}).id != a_job().id


def test_a_fact_deep_in_the_model_changes_the_id() -> None:
    deep = (
        a_model(architecture=an_architecture(first_text_id=1)),
        a_model(precisions={"bf16": Precision(weights_bytes=1)}),
        a_model(facts_from="elsewhere"),
    )
    assert len({content_hash(model) for model in (*deep, a_model())}) == 4


def test_a_load_is_not_another_kind_of_the_same_figure() -> None:
    assert content_hash(closed(1)) != content_hash(opened(1.0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_has_no_id(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        content_hash({"a": value})


# Series


def series(deployment: Deployment, point: Point) -> str:
    (identity,) = identify(deployment, [point])
    return identity.series


@pytest.mark.parametrize(
    "changes",
    [
        {"engine_version": "9.9"},
        {"engine": "quick-nightly"},
        {"provision": ExecutableProvision(kind="executable", executable="/opt/engine")},
        {"provision": VenvProvision(kind="venv", requirements="r.txt", pins=("engine==9.9",), executable="engine")},
    ],
)
def test_a_series_goes_on_over_versions_and_pins(changes: dict[str, Any]) -> None:
    assert series(a_deployment(**changes), a_point()) == series(a_deployment(), a_point())


@pytest.mark.parametrize("name", sorted(set(OTHER_DEPLOYMENT) - {"engine", "engine_version", "provision"}))
def test_a_series_ends_where_anything_else_of_the_deployment_changes(name: str) -> None:
    changed = a_deployment(**{name: OTHER_DEPLOYMENT[name]})
    assert series(changed, a_point()) != series(a_deployment(), a_point())


@pytest.mark.parametrize("name", sorted(OTHER_POINT))
def test_a_series_ends_where_its_point_changes(name: str) -> None:
    assert series(a_deployment(), a_point(**{name: OTHER_POINT[name]})) != series(a_deployment(), a_point())


# Records


def test_a_record_is_frozen_slotted_and_by_keyword_only() -> None:
    @record
    class Pair:
        left: int
        right: int = 2

    pair = Pair(left=1)
    assert is_dataclass(pair)
    with pytest.raises(AttributeError):
        pair.left = 3  # type: ignore[misc]
    assert not hasattr(pair, "__dict__")
    with pytest.raises(TypeError):
        Pair(1)  # type: ignore[misc]
