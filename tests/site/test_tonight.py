"""The first page's piece: the best of each cell, what changed by which rule, what is missing; against other code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebench.analysis.compare import compare
from enginebench.analysis.slices import parse
from enginebench.metrics import METRICS
from enginebench.site import build
from enginebench.site.tonight import HEADLINES
from enginebench.store import Store
from histories import B200, H100, History, a_history, day, job_of, told
from sites import piece, points, rows
from stored import a_store

RATE = "output_tps_per_accelerator"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return a_history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("site") / "site").parent


@pytest.fixture(scope="module")
def found(site):
    return piece(site, "tonight")


def cell(found, model, product, engine):
    (place,) = (
        place
        for place, one in enumerate(found["cells"])
        if (one["model"], one["product"], one["engine"]) == (model, product, engine)
    )
    return place, found["cells"][place]


def figure(found, place, metric=RATE):
    (row,) = (one for one in rows(found["figures"]) if (one["cell"], one["metric"]) == (place, metric))
    return row, None if row["change"] is None else found["changes"][row["change"]]


def test_every_figure_is_the_best_point_that_stands_and_is_right(site, found):
    """By the pages' own points, in plain Python."""
    kept = [
        point
        for point in points(site)
        if point["now"] and not point["failed_quality"] and not point["invalid"] and point["reproduces"] is None
    ]
    wanted = {}
    for point in kept:
        for metric in HEADLINES:
            four = point.get("values", {}).get(metric)
            if four is None or four[0] is None:
                continue
            key = (point["model"], point["product"], point["engine"], point["tool"], point["workload"], metric)
            best = max if METRICS[metric].better == "higher" else min
            wanted[key] = best(wanted.get(key, four), four, key=lambda one: one[0])
    shown = {}
    for row in rows(found["figures"]):
        of = found["cells"][row["cell"]]
        key = (of["model"], of["product"], of["engine"], of["tool"], row["workload"], row["metric"])
        shown[key] = [row["value"], row["low"], row["high"], row["n"]]
    assert shown == wanted
    assert len(shown) > 12


def test_a_server_with_wrong_answers_has_no_figure_and_says_why(found):
    place, liar = cell(found, "tiny", H100, "liar")
    assert liar["quality"]["failed"] == liar["left_out"] == 3
    assert liar["quality"]["reasons"] == ["KL <i>too high</i>"]
    assert not [one for one in rows(found["figures"]) if one["cell"] == place]


def test_many_nights_are_judged_by_the_detector(found):
    row, change = figure(found, cell(found, "tiny", H100, "scripted")[0])
    assert (row["load"], row["n"], row["night"]) == ("c64", 2, day(27))
    assert (change["how"], change["verdict"], change["night"], change["status"]) == (
        "nights",
        "worse",
        day(20),
        "confirmed",
    )
    assert change["low"] < 0.9324 < change["high"]


def test_few_nights_are_judged_by_the_version_before_as_compare_does(store, found):
    _, change = figure(found, cell(found, "tiny", B200, "other")[0])
    assert (change["how"], change["from"], change["to"]) == ("versions", "vllm 2.0", "vllm 2.1")
    ours = compare(store.runs(), parse(change["a"]), parse(change["b"]), metrics=change["metrics"])
    (curve,) = (one for one in ours.curves if one.metric == RATE and one.load.startswith("mean over"))
    assert (change["verdict"], change["over"]) == (curve.verdict, curve.load) == ("worse", "mean over 2 closed loads")
    assert change["ratio"] == pytest.approx(curve.estimate.ratio, rel=1e-5)
    assert (change["n_a"], change["n_b"]) == (6, 3)


def test_one_version_of_one_night_has_no_verdict_yet(found):
    _, change = figure(found, cell(found, "tiny", H100, "once")[0])
    assert (change["verdict"], change["why"]) == ("no verdict yet", "1 night, one version")


def test_the_news_are_only_of_the_newest_night(found):
    assert {(one["kind"], one["worse"]) for one in found["news"]} == {("versions", True)}
    assert {one["metric"] for one in found["news"]} == {RATE, "interactivity_mean_tps", "ttft_mean_ns", "goodput_rps"}


def test_a_step_is_news_in_the_night_that_finds_it(tmp_path):
    trials = [one for one in History().results() if one.trial.startswith("main") and one.attempt.night <= day(21)]
    news = piece(build(a_store(tmp_path, *trials), tmp_path / "site").parent, "tonight")["news"]
    assert {(one["kind"], one["night"], one["found"], one["worse"]) for one in news} == {
        ("nights", day(20), day(21), True)
    }


def test_what_is_missing_is_listed(found):
    assert found["night"] == day(27)
    assert {(one["engine"], one["days"]) for one in found["unmeasured"]} == {("once", 15)}
    (short,) = found["missing_loads"]
    assert (short["engine"], short["missing"]) == ("other", [f"c64 by vllm 2.0 on {day(26)}"])
    assert {(one["engine"], one["after"], one["missed"]) for one in found["missing_nights"]} == {
        ("scripted", day(7), 2),
        ("scripted", day(11), 1),
    }
    assert found["measured"] == 3


def test_failures_of_thirty_days_are_counted_with_the_last(found):
    _, other = cell(found, "tiny", B200, "other")
    assert (other["failed"], other["tried"]) == (1, 10)
    assert other["last_failure"] == {"night": day(27), "trial": "dead", "failure_class": "crashed"}


def test_points_of_other_tools_alone_make_a_grid(tmp_path):
    store = Store(tmp_path / "store")
    store.add_foreign([told(), told(place=1, model=None, said={})])
    found = piece(build(store, tmp_path / "site").parent, "tonight")
    assert [(one["model"], one["product"], one["tool"]) for one in found["cells"]] == [
        ("giant", "h200", "elsewhere"),
        ("not told", "not told", "elsewhere"),
    ]
    row, change = figure(found, 0)
    assert (row["value"], row["low"], row["n"], change) == (2345, None, 1, None)
    assert figure(found, 0, "ttft_mean_ns")[0]["unlike"] == "its clock starts later"
    assert found["night"] == "2026-08-05"


def test_versions_of_one_number_are_told_apart_by_their_hash(tmp_path):
    history, results = History(), []
    for night, lock in ((0, "a" * 16), (1, "b" * 16)):
        for start in range(2):
            one = history.trial(f"t{night}{start}", night, job_of("1.0", start))
            results.append(replace(one, engine=replace(one.engine, lock_hash=lock)))
    found = piece(build(a_store(tmp_path, *results), tmp_path / "site").parent, "tonight")
    _, change = figure(found, 0)
    assert change["verdict"] in ("no change", "insufficient")
    assert ",version=" in change["a"]
