"""`enginebench peak` and `enginebench reliability`, whole: from a store to what is printed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from enginebench.cli import main
from stored import a_job, a_run, a_store, a_trial

TPS = "output_tps_per_accelerator"


def a_night(day, value, *, version, failure=None):
    repeats = [a_run(index, day=day, **{TPS: value * (0.99 + index / 100)}) for index in range(3)]
    job = a_job(version=version)
    return a_trial(f"t{day}", () if failure else repeats, night=f"2026-11-{day}", job=job, failure=failure)


@pytest.fixture
def store(tmp_path):
    found = a_store(
        tmp_path,
        a_night(20, 100.0, version="1.0"),
        a_night(21, 100.0, version="1.1", failure="the server ended"),
        a_night(22, 140.0, version="1.2"),
        a_night(25, 130.0, version="1.3"),
    )
    return str(found.local)


def words(capsys):
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_peak_tells_the_way_the_steps_and_the_leader(store, capsys):
    assert main(["peak", "--store", store]) == 0
    out = words(capsys)
    assert "tiny, bf16, made-up weights, 1 × Test GPU, short: Output throughput" in out
    assert "0 d, 1 v 2 d, 2 v 2 d, 2 v 2 d vllm 1.2, c8, 2026-11-22 1 night, 1 new version" in out
    assert "vllm 2026-11-22 140 [136.6, 143.5] +40.0% yes vllm 1.2, c8, here" in out
    assert "2026-11-20 to 2026-11-25 (3) vllm alone" in out


def test_peak_of_a_metric_where_less_is_better_and_of_chosen_nights(store, capsys):
    assert main(["peak", "--store", store, "--metric", "ttft_mean_ns"]) == 0
    assert capsys.readouterr().out == f"no eligible figure of ttft_mean_ns in {store}\n"
    assert main(["peak", "--store", store, "--where", "engine_version=1.3", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["day_0_to_peak"]
    assert (row["value"], row["first_night"]) == (pytest.approx(130, rel=1e-3), "2026-11-25")


def test_peak_as_json_has_nulls_and_whole_numbers(store, capsys):
    assert main(["peak", "--store", store, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["metric"], found["day_0_to_peak"][0]["days_to_90"]) == (TPS, 2)
    assert [row["gain"] for row in found["envelope"]] == [None, pytest.approx(0.4)]
    assert [row["verdict"] for row in found["leads"]] == ["alone"] * 3


def test_reliability_tells_rates_outages_and_missing_nights(store, capsys):
    assert main(["reliability", "--store", store]) == 0
    out = words(capsys)
    # Wilson of 3 of 4.
    assert "product Test GPU 2026-11-20 to 2026-11-25 4 3 1 0 75.0% [30.1%, 95.4%] 1 × crashed" in out
    assert "2026-11-21 with 1.1 1 crashed recovered after 1 day, 2026-11-22, with 1.2" in out
    assert "1 outage, 0 of them open; of those that ended, half within 1 day, the longest after 1." in out
    assert "missing: scripted on Test GPU of grid test, 2 times between 2026-11-22 and 2026-11-25" in out


def test_an_open_outage_is_told_as_open(tmp_path, capsys):
    store = a_store(tmp_path, a_night(20, 1.0, version="1.0"), a_night(21, 1.0, version="1.1", failure="it ended"))
    assert main(["reliability", "--store", str(store.local)]) == 0
    out = words(capsys)
    assert "crashed still failing" in out
    assert "1 outage, 1 of them open." in out


def test_reliability_of_chosen_trials_as_json(store, capsys):
    assert main(["reliability", "--store", store, "--where", "engine=scripted", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["by_engine"]
    assert (row["trials"], row["rate"], row["classes"]) == (4, 0.75, {"crashed": 1})
    assert [(row["state"], row["days"]) for row in found["outages"]] == [("recovered", 1)]
    assert [row["missed"] for row in found["missing_nights"]] == [2]
    assert main(["reliability", "--store", store, "--where", "host=elsewhere", "--json"]) == 0
    assert not any(json.loads(capsys.readouterr().out).values())


def test_an_outage_given_up_is_told_so(tmp_path, capsys):
    failed, other = a_night(20, 1.0, version="1.0", failure="it ended"), a_night(22, 1.0, version="1.0")
    job = other.attempt.job
    job = replace(job, deployment=replace(job.deployment, engine="other"))
    store = a_store(tmp_path, failed, replace(other, attempt=replace(other.attempt, job=job)))
    assert main(["reliability", "--store", str(store.local)]) == 0
    assert "not tried again since 2026-11-20" in words(capsys)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["peak", "--metric", "speed"], "--metric speed: no such metric; see `enginebench metrics`"),
        (["peak", "--where", "engine"], "--where engine: no `=` in it; write KEY=VALUE"),
        (["peak", "--where", "colour=red"], "filter `colour`: no such filter; known: night"),
        (["reliability", "--where", "workload=a"], "filter `workload`: no filter of trials; known: grid, engine"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, asked, message):
    assert main([*asked, "--store", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_an_empty_store_is_told(tmp_path, capsys):
    assert main(["reliability", "--store", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no trial of these in {tmp_path}\n"
