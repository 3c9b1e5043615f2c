"""Pieces of the pages over nights: each figure is what `analysis` says of the same store, 0 is 0, and nothing is null
that is known."""

from __future__ import annotations

from collections import Counter

import pytest

from enginebench.analysis.peak import best_by_night as best_of
from enginebench.analysis.peak import day_0_to_peak, envelope, leads, reigns
from enginebench.analysis.points import summarise_points
from enginebench.analysis.reliability import TRIAL, missing_nights, outages, success, trials
from enginebench.intervals import wilson
from enginebench.metrics import METRICS
from enginebench.site import build
from enginebench.site.chunks import slug
from made_history import GAP, HOSTILE, SPEED, TPS, TTFT, history
from sites import piece, rows
from stored import a_store

KEY = slug("tiny")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("pages") / "site").parent


@pytest.mark.parametrize("metric", [TPS, TTFT])
def test_the_way_to_the_peak_is_that_of_the_analysis(store, site, metric):
    best = best_of(summarise_points(store.runs(), [metric]), metric)
    expected = {
        "best": best,
        "peaks": day_0_to_peak(best, metric),
        "steps": envelope(best, metric),
        "reigns": reigns(leads(best, metric)),
    }
    found, scale = piece(site, f"peak/{metric}/{KEY}"), METRICS[metric].scale
    for name, frame in expected.items():
        shown = rows(found[name])
        assert len(shown) == len(frame) > 0
        for row, wanted in zip(shown, frame.to_dict("records"), strict=True):
            assert row["tool"] == ""
            for column in set(row) & set(wanted):
                scaled = column in ("value", "low", "high", "first") and wanted[column] is not None
                assert row[column] == (pytest.approx(wanted[column] * scale, rel=1e-5) if scaled else wanted[column])
    assert set(piece(site, "peak")) == {TPS, TTFT, SPEED}


def test_rates_outages_and_gaps_are_those_of_the_analysis(store, site):
    tried = trials(store.runs((*TRIAL, "marks")), store.failures())
    found = piece(site, "reliability")
    assert (found["trials"], found["reproductions"]) == (len(tried), 1)
    for by in ("product", "engine", "host", "month"):
        assert found["by"][by] == success(tried, [by]).to_dict("records")
    assert found["outages"] == outages(tried).to_dict("records")
    assert found["missing"] == missing_nights(tried).to_dict("records")
    assert {row["missed"] for row in found["missing"]} == {len(GAP)}
    assert [(row["failure_class"], row["trials"]) for row in found["classes"]] == [("crashed", 3)]


def test_what_another_tool_tells_of_its_jobs_has_wilsons_interval_and_none_without_a_job(site):
    told = {row["product"]: row for row in piece(site, "reliability")["told"]["product"]}
    low, high = wilson(36, 40)
    assert (told["h100"]["complete"], told["h100"]["jobs"], told["h100"]["rate"]) == (36, 40, 0.9)
    assert (told["h100"]["low"], told["h100"]["high"]) == (low, high)
    assert (told["mi300x"]["jobs"], told["mi300x"]["rate"], told["mi300x"]["low"]) == (0, None, None)
    assert {row["month"] for row in piece(site, "reliability")["told"]["month"]} == {"2026-10", "2026-11"}


def test_every_server_that_was_asked_is_there_with_its_verdict_and_scores(store, site):
    asked = {one.trial: one.quality for one in store.results() if one.quality is not None}
    found = {row["trial"]: row for row in rows(piece(site, f"quality/{KEY}"))}
    assert set(found) == set(asked)
    for trial, row in found.items():
        every = asked[trial].checks[0].scores[0]
        assert (row["passed"], row["reasons"]) == (asked[trial].passed, list(asked[trial].reasons))
        (check,) = row["checks"]
        assert (check["asked"], check["right"], check["low"], check["high"]) == (
            every.asked, every.right, every.low, every.high,
        )  # fmt: skip
        assert row["lm_eval"][0]["value"] == asked[trial].lm_eval[0].value
    wrong = found["sglang-12"]
    assert (wrong["checks"][0]["right"], wrong["lm_eval"][0]["value"]) == (0, 0)
    (model,) = piece(site, "quality")["models"]
    verdicts = Counter(one.passed for one in asked.values())
    assert (model["passed"], model["failed"], model["unjudged"]) == (verdicts[True], 1, 0)
    assert model["unasked"] == 3


def test_an_evaluation_of_another_tool_that_is_0_is_0(site):
    scores = rows(piece(site, "evaluations"))
    assert [one["value"] for one in scores] == [0, 0.96, 0.97]
    assert [(one["low"], one["high"]) for one in scores] == [
        tuple(pytest.approx(end, rel=1e-5) for end in wilson(right, 100)) for right in (0, 96, 97)
    ]


def test_nights_hold_every_trial_its_runs_its_time_and_why_it_failed(store, site):
    stints = piece(site, "nights")["stints"]
    results = list(store.results())
    assert sum(sum(one["trials"].values()) for one in stints) == len(results)
    assert sum(one["runs"] for one in stints) == sum(len(one.runs) for one in results)
    assert sum(one["device_s"] for one in stints) == pytest.approx(77 * len(results))
    assert sum(one["unmeasured"] for one in stints) == 3 * 4
    night = {row["trial"]: row for row in piece(site, "nights/2026-11-08")}
    assert night["sglang-08"]["failure"] == ["crashed", HOSTILE]
    assert (night["sglang-08"]["runs"], night["sglang-08"]["asked"]) == (2, 6)
    assert night["vllm-08"]["stops"] == ["short c8: known well enough after 3 runs"]
    (invalid,) = [row["invalid"] for row in piece(site, "nights/2026-11-03") if row["invalid"]]
    assert "a neighbour ran" in invalid
    (calibration,) = piece(site, "nights")["calibrations"]
    assert calibration["exact"] == [True, False]


def test_an_empty_store_has_every_piece_and_nothing_in_it(tmp_path):
    site = build(a_store(tmp_path), tmp_path / "site").parent
    assert piece(site, "peak") == {}
    assert piece(site, "nights") == {"stints": [], "calibrations": []}
    assert piece(site, "quality") == {"models": [], "evaluations": 0}
    assert piece(site, "reliability")["trials"] == 0
