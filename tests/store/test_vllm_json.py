"""Stored runs in the shape of vLLM's JSON: its keys and units, read back as what they were, null where nothing is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date

import pytest

from enginebench import importers
from enginebench.errors import UserError
from enginebench.records import Retention
from enginebench.store import Store, export_as, prune
from enginebench.store.vllm_json import _requests
from enginebench.tables import read_requests
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial

KEYS = [
    *("date", "endpoint_type", "backend", "label", "model_id", "tokenizer_id", "num_prompts", "request_rate"),
    *("burstiness", "max_concurrency", "duration", "completed", "failed", "total_input_tokens"),
    *("total_output_tokens", "request_throughput", "request_goodput", "output_throughput", "total_token_throughput"),
    *("max_output_tokens_per_s", "max_concurrent_requests", "rtfx"),
    *(f"{word}_{name}_ms" for name in ("ttft", "tpot", "itl", "e2el") for word in ("mean", "median", "std", "p99")),
]
"""Of `vllm bench serve` 0.32's JSON (vllm/benchmarks/serve.py), in its order."""
MEASURED = {
    "ttft_mean_ns": 51_234_567.5,
    "ttft_p50_ns": 50_000_001.0,
    "ttft_p99_ns": 99_000_000.0,
    "tpot_mean_ns": 5_000_123.0,
    "itl_mean_ns": 4_999_999.0,
    "e2el_mean_ns": 127_000_000.0,
    "e2el_p99_ns": 140_000_000.0,
    "requests_rps_whole_run": 31.25,
    "goodput_rps": 0.0,
    "output_tps_per_accelerator_whole_run": 250.0,
    "total_tps_per_accelerator_whole_run": 400.0,
}


def two_devices(job):
    return replace(job, deployment=replace(job.deployment, devices=2))


def written(store, path, **filters):
    export_as("vllm_bench", store, store.runs(**filters), path)
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


@pytest.fixture
def store(tmp_path):
    """Two trials: a run of every figure on two devices, then an open loop of which hardly anything is known."""
    job = two_devices(a_job(loads=(CLOSED, OPEN)))
    first = a_trial("t", [a_run(0, **MEASURED), a_run(0, point=1, requests_rps_whole_run=0.5)], job=job)
    return a_store(tmp_path, first, a_trial("u", [a_run(3, ttft_mean_ns=1e6)], night="2026-11-25"))


def test_a_run_read_back_is_the_stored_one(store, tmp_path):
    written(store, tmp_path / "runs.json")
    closed, opened, other = importers.points("vllm_bench", tmp_path / "runs.json")
    found = {same.metric: closed.figures[name] * same.factor for name, same in closed.same_as.items()}
    assert found == pytest.approx(MEASURED, rel=1e-12)
    assert (closed.model, closed.engine, closed.concurrency, closed.rate_rps) == ("tiny", "openai", 8, None)
    assert (closed.date, closed.tool_version) == ("20261124-020000", "enginebench 0.1.0")
    # Of its two requests, each 100 tokens in and 3 out.
    assert (closed.completed_requests, closed.failed_requests) == (2, 0)
    assert (closed.input_tokens, closed.output_tokens) == (100, 3)
    assert (opened.concurrency, opened.rate_rps) == (None, 0.5)
    assert {same.metric for same in opened.same_as.values()} == {"requests_rps_whole_run"}
    assert [point.place for point in (closed, opened, other)] == [0, 1, 2]
    assert other.figures["mean_ttft_ms"] == 1.0


def test_keys_and_units_are_vllms(store, tmp_path):
    closed, opened, _ = written(store, tmp_path / "runs.json")
    assert list(closed) == list(opened) == [*KEYS, "enginebench"]
    assert closed["mean_ttft_ms"] == pytest.approx(51.2345675)
    assert closed["duration"] == 3.0
    # Of the whole deployment, which has two.
    assert (closed["output_throughput"], closed["total_token_throughput"]) == (500, 800)
    assert (closed["request_rate"], closed["burstiness"], closed["max_concurrency"]) == ("inf", None, 8)
    assert (opened["request_rate"], opened["burstiness"], opened["max_concurrency"]) == (0.5, 1.0, None)
    assert (closed["num_prompts"], closed["completed"], closed["total_output_tokens"]) == (2, 2, 6)
    assert (closed["max_concurrent_requests"], closed["max_output_tokens_per_s"]) == (2, 6)
    assert closed["std_ttft_ms"] == 0
    ours = closed["enginebench"]
    assert (ours["run"], ours["trial"], ours["night"], ours["devices"]) == ("t.0.0", "t", "2026-11-24", 2)
    assert ours["metrics"]["tpot_p99_ns"] is None
    assert ours["absent"]["tpot_p99_ns"] == "not measured"


