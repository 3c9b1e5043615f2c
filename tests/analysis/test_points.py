"""Runs to points: what is one point, what is left out of it, and what each of its columns says."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

from enginebench.analysis.points import FAILED, KEY, eligible, summarise_points
from enginebench.metrics import METRICS
from enginebench.stopping import SPOILT
from enginebench.store.columns import COLUMNS
from enginebench.store.frames import runs_frame
from stored import CLOSED, OPEN, a_job, a_quality, a_run, a_trial

TPS = "output_tps_per_accelerator"


def tps(value, repeat=0, **run):
    return a_run(repeat, **{TPS: value}, **run)


def points(*results):
    return summarise_points(runs_frame(results))


def only(*results):
    """The one point of `results`, as a dictionary."""
    (row,) = points(*results).to_dict("records")
    return row


def test_repeats_of_one_start_are_one_point():
    row = only(a_trial("t", [tps(90.0, 0), tps(100.0, 1), tps(110.0, 2)]))
    assert (row["starts"], row["repeats"], row["left_out"], row["marked"]) == (1, 3, 0, False)
    assert row["varies"] == "repeats within one start"
    assert row[TPS] == pytest.approx((90 * 100 * 110) ** (1 / 3))
    assert row[f"{TPS}_low"] < row[TPS] < row[f"{TPS}_high"]
    assert row[f"{TPS}_n"] == 3


def test_server_starts_are_one_point_and_vary_as_starts():
    row = only(
        a_trial("a", [tps(100.0, 0), tps(100.0, 1)], job=a_job(start=0)),
        a_trial("b", [tps(400.0, 0), tps(400.0, 1)], job=a_job(start=1)),
    )
    assert (row["starts"], row["repeats"], row["trials"]) == (2, 4, ["a", "b"])
    assert row["varies"] == "server starts"
    assert row[TPS] == pytest.approx(200)
    assert row[f"{TPS}_n"] == 2


def test_nights_versions_and_loads_are_points_of_their_own():
    job = a_job(loads=(CLOSED, OPEN))
    found = points(
        a_trial("a", [tps(1.0), tps(2.0, point=1)], job=job),
        a_trial("b", [tps(3.0)], job=job, night="2026-11-25"),
        a_trial("c", [tps(4.0)], job=a_job(loads=(CLOSED, OPEN), version="2.0")),
    )
    assert sorted(found[TPS]) == pytest.approx([1, 2, 3, 4])
    assert sorted(found.groupby("series").size()) == [1, 3], "a night and a version stay in the series, a load does not"


def test_the_identity_of_a_point():
    job = a_job(loads=(CLOSED, OPEN))
    closed, opened = sorted(
        points(a_trial("t", [tps(1.0), tps(2.0, point=1)], job=job)).to_dict("records"), key=lambda row: row[TPS]
    )
    for row in (closed, opened):
        assert (row["engine"], row["engine_version"], row["model"], row["precision"]) == (
            "scripted",
            "1.0",
            "tiny",
            "bf16",
        )
        assert (row["night"], row["host"], row["workload"], row["dummy_weights"]) == (
            "2026-11-24",
            "here",
            "short",
            True,
        )
    assert (closed["load"], closed["load_kind"], closed["concurrency"]) == ("c8", "closed", 8)
    assert (opened["load"], opened["load_kind"], opened["rate_rps"]) == ("r0.5", "open", 0.5)
    assert pd.isna(closed["rate_rps"])
    assert pd.isna(opened["concurrency"])


@pytest.mark.parametrize("mark", sorted(SPOILT))
def test_spoilt_runs_are_left_out_while_a_clean_one_is_there(mark):
    row = only(a_trial("t", [tps(100.0, 0), tps(1.0, 1, marks=(mark, "short_output")), tps(100.0, 2)]))
    assert row[TPS] == pytest.approx(100)
    assert (row["repeats"], row["left_out"], row["marked"], row["marks"]) == (2, 1, False, [])


def test_where_all_runs_are_spoilt_they_are_used_and_the_point_is_marked():
    row = only(a_trial("t", [tps(90.0, 0, marks=("neighbour",)), tps(90.0, 1, marks=("stolen", "cache_hits"))]))
    assert row[TPS] == pytest.approx(90)
    assert (row["repeats"], row["left_out"], row["marked"]) == (2, 0, True)
    assert row["marks"] == ["cache_hits", "neighbour", "stolen"]


def test_a_mark_that_spoils_nothing_leaves_the_run_in():
    row = only(a_trial("t", [tps(100.0, 0), tps(400.0, 1, marks=("short_output",))]))
    assert row[TPS] == pytest.approx(200)
    assert (row["left_out"], row["marked"], row["marks"]) == (0, False, ["short_output"])


def test_nulls_are_left_out_of_a_figure_and_a_figure_of_nulls_alone_is_null():
    row = only(a_trial("t", [tps(100.0, 0), a_run(1), a_run(2)]))
    assert row[TPS] == pytest.approx(100)
    assert row[f"{TPS}_n"] == 1
    assert pd.isna(row[f"{TPS}_low"])
    assert pd.isna(row["goodput_rps"])
    assert pd.isna(row["goodput_rps_low"])
    assert row["goodput_rps_n"] == 0


def test_a_figure_of_0_is_0():
    row = only(a_trial("t", [a_run(0, goodput_rps=0.0), a_run(1, goodput_rps=0.0)]))
    assert row["goodput_rps"] == 0
    assert row["goodput_rps_n"] == 2


def test_every_metric_has_its_four_columns_or_only_those_asked_for():
    result = a_trial("t", [tps(1.0)])
    ends = ("", "_low", "_high", "_n")
    assert {f"{name}{end}" for name in METRICS for end in ends} < set(points(result))
    asked = set(summarise_points(runs_frame([result]), metrics=[TPS]))
    assert {name for name in asked if any(name.startswith(metric) for metric in METRICS)} == {
        f"{TPS}{end}" for end in ends
    }


def test_the_runs_are_not_changed_and_their_order_does_not_matter():
    runs = runs_frame([a_trial("b", [tps(1.0, 0), tps(3.0, 1)]), a_trial("a", [tps(2.0)], night="2026-11-23")])
    kept = runs.copy(deep=True)
    found = summarise_points(runs)
    pd.testing.assert_frame_equal(runs, kept)
    pd.testing.assert_frame_equal(summarise_points(runs.iloc[::-1]), found)
    assert list(found["night"]) == ["2026-11-23", "2026-11-24"]


def test_no_runs_give_no_points_with_all_columns():
    found = points()
    assert found.empty
    assert set(KEY) < set(COLUMNS) & set(found)
    assert TPS in found


def test_a_null_in_the_key_is_a_key_like_any_other():
    row = only(a_trial("t", [tps(1.0)]))
    assert row["lock_hash"] is None or math.isnan(row["lock_hash"])


def judged(trial, *, start, passed, right=33):
    """A trial of two runs whose server the gate found so."""
    reasons = ("wrong",) if passed is False else ()
    marks = (FAILED,) if passed is False else ()
    found = a_trial(trial, [tps(100.0, 0, marks=marks), tps(110.0, 1, marks=marks)], job=a_job(start=start))
    return replace(found, quality=a_quality(passed=passed, right=right, reasons=reasons))


def test_one_start_that_answers_wrong_fails_the_point_and_its_runs_stay():
    good, bad = judged("a", start=0, passed=True), judged("b", start=1, passed=False, right=0)
    row = only(good, bad)
    assert (row["failed_quality"], row["quality_passed"], row["quality_score"]) == (True, False, 0.0)
    assert (row["starts"], row["repeats"], row["quality_reasons"]) == (2, 4, ["wrong"])
    assert eligible(points(good, bad)).empty


def test_a_point_passes_only_if_every_start_was_judged():
    good, unjudged = judged("a", start=0, passed=True), judged("b", start=1, passed=None)
    assert only(good)["quality_passed"] is True
    row = only(good, unjudged)
    assert (row["failed_quality"], row["quality_passed"]) == (False, None)
    assert len(eligible(points(good, unjudged))) == 1


def test_a_point_from_before_there_was_a_gate_has_no_score_and_is_eligible():
    found = points(a_trial("t", [tps(100.0)]))
    row = found.to_dict("records")[0]
    assert (row["failed_quality"], row["quality_passed"], row["quality_score"]) == (False, None, None)
    assert len(eligible(found)) == 1
