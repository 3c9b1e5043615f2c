"""Which series goes on from which: a recipe that changed, a variant beside it, several from the first night."""

from __future__ import annotations

from dataclasses import replace

import pytest

import builders
from enginebench.analysis.lineage import predecessors, recipe_difference, recipe_notes
from enginebench.store.frames import runs_frame
from stored import CLOSED, OPEN, a_job, a_run, a_trial


def trial(name, day, *, version="1.0", start=0, **recipe):
    job = a_job(version=version, start=start)
    job = replace(job, deployment=replace(job.deployment, **recipe))
    return a_trial(name, [a_run(0, day=day)], night=f"2026-11-{day}", job=job)


def links(*trials):
    """Trial at which a series begins to the trial after which it does, and whether that series goes on."""
    found = predecessors(runs_frame(trials))
    return {one.followed_by: (one.trial, one.goes_on) for one in found.values()}


def test_a_changed_recipe_goes_on_from_the_series_before():
    wide = {"max_sequences": 32}
    trials = [trial("a", 20), trial("b", 21, version="1.1"), trial("c", 22, **wide), trial("d", 23, **wide)]
    runs = runs_frame(trials)
    old, same, new, last = runs["series"]
    assert (old, new) == (same, last)
    (found,) = predecessors(runs).items()
    assert found[0] == new
    assert (found[1].series, found[1].trial, found[1].night) == (old, "b", "2026-11-21")
    assert (found[1].followed_on, found[1].followed_by, found[1].goes_on) == ("2026-11-22", "c", False)


def test_the_order_of_the_rows_is_irrelevant():
    runs = runs_frame([trial("a", 20), trial("b", 22, max_sequences=32), trial("c", 21)])
    assert predecessors(runs) == predecessors(runs.iloc[::-1])
    assert next(iter(predecessors(runs).values())).trial == "c"


def test_each_change_goes_on_from_the_one_right_before_it():
    assert links(trial("a", 20), trial("b", 21, arguments={"x": 1}), trial("c", 22, arguments={"x": 2})) == {
        "b": ("a", False),
        "c": ("b", False),
    }


def test_a_recipe_that_comes_back_is_its_own_series_again():
    assert links(trial("a", 20), trial("b", 21, prefix_cache=True), trial("c", 22)) == {"b": ("a", True)}


def test_a_variant_beside_a_series_says_that_the_other_goes_on():
    assert links(trial("a", 20), trial("b", 21), trial("c", 21, max_sequences=32)) == {"c": ("a", True)}


def test_series_that_begin_in_one_night_do_not_follow_each_other():
    assert links(trial("a", 20), trial("b", 20, max_sequences=32)) == {}


@pytest.mark.parametrize("change", [{"precision": "fp8"}, {"devices": 2}, {"engine_kind": "sglang"}])
def test_another_thing_is_no_change_of_the_recipe(change):
    assert links(trial("a", 20), trial("b", 21, **change)) == {}


def test_no_runs_have_no_predecessors():
    assert predecessors(runs_frame([])) == {}
    assert recipe_notes(runs_frame([]), pytest.fail) == ()


def test_series_that_begin_anew_for_one_change_are_one_note():
    def loads(result):
        job = replace(result.attempt.job, points=a_job(loads=(CLOSED, OPEN)).points)
        runs = (*result.runs, replace(result.runs[0], id=f"{result.trial}.1.0", point=1))
        return replace(result, attempt=replace(result.attempt, job=job), runs=runs)

    before, changed, beside = trial("a", 20), trial("b", 21, max_sequences=32), trial("c", 22, prefix_cache=True)
    stored = {one.trial: loads(one) for one in (before, changed, beside, trial("d", 22, max_sequences=32))}
    runs, of = runs_frame(stored.values()), "tiny, scripted on 1 × Test GPU: 2 series begin on 2026-11-"
    notes = (
        of + "21 with another recipe than before: most sequences in a batch 16 → 32",
        of + "22 as a variant of others, which go on: most sequences in a batch 32 → 16, prefix cache off → on",
    )
    assert recipe_notes(runs, stored.__getitem__) == notes
    assert recipe_notes(runs, stored.__getitem__, "2026-11-22") == notes[1:]


def test_a_reproduction_makes_no_series_go_on():
    before, changed = trial("a", 20), trial("b", 21, max_sequences=32)
    again = trial("c", 22)
    again = replace(again, attempt=replace(again.attempt, reproduces="a"))
    (found,) = predecessors(runs_frame([before, changed, again])).values()
    assert (found.trial, found.goes_on) == ("a", False)
    (found,) = predecessors(runs_frame([before, changed, trial("c", 22)])).values()
    assert found.goes_on


def test_a_difference_is_told_in_words():
    before = builders.a_deployment(
        arguments={"block-size": 16, "eager": True, "same": 1, "gone": "x"}, environment={"A": "1"}
    )
    after = replace(
        before,
        arguments={"block-size": 32, "eager": False, "same": 1, "new": None},
        environment={"B": "2"},
        max_sequences=32,
        prefix_cache=True,
        engine_version="9",
    )
    assert recipe_difference(before, before) == ()
    assert recipe_difference(before, after) == (
        "--block-size 16 → 32",
        "--eager on → off",
        "--gone x → unset",
        "--new unset → left out",
        "$A 1 → unset",
        "$B unset → 2",
        "most sequences in a batch 16 → 32",
        "prefix cache off → on",
    )


def test_1_and_true_are_told_apart():
    one, flag = (builders.a_deployment(arguments={"x": value}) for value in (1, True))
    assert recipe_difference(one, flag) == ("--x 1 → on",)
