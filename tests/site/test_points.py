"""The dashboard's points and trials: figures in the units people read, each converted once, nulls as nulls."""

from __future__ import annotations

import pytest

from enginebench.metrics import METRICS
from enginebench.site import build
from sites import piece, points, rows, trials
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial

TPS = "output_tps_per_accelerator"


@pytest.fixture
def built(tmp_path):
    """Builds the dashboard of a store of these trials; gives its folder."""
    return lambda *results: build(a_store(tmp_path / "store", *results), tmp_path / "site").parent


def only_point(site):
    (point,) = points(site)
    return point


def test_times_are_in_ms_where_people_read_them_and_the_unit_says_so(built):
    site = built(a_trial("t", [a_run(0, ttft_mean_ns=37_500_000.0, success_share=0.5)]))
    metrics, point, trial = piece(site, "index")["metrics"], only_point(site), trials(site)["t"]
    assert metrics["ttft_mean_ns"]["unit"] == "ms"
    assert point["values"]["ttft_mean_ns"] == [37.5, None, None, 1]
    assert trial["runs"][0]["metrics"]["ttft_mean_ns"] == 37.5
    assert metrics["success_share"]["unit"] == "%"
    assert point["values"]["success_share"][0] == trial["runs"][0]["metrics"]["success_share"] == 50
    assert trial["runs"][0]["duration_s"] == 3
    assert trial["stage_s"] == {"start": 17, "measure": 60}


def test_every_metric_is_scaled_by_its_own_factor_and_those_of_no_point_are_left_out(built):
    site = built(a_trial("t", [a_run(0, **dict.fromkeys(METRICS, 8.0))]))
    assert {name: four[0] for name, four in only_point(site)["values"].items()} == {
        name: pytest.approx(8 * metric.scale, rel=1e-5) for name, metric in METRICS.items()
    }


def test_a_metric_of_no_point_is_in_no_piece(built):
    assert set(only_point(built(a_trial("t", [a_run(0, **{TPS: 1.0})])))["values"]) == {TPS}


def test_0_stays_0_and_null_stays_null(built):
    runs = [a_run(0, goodput_rps=0.0), a_run(1, goodput_rps=0.0), a_run(0, point=1, ttft_mean_ns=1e6)]
    site = built(a_trial("t", runs, job=a_job(loads=(CLOSED, OPEN))))
    first, second = sorted(points(site), key=lambda point: point["load"])
    assert first["values"]["goodput_rps"] == [0, 0, 0, 2]
    assert first["values"]["ttft_mean_ns"] == [None, None, None, 0]
    assert second["values"]["goodput_rps"] == [None, None, None, 0]
    run = trials(site)["t"]["runs"][0]
    assert run["metrics"]["goodput_rps"] == 0
    assert "ttft_p99_ns" not in run["metrics"]
    assert run["absent"]["ttft_p99_ns"] == "not measured"


def test_an_interval_is_scaled_with_its_centre(built):
    repeats = [a_run(index, ttft_mean_ns=value * 1e6) for index, value in enumerate((90.0, 100.0, 110.0))]
    centre, low, high, n = only_point(built(a_trial("t", repeats)))["values"]["ttft_mean_ns"]
    assert low < centre < high
    assert centre == pytest.approx((90 * 100 * 110) ** (1 / 3), rel=1e-5)
    assert n == 3


def test_closed_and_open_loops_each_have_their_load_and_null_for_the_other(built):
    job = a_job(loads=(CLOSED, OPEN))
    site = built(a_trial("t", [a_run(0, **{TPS: 1.0}), a_run(0, point=1, **{TPS: 2.0})], job=job))
    closed, opened = sorted(points(site), key=lambda point: point["load"])
    assert (closed["load"], closed["concurrency"], closed["rate_rps"]) == ("c8", 8, None)
    assert (opened["load"], opened["concurrency"], opened["rate_rps"]) == ("r0.5", None, 0.5)


def test_a_failed_trial_is_there_with_its_reason(built):
    site = built(a_trial("bad", failure="the server ended"), a_trial("good", [a_run(0)]))
    bad = trials(site)["bad"]
    assert (bad["status"], bad["stage"], bad["runs"]) == ("failed", "measure", [])
    assert bad["failure"] == {"failure_class": "crashed", "message": "the server ended", "log_tail": "last words"}
    assert [point["trials"] for point in points(site)] == [["good"]]
    index = piece(site, "index")
    assert index["newest_utc"] == "2026-11-24T02:00:00+00:00"
    (night,) = index["nights"]
    assert (night["trials"], [one["trial"] for one in night["failed"]]) == (2, ["bad"])


def test_the_servers_command_can_be_pasted_into_a_shell(built):
    trial = trials(built(a_trial("t", environment={"OPTIONS": "a b"})))["t"]
    assert trial["server_command"] == "OPTIONS='a b' engine serve 'two words'"


def test_a_spoilt_run_is_told_on_its_point_and_on_its_trial(built):
    site = built(a_trial("t", [a_run(0), a_run(1, marks=("neighbour",))]))
    point = only_point(site)
    assert (point["repeats"], point["left_out"], point["marked"]) == (1, 1, False)
    assert [run["marks"] for run in trials(site)["t"]["runs"]] == [[], ["neighbour"]]


def test_what_stands_now_is_the_newest_version_alone_and_names_what_it_has_not_measured(built):
    old = a_trial("old", [a_run(0, **{TPS: 1.0}), a_run(0, point=1, **{TPS: 2.0})], job=a_job(loads=(CLOSED, OPEN)))
    new = a_trial("new", [a_run(0, day=25, **{TPS: 3.0})], job=a_job(version="2.0"), night="2026-11-25")
    site = built(old, new)
    (model,) = piece(site, "index")["models"]
    now = {row["load"]: row for row in rows(piece(site, f"now/{model['key']}"))}
    assert now["c8"]["values"][TPS][0] == 3
    assert now["c8"]["trials"] == ["new"]
    assert [one["month"] for one in model["months"]] == ["2026-11"]
    assert (model["points"], model["now"]) == (3, len(now))
