"""The pieces of the page of trends: what was found, of which curve, what else changed, and levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from enginebench.analysis.changes import find_changes
from enginebench.site import build
from enginebench.site.changes import places, write_changes
from enginebench.site.chunks import Chunks, slug
from enginebench.site.points import all_points
from enginebench.store import Store
from enginebench.store.frames import runs_frame
from histories import LONE, NIGHTS, STEP, History, a_history, day, job_of
from sites import piece, rows
from stored import a_store

RATE = "output_tps_per_accelerator"
PIECE = f"changes/{slug('tiny')}"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return a_history(tmp_path_factory.mktemp("history"))


def made(runs, tmp_path, store=None):
    """The curves of a table of runs, with their levels."""
    store = store or Store(tmp_path / "none")
    runs = runs if "invalid" in runs else runs.assign(invalid="")
    write_changes(runs, all_points(runs, store), find_changes(runs), store, Chunks(tmp_path / "data"))
    found = piece(tmp_path, PIECE)
    return found["curves"], rows(found["levels"]), found["notes"]


def of(curves, engine):
    (found,) = (one for one in curves if one["engine"] == engine)
    return found


def test_a_finding_has_the_nights_and_versions_before_and_after_it(store, tmp_path):
    curves, _, _ = made(store.runs(), tmp_path)
    (one,) = (one for one in of(curves, "scripted")["findings"] if one["metric"] == RATE and not one["load"])
    assert (one["before"], one["after"]) == ([day(0), day(STEP - 1)], [day(STEP), day(NIGHTS - 1)])
    assert (one["versions"], one["status"], one["worse"]) == (["1.0", "1.1"], "confirmed", True)
    assert day(LONE) in of(curves, "scripted")["nights"]
    assert of(curves, "scripted")["versions"][0][0] == day(0)
    assert of(curves, "scripted")["versions"][1][0] == day(STEP)


def test_levels_are_the_medians_of_the_nights_between_steps(store, tmp_path):
    curves, levels, _ = made(store.runs(), tmp_path)
    place = curves.index(of(curves, "scripted"))
    runs = store.runs()
    runs = runs[(runs["engine"] == "scripted") & (runs["load"] == "c8")]
    logs = np.log(runs[RATE]).groupby([runs["night"], runs["trial"]]).mean().groupby("night").mean()
    mine = [one for one in levels if (one["curve"], one["metric"]) == (place, RATE)]
    mine = [one for one in mine if one["series"] == runs["series"].iloc[0]]
    wanted = [np.exp(logs[logs.index < day(STEP)].median()), np.exp(logs[logs.index >= day(STEP)].median())]
    assert [one["level"] for one in mine] == pytest.approx(wanted, rel=1e-5)
    assert [(one["first"], one["last"], one["nights"]) for one in mine] == [
        (day(0), day(STEP - 1), STEP - 3),
        (day(STEP), day(NIGHTS - 1), NIGHTS - STEP),
    ]


def test_two_curves_that_read_alike_keep_their_own_findings():
    """Recipes apart: their labels are the same, their trials are not."""
    history, results = History(), []
    for night in range(24):
        for start in range(2):
            steady, other = job_of("1.0", start), job_of("1.0", start)
            other = replace(other, deployment=replace(other.deployment, arguments={"block-size": 32}))
            results.append(history.trial(f"a{night}{start}", night, steady))
            results.append(history.trial(f"b{night}{start}", night, other, -0.1 * (night >= 18)))
    runs = runs_frame(results)
    report = find_changes(runs)
    (place,) = places(runs, report)
    assert place[0] == runs[runs["trial"] == "b00"]["curve"].iloc[0]
    assert len({one.label for one in report.changes}) == 1


def test_a_driver_begins_a_level_and_is_marked(tmp_path):
    history = History()
    runs = runs_frame(
        [history.trial(f"t{night}{start}", night, job_of("1", start)) for night in range(12) for start in (0, 1)]
    )
    runs["driver"] = np.where(runs["night"] < day(6), "550.1", "560.2")
    curves, levels, _ = made(runs, tmp_path)
    assert {"night": day(6), "kind": "driver", "words": "550.1 → 560.2"} in curves[0]["marks"]
    assert {(one["first"], one["last"]) for one in levels} == {(day(0), day(5)), (day(6), day(11))}


def test_a_recipe_is_marked_where_its_curve_begins(tmp_path):
    history = History()
    other = job_of("1.0", 0)
    other = replace(other, deployment=replace(other.deployment, arguments={"block-size": 32}))
    results = [history.trial("a", 0, job_of("1.0", 0)), history.trial("b", 1, other)]
    store = a_store(tmp_path, *results)
    curves, _, _ = made(store.runs(), tmp_path, store)
    marks = [mark for one in curves for mark in one["marks"]]
    assert marks == [{"night": day(1), "kind": "recipe", "words": "--block-size unset → 32"}]


def test_prices_are_marked_only_within_the_nights(store, tmp_path):
    curves, _, _ = made(store.runs(), tmp_path)
    assert [one["night"] for one in of(curves, "scripted")["marks"] if one["kind"] == "price"] == ["2026-08-01"]
    assert of(curves, "once")["marks"] == []


def test_notes_are_those_of_the_models_curves(store, tmp_path):
    _, _, notes = made(store.runs(), tmp_path)
    assert any("no night at all" in note for note in notes)
    assert all(note.startswith("tiny bf16, ") for note in notes)


def test_a_model_that_only_other_tools_measured_has_an_empty_piece(store, tmp_path):
    site = build(store, tmp_path / "site").parent
    found = piece(site, f"changes/{slug('giant')}")
    assert (found["curves"], found["levels"]["n"]) == ([], 0)
