"""The dashboard's data: the store's figures in the units people read, each converted once, nulls as nulls."""

from __future__ import annotations

import json
import math

import pytest

from enginebench.metrics import METRICS
from enginebench.site.data import collect
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial

TPS = "output_tps_per_accelerator"


def only_point(store):
    (point,) = collect(store)["points"]
    return point


def test_an_empty_store_has_definitions_and_nothing_else(tmp_path):
    data = collect(a_store(tmp_path))
    assert (data["newest_utc"], data["points"], data["trials"]) == (None, [], [])
    assert set(data["metrics"]) == set(METRICS)


def test_times_are_in_ms_where_people_read_them_and_the_unit_says_so(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0, ttft_mean_ns=37_500_000.0, success_share=0.5)]))
    data = collect(store)
    (point,), (trial,) = data["points"], data["trials"]
    assert data["metrics"]["ttft_mean_ns"]["unit"] == "ms"
    assert point["values"]["ttft_mean_ns"] == [37.5, None, None, 1]
    assert trial["runs"][0]["metrics"]["ttft_mean_ns"] == 37.5
    assert data["metrics"]["success_share"]["unit"] == "%"
    assert point["values"]["success_share"][0] == trial["runs"][0]["metrics"]["success_share"] == 50
    assert trial["runs"][0]["duration_s"] == 3
    assert trial["stage_s"] == {"start": 17, "measure": 60}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_scaled_by_its_own_factor(tmp_path, name):
    point = only_point(a_store(tmp_path, a_trial("t", [a_run(0, **{name: 8.0})])))
    assert point["values"][name][0] == pytest.approx(8 * METRICS[name].scale)
    assert all(value[0] is None for other, value in point["values"].items() if other != name)


def test_0_stays_0_and_null_stays_null(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0, goodput_rps=0.0), a_run(1, goodput_rps=0.0)]))
    point, (trial,) = only_point(store), collect(store)["trials"]
    assert point["values"]["goodput_rps"] == [0, 0, 0, 2]
    assert point["values"]["ttft_p99_ns"] == [None, None, None, 0]
    assert trial["runs"][0]["metrics"]["goodput_rps"] == 0
    assert trial["runs"][0]["metrics"]["ttft_p99_ns"] is None
    assert trial["runs"][0]["absent"]["ttft_p99_ns"] == "not measured"


def test_an_interval_is_scaled_with_its_centre(tmp_path):
    repeats = [a_run(index, ttft_mean_ns=value * 1e6) for index, value in enumerate((90.0, 100.0, 110.0))]
    centre, low, high, n = only_point(a_store(tmp_path, a_trial("t", repeats)))["values"]["ttft_mean_ns"]
    assert low < centre < high
    assert centre == pytest.approx((90 * 100 * 110) ** (1 / 3), rel=1e-5)
    assert n == 3


def test_closed_and_open_loops_each_have_their_load_and_null_for_the_other(tmp_path):
    job = a_job(loads=(CLOSED, OPEN))
    store = a_store(tmp_path, a_trial("t", [a_run(0, **{TPS: 1.0}), a_run(0, point=1, **{TPS: 2.0})], job=job))
    closed, opened = sorted(collect(store)["points"], key=lambda point: point["load"])
    assert (closed["load"], closed["concurrency"], closed["rate_rps"]) == ("c8", 8, None)
    assert (opened["load"], opened["concurrency"], opened["rate_rps"]) == ("r0.5", None, 0.5)


def test_a_failed_trial_is_there_with_its_reason(tmp_path):
    store = a_store(tmp_path, a_trial("bad", failure="the server ended"), a_trial("good", [a_run(0)]))
    data = collect(store)
    bad = next(trial for trial in data["trials"] if trial["trial"] == "bad")
    assert (bad["status"], bad["stage"], bad["runs"]) == ("failed", "measure", [])
    assert bad["failure"] == {"failure_class": "crashed", "message": "the server ended", "log_tail": "last words"}
    assert [point["trials"] for point in data["points"]] == [["good"]]
    assert data["newest_utc"] == "2026-11-24T02:00:00+00:00"


def test_the_servers_command_can_be_pasted_into_a_shell(tmp_path):
    store = a_store(tmp_path, a_trial("t", environment={"OPTIONS": "a b"}))
    (trial,) = collect(store)["trials"]
    assert trial["server_command"] == "OPTIONS='a b' engine serve 'two words'"


def test_a_spoilt_run_is_told_on_its_point_and_on_its_trial(tmp_path):
    store = a_store(tmp_path, a_trial("t", [a_run(0), a_run(1, marks=("neighbour",))]))
    point, (trial,) = only_point(store), collect(store)["trials"]
    assert (point["repeats"], point["left_out"], point["marked"]) == (1, 1, False)
    assert [run["marks"] for run in trial["runs"]] == [[], ["neighbour"]]


def test_the_data_are_plain_json(tmp_path):
    job = a_job(loads=(CLOSED, OPEN))
    store = a_store(tmp_path, a_trial("t", [a_run(0), a_run(0, point=1, marks=("stolen",))], job=job))
    data = collect(store)
    assert json.loads(json.dumps(data, allow_nan=False)) == data

    def numbers(value):
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                yield from numbers(item)
        elif isinstance(value, float):
            yield value

    assert all(math.isfinite(number) for number in numbers(data))
