"""What is compared with what: the same but for what was asked, and a reason for everything that is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

import builders
from enginebench.analysis.matching import asked_columns, differences, match
from enginebench.analysis.slices import parse, select
from enginebench.store.frames import runs_frame
from stored import CLOSED, OPEN, a_job, a_run, a_trial


def trial(name, *, version="1.0", loads=(CLOSED,), point=None, host="here", night="2026-11-24", **deployment):
    job = a_job(loads=loads, version=version)
    points = tuple(replace(one, **(point or {})) for one in job.points)
    job = replace(job, deployment=replace(job.deployment, **deployment), points=points)
    made = a_trial(name, [a_run(0, point=index) for index in range(len(points))], night=night, job=job)
    return replace(made, environment=builders.an_environment(host=host))


def matched(a, b, *trials):
    """Loads that are compared, and of each other point the slice, load and why."""
    one, other = parse(a), parse(b)
    runs = runs_frame(trials)
    found = match(select(runs, one), select(runs, other), asked_columns(one, other))
    assert all(pair.a.row["load"] == pair.b.row["load"] for pair in found.pairs)
    pairs = [pair.a.row["load"] for pair in found.pairs]
    return pairs, [(one.side, one.point.row["load"], one.why) for one in found.alone]


def test_points_of_one_series_are_compared_and_others_are_in_one_slice_only():
    trials = trial("a", loads=(CLOSED, OPEN)), trial("b", version="1.1", loads=(builders.closed(16), CLOSED))
    assert matched("engine_version=1.0", "engine_version=1.1", *trials) == (
        ["c8"],
        [("A", "r0.5", ""), ("B", "c16", "")],
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_sequences": 32}, "recipe"),
        ({"precision": "fp8"}, "precision"),
        ({"product": "Other GPU"}, "product"),
        (
            {"point": {"requests": 99}},
            "number of requests, warm-up, shortest time or SLO",
        ),
        (
            {"devices": 2, "parallelism": builders.Parallelism(tp=2)},
            "devices and parallelism",
        ),
    ],
)
def test_what_else_differs_makes_points_incomparable_and_is_named(change, words):
    pairs, alone = matched("engine_version=1.0", "engine_version=1.1", trial("a"), trial("b", version="1.1", **change))
    assert pairs == []
    assert [(side, why) for side, _, why in alone] == [
        (side, f"not asked for, but different: {words}") for side in "AB"
    ]


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        ("precision=bf16", "precision=fp8", {"precision": "fp8"}),
        ("product=Test GPU", "product=Other GPU", {"product": "Other GPU", "vendor": "amd", "max_sequences": 32}),
        ("parallelism=tp1", "parallelism=tp2", {"devices": 2, "parallelism": builders.Parallelism(tp=2)}),
        ("engine=scripted", "engine=other", {"engine": "other", "engine_kind": "sglang", "arguments": {"x": 1}}),
        ("host=here", "host=there", {"host": "there"}),
        ("night=2026-11-24", "night=2026-11-25", {"night": "2026-11-25"}),
        ("trial=a", "trial=b", {}),
    ],
)
def test_what_was_asked_to_differ_may(a, b, change):
    assert matched(a, b, trial("a"), trial("b", **change)) == (["c8"], [])


def test_loads_may_be_asked_to_differ_too():
    one, other = parse("load=c8"), parse("load=c16")
    runs = runs_frame([trial("a", loads=(CLOSED, builders.closed(16)))])
    found = match(select(runs, one), select(runs, other), asked_columns(one, other))
    assert [(pair.a.row["load"], pair.b.row["load"]) for pair in found.pairs] == [("c8", "c16")]


def test_of_two_recipes_none_is_chosen_until_one_is_named():
    trials = [
        trial("a", engine_kind="vllm"),
        trial("b", engine="other", engine_kind="sglang"),
        trial("c", engine="other", engine_kind="sglang", max_sequences=32),
    ]
    pairs, alone = matched("engine=scripted", "engine=other", *trials)
    assert pairs == []
    assert {why for *_, why in alone} == {"several of one slice match, apart in recipe: name one in the slice"}
    recipe = runs_frame([trials[2]])["recipe"][0]
    assert matched("engine=scripted", f"engine=other,recipe={recipe}", *trials) == (["c8"], [])


def test_a_further_recipe_of_what_is_compared_is_in_one_slice_only():
    trials = trial("a"), trial("b", max_sequences=32), trial("c", version="1.1")
    assert matched("engine_version=1.0", "engine_version=1.1", *trials) == (["c8"], [("A", "c8", "")])


def test_what_differs_without_being_asked_comes_first():
    one, other = parse("engine_version=1.0"), parse("engine_version=1.1")
    runs = runs_frame([trial("a"), trial("b", version="1.1", host="there"), trial("c", version="1.1")])
    found = differences(select(runs, one), select(runs, other), asked_columns(one, other))
    assert [(one.column, one.a, one.b, one.asked) for one in found] == [
        ("host", ("here",), ("here", "there"), False),
        ("engine_version", ("1.0",), ("1.1",), True),
        ("version_label", ("vllm 1.0",), ("vllm 1.1",), True),
    ]


def test_what_is_not_known_differs_from_what_is():
    known = replace(trial("b", version="1.1"), environment=builders.an_environment(harness_commit="abc"))
    runs = runs_frame([trial("a"), known])
    found = differences(runs[runs["trial"] == "a"], runs[runs["trial"] == "b"], frozenset())
    assert ("harness_commit", ("not known",), ("abc",)) in [(one.column, one.a, one.b) for one in found]
