"""results/schema.json: what is written validates against it, what a reader refuses does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.records import (
    Attempt,
    Calibration,
    CalibrationLevel,
    Invalidation,
    Result,
    SignedNight,
    SignedTrial,
    Withdrawal,
)
from enginebench.records.files import from_json, to_json
from enginebench.schema import json_schema
from stored import CLOSED, OPEN, a_job, a_quality, a_run, a_trial, an_lm_eval_score

PAGE = Path(__file__).parents[2] / "results" / "schema.json"
OLD = sorted((Path(__file__).parents[1] / "records" / "samples").glob("version-*.json"))


@pytest.fixture(scope="module")
def schema():
    return json.loads(json_schema())


@pytest.fixture(scope="module")
def validator(schema):
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def a_result() -> Result:
    """A failed trial with a closed and an open loop, marks, nulls and what the quality gate found."""
    runs = [a_run(0, goodput_rps=0.0), a_run(1, point=1, marks=("neighbour",))]
    trial = a_trial("t", runs, job=a_job(loads=(CLOSED, OPEN)), failure="gone")
    quality = replace(a_quality(), lm_eval=(an_lm_eval_score(value=None),), lm_eval_version="0.4")
    return replace(trial, quality=quality)


def a_calibration() -> Calibration:
    level = dict.fromkeys(CalibrationLevel.__dataclass_fields__)
    level |= {"concurrency": 1, "requests": 0, "failed_requests": 0, "throughput_error_share": 0.0, "client_cores": 0.0}
    return Calibration(
        host="here",
        cpu="a CPU",
        cores=2,
        harness_version="0",
        started_utc="2026-11-24T02:00:00.000+00:00",
        levels=(CalibrationLevel(**level),),
    )


WRITTEN = [(Result, a_result()), (Attempt, a_result().attempt), (Calibration, a_calibration())]
SAID = {"reason": "too hot", "author": "Ada", "made_utc": "2026-11-24T02:00:00.000+00:00"}
WRITTEN += [
    (Invalidation, Invalidation(id="i", what="t", **SAID)),
    (Withdrawal, Withdrawal(invalidation="i", **SAID)),
    (
        SignedNight,
        SignedNight(
            night="n", trials=(SignedTrial(trial="t", files={"result.json": "0" * 64}, tables={"requests": "1" * 64}),)
        ),
    ),
]


def test_the_file_on_disk_is_what_the_declarations_give():
    assert PAGE.read_text(encoding="utf-8") == json_schema(), "`make docs` writes it anew"


@pytest.mark.parametrize(("kind", "value"), WRITTEN, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_written_validates(validator, kind, value):
    validator.validate(json.loads(to_json(value)))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(format="enginebench.result/3"),
        lambda data: data.update(invented=1),
        lambda data: data.pop("trial"),
        lambda data: data.pop("format"),
        lambda data: data["attempt"].pop("format"),
        lambda data: data.pop("stops"),
        lambda data: data["runs"][0].update(duration_ns="3"),
        lambda data: data["runs"][0].update(duration_ns=None),
        lambda data: data["attempt"]["job"]["points"][1]["load"].update(kind="closed"),
        lambda data: data["attempt"]["job"]["deployment"].update(vendor="abacus"),
        lambda data: data["quality"]["lm_eval"][0].update(value="0"),
    ],
)
def test_what_a_reader_refuses_does_not_validate(validator, change):
    data = json.loads(to_json(a_result()))
    change(data)
    with pytest.raises(UserError):
        from_json(Result, json.dumps(data), "result.json")
    assert not validator.is_valid(data)


def test_an_older_version_validates_once_it_is_brought_to_todays(validator):
    for path in OLD:
        kind = Result if path.name.endswith("-result.json") else Attempt
        old = path.read_text(encoding="utf-8")
        assert not validator.is_valid(json.loads(old)), "the schema is of today's version"
        validator.validate(json.loads(to_json(from_json(kind, old, path.name))))


def test_fields_tell_their_words_and_units(schema):
    run = schema["$defs"]["Run"]["properties"]
    assert run["duration_ns"] == {
        "type": "integer",
        "description": "First send to last end.",
        "x-unit": "ns",
    }
    assert schema["$defs"]["Result"]["properties"]["failure"]["description"] == "Why it stopped; null when complete."
    assert schema["$defs"]["Result"]["description"].startswith("All a trial leaves besides its tables")
    assert "x-unit" not in run["repeat"]


def test_metrics_tell_their_formula_and_stored_unit(schema):
    metrics = schema["$defs"]["Run"]["properties"]["metrics"]
    assert list(metrics["properties"]) == list(METRICS)
    assert metrics["properties"]["success_share"] == {
        "anyOf": [{"type": "number"}, {"type": "null"}],
        "description": "Success: requests that ended well / all requests.",
        "x-unit": "1",
    }
    assert metrics["properties"]["ttft_p99_ns"]["x-unit"] == "ns"


@pytest.mark.parametrize("name", ["ttft_p99_ns", "of_another_version"])
def test_a_metric_of_any_name_is_a_number_or_null(validator, name):
    data = json.loads(to_json(a_result()))
    for value, fits in ((1.5, True), (None, True), ("1.5", False)):
        data["runs"][0]["metrics"][name] = value
        assert validator.is_valid(data) == fits