def test_what_the_store_lacks_is_null_and_a_0_stays_0(store, tmp_path):
    closed, opened, _ = written(store, tmp_path / "runs.json")
    assert closed["request_goodput"] == 0
    # A percentile that was refused isn't made up from the requests.
    assert (closed["p99_tpot_ms"], closed["median_e2el_ms"]) == (None, None)
    assert (opened["request_goodput"], opened["output_throughput"], opened["mean_ttft_ms"]) == (None, None, None)
    zeros = {key for key, value in opened.items() if value == 0}
    # Its two requests are alike, and none failed.
    assert zeros == {"failed", *(key for key in KEYS if key.startswith("std_"))}


def test_what_is_pruned_is_null_and_stored_figures_stay(store, tmp_path):
    before, *_ = written(store, tmp_path / "runs.json")

    def lost(**days):
        prune.prune(store, Retention(**days), today=date(2027, 11, 24))
        after, *_ = written(store, tmp_path / "runs.json")
        changed = {key for key in KEYS if after[key] != before[key]}
        assert {after[key] for key in changed} == {None}
        return changed

    of_events = {"std_itl_ms", "max_output_tokens_per_s"}
    assert lost(chunk_times_days=30) == of_events
    counts = {"num_prompts", "completed", "failed", "total_input_tokens", "total_output_tokens"}
    rest = {"max_concurrent_requests", "std_ttft_ms", "std_tpot_ms", "std_e2el_ms"}
    assert lost(requests_days=30) == of_events | counts | rest
    point, *_ = importers.points("vllm_bench", tmp_path / "runs.json")
    assert point.completed_requests is None
    assert point.figures["mean_ttft_ms"] == before["mean_ttft_ms"]


@pytest.mark.parametrize(
    ("load", "rate", "burstiness"),
    [
        (replace(OPEN, arrivals="gamma", burstiness=0.25), 0.5, 0.25),
        (replace(OPEN, arrivals="constant"), 0.5, None),
    ],
)
def test_how_requests_arrived_is_told_as_far_as_its_words_go(tmp_path, load, rate, burstiness):
    (one,) = written(a_store(tmp_path, a_trial("t", [a_run()], job=a_job(loads=(load,)))), tmp_path / "a.json")
    assert (one["request_rate"], one["burstiness"], one["max_concurrency"]) == (rate, burstiness, None)


@pytest.mark.parametrize(("api", "backend"), [("completions", "openai"), ("chat", "openai-chat")])
def test_the_api_has_vllms_name_and_figures_stay_ours(tmp_path, api, backend):
    job = a_job()
    point = replace(job.points[0], workload=replace(job.points[0].workload, api=api))
    trial = a_trial("t", [a_run(ttft_mean_ns=5e7)], job=replace(job, points=(point,)))
    (one,) = written(a_store(tmp_path, trial), tmp_path / "a.json")
    assert (one["endpoint_type"], one["backend"]) == (backend, backend)
    (read,) = importers.points("vllm_bench", tmp_path / "a.json")
    assert read.same_as["mean_ttft_ms"].metric == "ttft_mean_ns"


def test_an_unknown_shape_and_a_missing_folder_are_told(store, tmp_path):
    with pytest.raises(UserError, match="--as guidellm: no shape of this name to export; known: vllm_bench"):
        export_as("guidellm", store, store.runs(), tmp_path / "a.json")
    with pytest.raises(UserError, match="no folder"):
        export_as("vllm_bench", store, store.runs(), tmp_path / "none" / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_no_runs_are_no_lines(tmp_path):
    assert written(Store(tmp_path / "none"), tmp_path / "a.json") == []


def test_the_command_writes_those_asked_for(store, tmp_path):
    words = ("export", "out.json", "--as", "vllm_bench", "--where", "trial=t", "--store", store.url)
    argv = [sys.executable, "-m", "enginebench", "results", *words]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "2 runs in out.json\n")
    assert len((tmp_path / "out.json").read_text().splitlines()) == 2


def test_a_request_comes_back_as_it_was(tmp_path):
    trial = a_trial("t", [a_run()])
    store = a_store(tmp_path, trial)
    kept = read_requests(tmp_path / "finished" / "t" / "requests.parquet")
    assert kept[0].cached_tokens is None
    wanted = tuple(replace(one, event_ns=tuple(one.event_ns), seen=tuple(one.seen)) for one in kept)
    assert _requests(store, "2026-11-24", "t") == {"t.0.0": wanted}
    # Gathered in Parquet it is the same.
    store.compact()
    assert _requests(store, "2026-11-24", "t") == {"t.0.0": wanted}
