"""Records to JSON and back: nothing is lost, nothing unknown is taken, and a mistake names its file and key."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import (
    a_deployment,
    a_point,
    a_request,
    a_result,
    a_run,
    an_attempt,
    an_engine,
    an_inventory,
    closed,
)
from enginebench import __version__
from enginebench.errors import UserError
from enginebench.records import (
    Accelerator,
    Attempt,
    Calibration,
    ClosedLoop,
    Deployment,
    DummySource,
    EndpointProvision,
    Engine,
    EngineInfo,
    ExecutableProvision,
    Failure,
    ForeignPoint,
    HubSource,
    Inventory,
    Job,
    LocalSource,
    MetadataAlias,
    Model,
    OpenLoop,
    PackageSource,
    Parallelism,
    Point,
    Precision,
    QualityRequest,
    Request,
    Result,
    Run,
    RunKey,
    Until,
    Usage,
    VenvProvision,
    Workload,
)
from enginebench.records.files import from_json, read, to_json

MODEST = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
COUNT = st.integers(1, 2**40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | st.text(max_size=5)
# JSON has one kind of list; in memory the numbers may be tuples and arrays too.
NUMBERS = st.lists(st.integers(), max_size=3)
REQUEST = st.builds(Request, event_ns=NUMBERS, event_tokens=st.none() | NUMBERS)
# Whatever JSON can say of a config.json: nested, any text.
CONTENT = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        SCALAR,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)
PROVISION = st.one_of(
    st.builds(VenvProvision, pins=st.lists(st.text(max_size=9), max_size=3).map(tuple), alias=st.builds(MetadataAlias)),
    st.builds(ExecutableProvision),
    st.builds(EndpointProvision),
)
SOURCE = st.one_of(
    st.builds(HubSource), st.builds(LocalSource), st.builds(PackageSource), st.builds(DummySource, config=CONTENT)
)
MODEL = st.builds(
    Model,
    source=SOURCE,
    precisions=st.dictionaries(st.sampled_from(["bf16", "fp8"]), st.builds(Precision, weights_bytes=COUNT), min_size=1),
)
ARGUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | st.text(max_size=5),
    max_size=4,
)
DEPLOYMENT = st.builds(
    Deployment,
    provision=PROVISION,
    model=MODEL,
    arguments=ARGUMENTS,
    environment=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
RATE = st.floats(0, allow_nan=False, allow_infinity=False, exclude_min=True)
LOAD = st.builds(ClosedLoop, concurrency=COUNT) | st.builds(OpenLoop, rate_rps=RATE)
POINT = st.builds(Point, load=LOAD, workload=st.builds(Workload))
JOB = st.builds(Job, deployment=DEPLOYMENT, points=st.lists(POINT, min_size=1, max_size=2).map(tuple), repeats=COUNT)
UNTIL = st.builds(Until, within=st.floats(0.001, 0.5), seconds=st.none() | st.floats(1, 1e6))
QUALITY = st.builds(QualityRequest, items=st.integers(0, 500))
ATTEMPT = st.builds(
    Attempt,
    job=JOB,
    runs=st.lists(st.builds(RunKey), min_size=1, max_size=2).map(tuple),
    quality=st.none() | QUALITY,
    until=st.none() | UNTIL,
)
RUN = st.builds(
    Run,
    usage=st.none()
    | st.builds(Usage, server_cores=FINITE, client_cores=FINITE, neighbour_cores=FINITE, stolen_cores=FINITE),
    metrics=st.dictionaries(st.text(max_size=5), st.none() | FINITE, max_size=3),
    marks=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    client=st.none(),
    intervals=st.dictionaries(st.text(max_size=5), st.tuples(FINITE, FINITE), max_size=2),
)


def again(value: Any) -> Any:
    return from_json(type(value), to_json(value), "here")


@MODEST
@given(ATTEMPT)
def test_attempts_come_back_equal_and_keep_their_id(attempt: Attempt) -> None:
    assert again(attempt) == attempt
    assert again(attempt).job.id == attempt.job.id


@MODEST
@given(RUN, st.none() | st.builds(Failure), st.none() | st.builds(EngineInfo))
def test_results_come_back_equal(run: Run, failure: Failure | None, engine: EngineInfo | None) -> None:
    result = a_result(runs=(run, a_run()), failure=failure, engine=engine)
    assert again(result) == result


@MODEST
@given(st.one_of(REQUEST, st.builds(Accelerator, memory_bytes=COUNT), st.builds(Workload), LOAD))
def test_small_records_come_back_equal(value: Any) -> None:
    assert again(value) == value


def test_engines_and_inventories_come_back_equal() -> None:
    engine: Engine = an_engine()
    inventory: Inventory = an_inventory(2)
    assert again(engine) == engine
    assert again(inventory) == inventory


def test_an_argument_keeps_its_type() -> None:
    arguments = {"flag": True, "number": 1, "share": 1.0, "text": "1", "nothing": None}
    back = again(a_deployment(arguments=arguments)).arguments
    assert {name: type(value) for name, value in back.items()} == {
        name: type(value) for name, value in arguments.items()
    }


def test_a_load_comes_back_as_its_own_kind() -> None:
    assert type(again(a_point(load=closed(1))).load) is ClosedLoop


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_neither_written_nor_read(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(a_run(metrics={"ttft_mean_ns": value}))
    text = json.dumps({**json.loads(to_json(a_run())), "metrics": {"ttft_mean_ns": value}})
    with pytest.raises(UserError, match=r"^run\.json: metrics\.ttft_mean_ns: .*finite"):
        from_json(Run, text, "run.json")


# Mistakes


def with_change(change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads(to_json(an_attempt()))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda data: data.update(extra=1), "extra"),
        (lambda data: data["job"].update(extra=1), "job.extra"),
        (lambda data: data["job"]["deployment"]["model"].update(extra=1), "job.deployment.model.extra"),
        (lambda data: data["job"]["points"][1]["load"].update(rate=1), r"job.points.1.load.closed.rate"),
        (lambda data: data.pop("night"), "night"),
        (lambda data: data.update(format=2), "format"),
        (lambda data: data.update(runs=[]), "runs"),
        (lambda data: data["job"].update(repeats="3"), "job.repeats"),
        (lambda data: data["job"].update(repeats=0), "job.repeats"),
        (lambda data: data["job"].update(seed=True), "job.seed"),
        (lambda data: data["job"]["deployment"].update(vendor="abacus"), "job.deployment.vendor"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_key_and_remedy(change: Callable[[Any], object], key: str) -> None:
    with pytest.raises(UserError) as caught:
        from_json(Attempt, with_change(change), "night/job.json")
    (mistake,) = caught.value.mistakes
    assert mistake.place == "night/job.json"
    assert mistake.problem.startswith(f"{key}: ")
    assert "\n" not in str(caught.value)
    assert mistake.remedy == "take a file that this version of enginebench wrote"


@pytest.mark.parametrize(
    ("kind", "future", "known"),
    [
        (Result, "enginebench.result/3", "`enginebench.result/1`, `enginebench.result/2`"),
        (Attempt, "enginebench.job/3", "`enginebench.job/1`, `enginebench.job/2`"),
        (Calibration, "enginebench.calibration/2", "`enginebench.calibration/1`"),
        (ForeignPoint, "enginebench.foreign/2", "`enginebench.foreign/1`"),
    ],
)
def test_a_file_of_a_future_version_is_refused_in_one_sentence(kind: type, future: str, known: str) -> None:
    with pytest.raises(UserError) as caught:
        from_json(kind, json.dumps({"format": future, "new": {"deep": 1}}), "x/the.json")
    assert str(caught.value) == (
        f"x/the.json: is of version `{future}`, and enginebench {__version__} reads {known} there; "
        "take a newer enginebench"
    )


@pytest.mark.parametrize("kind", [Result, Attempt, Calibration, ForeignPoint])
def test_a_file_that_names_no_format_is_refused(kind: type) -> None:
    with pytest.raises(UserError) as caught:
        from_json(kind, json.dumps({"trial": "t"}), "x/the.json")
    assert str(caught.value) == (
        "x/the.json: has no `format`, which names its version; take a file that this version of enginebench wrote"
    )


def test_an_attempt_within_a_result_that_names_no_format_is_refused() -> None:
    result = json.loads(to_json(a_result()))
    del result["attempt"]["format"]
    with pytest.raises(UserError, match="has no `format` in `attempt`, which names its version; "):
        from_json(Result, json.dumps(result), "result.json")


def test_a_future_version_within_a_file_is_refused_by_its_place() -> None:
    result = json.loads(to_json(a_result()))
    result["attempt"].update(format="enginebench.job/12", new=1)
    with pytest.raises(UserError) as caught:
        from_json(Result, json.dumps(result), "result.json")
    assert str(caught.value) == (
        f"result.json: is of version `enginebench.job/12` in `attempt`, and enginebench {__version__} reads "
        "`enginebench.job/1`, `enginebench.job/2` there; take a newer enginebench"
    )


@pytest.mark.parametrize(
    "given",
    ["enginebench.result/1", "enginebench.job/0", "enginebench.job/two", "job", "", f"enginebench.job/{'9' * 5000}"],
)
def test_no_newer_enginebench_is_asked_for_where_none_would_read_the_file(given: str) -> None:
    with pytest.raises(UserError) as caught:
        from_json(Attempt, with_change(lambda data: data.update(format=given)), "job.json")
    (mistake,) = caught.value.mistakes
    assert mistake.problem == (
        f"is of version `{given}`, and enginebench {__version__} reads `enginebench.job/1`, `enginebench.job/2` there"
    )
    assert mistake.remedy == "take a file that this version of enginebench wrote"


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        from_json(Attempt, with_change(lambda data: (data.update(extra=1), data["job"].pop("seed"))), "job.json")
    assert {mistake.problem.partition(":")[0] for mistake in caught.value.mistakes} == {"extra", "job.seed"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": '])
def test_text_that_is_no_record_is_one_mistake(text: str) -> None:
    with pytest.raises(UserError) as caught:
        from_json(Attempt, text, "job.json")
    assert str(caught.value).startswith("job.json: file: ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_is_read_and_one_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    with pytest.raises(UserError, match=r"result\.json: cannot be read: .*; name an existing file$"):
        read(Result, path)
    path.write_text(to_json(a_result()), encoding="utf-8")
    assert read(Result, path) == a_result()


def test_labels_are_short() -> None:
    assert a_point(load=closed(8)).label() == "talk c8"
    assert OpenLoop(kind="open", rate_rps=0.5).label() == "r0.5"
    assert OpenLoop(kind="open", rate_rps=4.0).label() == "r4"
    assert Parallelism().label() == "tp1"
    assert Parallelism(tp=2, pp=1, dp=4, ep=8).label() == "tp2·dp4·ep8"


def test_an_array_is_a_list_in_json():
    request = replace(a_request(), event_ns=array("q", [1, 2]))
    assert from_json(Request, to_json(request), "x").event_ns == [1, 2]
