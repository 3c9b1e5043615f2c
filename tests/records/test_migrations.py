"""Files of every older version are read as what they meant then; samples/ holds some that the code of then wrote."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_result, an_attempt
from enginebench.errors import UserError
from enginebench.records import Attempt, Result, Run, identify
from enginebench.records.files import from_json, read, to_json, versioned
from enginebench.records.migrations import STEPS, family, migrate, read_here, version

SAMPLES = Path(__file__).with_name("samples")
TODAY = {Result: "enginebench.result/2", Attempt: "enginebench.job/2"}
LATER = {
    "client": None,
    "intervals": {},
    "spread_ns": None,
}
"""Fields of a run that came after the first version 1, and what their absence meant."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["attempt", "environment", "engine", "quality", "runs", "stops", "job", "until", "accelerators"]
)
DOCUMENT = st.dictionaries(
    NAMES | st.text(max_size=4), JSON | st.lists(st.dictionaries(NAMES, JSON, max_size=2), max_size=2), max_size=6
)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def result(name: str) -> Result:
    return read(Result, SAMPLES / f"{name}-result.json")


def test_there_is_a_step_and_a_sample_of_every_older_version() -> None:
    for kind, today in TODAY.items():
        assert versioned(kind)[0] == ((), today)
        older = read_here(today)[:-1]
        assert [version(one) for one in older] == list(range(1, version(today)))
        assert {sample(path.name)["format"] for path in SAMPLES.iterdir()} >= set(older)


# What was written by the code of version 1: at its first, when the quality gate came, at its last.


@pytest.mark.parametrize(
    ("name", "job", "series"),
    [
        ("version-1-first", "fe67c42fb68cc8c1", ["d53f1c415977a234"]),
        ("version-1-gate", "92140d36195495a5", ["d56ec123a253eaed"]),
        ("version-1", "85e42569cc283f8f", ["a4e986cc8314d776", "f7c24cad55cf2c7f"]),
    ],
)
def test_no_id_changes_by_a_migration(name: str, job: str, series: list[str]) -> None:
    # As the code of version 1 gave them, for the same files.
    read = result(name).attempt.job
    assert read.id == job
    assert [one.series for one in identify(read.deployment, read.points)] == series
    assert from_json(Attempt, json.dumps(sample(f"{name}-job.json")), "x") == result(name).attempt


def test_what_the_last_version_1_says_is_kept_to_the_letter() -> None:
    old, new = sample("version-1-result.json"), json.loads(to_json(result("version-1")))
    for one in (new["engine"], new["environment"]):
        one.pop("absent")
    assert new["engine"].pop("digest") is None
    assert new["attempt"].pop("chunk_times") is True
    assert new["attempt"].pop("reproduces") is None
    assert new["attempt"].pop("calibrations") == []
    new["format"], new["attempt"]["format"] = old["format"], old["attempt"]["format"]
    assert new == old


def test_what_the_first_version_1_does_not_say_is_what_it_meant() -> None:
    found = result("version-1-first")
    (run,) = found.runs
    assert (run.client, run.intervals, run.spread_ns) == (None, {}, None)
    assert (found.quality, found.stops, found.attempt.quality, found.attempt.until) == (None, (), None, None)
    assert found.engine is not None
    assert found.engine.notes == ()
    assert found.engine.absent == {
        "lock_hash": "results of version 1 do not say why",
        "digest": "not kept by results of version 1",
    }
    assert found.environment.absent == {
        "harness_commit": "results of version 1 do not say why",
        "driver": "the part has none",
    }


def test_a_quality_from_before_lm_eval_asked_none() -> None:
    old = sample("version-1-result.json")
    del old["quality"]["lm_eval"], old["quality"]["lm_eval_version"]
    found = from_json(Result, json.dumps(old), "x")
    assert found.quality is not None
    assert (found.quality.lm_eval, found.quality.lm_eval_version) == ((), None)


@pytest.mark.parametrize("outer", [1, 2])
@pytest.mark.parametrize("inner", [1, 2])
def test_a_result_and_the_attempt_in_it_are_each_of_their_own_version(outer: int, inner: int) -> None:
    document = json.loads(to_json(a_result()))
    document["format"] = f"enginebench.result/{outer}"
    document["attempt"]["format"] = f"enginebench.job/{inner}"
    if inner == 1:
        del document["attempt"]["until"]
    assert from_json(Result, json.dumps(document), "x") == a_result()


@pytest.mark.parametrize("name", sorted(LATER))
def test_a_run_of_today_must_say_what_could_be_left_out_before(name: str) -> None:
    assert getattr(result("version-1-first").runs[0], name) == LATER[name]
    document = json.loads(to_json(a_result()))
    del document["runs"][0][name]
    with pytest.raises(UserError, match=rf"runs\.0\.{name}: Field required"):
        from_json(Result, json.dumps(document), "x")
    assert name in Run.__dataclass_fields__


def test_a_wrong_old_file_is_told_by_its_key() -> None:
    old = sample("version-1-first-result.json")
    old["runs"] = [5, {**old["runs"][0], "invented": 1}]
    with pytest.raises(UserError, match=r"runs\.0: .*\n.*runs\.1\.invented: "):
        from_json(Result, json.dumps(old), "x")


# Laws


@settings(max_examples=200, deadline=None)
@given(DOCUMENT, st.sampled_from(sorted(STEPS)))
def test_any_document_is_brought_to_todays_version_once_and_stays_as_it_was_given(
    document: dict[str, Any], old: str
) -> None:
    (today,) = {one for one in TODAY.values() if family(one) == family(old)}
    given_document = {**document, "format": old}
    before = copy.deepcopy(given_document)
    new = migrate(given_document, today)
    assert given_document == before
    assert new["format"] == today
    assert migrate(new, today) is new
    # What was said is still said; `absent` is ours.
    assert {key: new[key] for key in document if not isinstance(document[key], dict | list)} == {
        key: value for key, value in document.items() if not isinstance(value, dict | list)
    }


@pytest.mark.parametrize(("kind", "make"), [(Result, a_result), (Attempt, an_attempt)])
def test_a_document_of_today_is_left_as_it_is(kind: type, make: Callable[[], Any]) -> None:
    document = json.loads(to_json(make()))
    assert migrate(document, TODAY[kind]) is document


@pytest.mark.parametrize("layout", [{"indent": 1}, {"separators": (",", ":")}, {"sort_keys": True}])
def test_how_a_file_is_laid_out_is_irrelevant(layout: dict[str, Any]) -> None:
    new, old = json.loads(to_json(a_result())), sample("version-1-result.json")
    assert from_json(Result, json.dumps(new, **layout), "x") == a_result()
    assert from_json(Result, json.dumps(new, **layout).encode(), "x") == a_result()
    assert from_json(Result, json.dumps(old, **layout), "x") == result("version-1")


def test_one_of_another_name_is_not_taken_for_ours() -> None:
    document = {"format": "enginebench.job/1"}
    assert migrate(document, "enginebench.result/2") is document
