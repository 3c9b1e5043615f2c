"""`enginebench bench URL` against a server whose timings are known: figures, files, ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest

from bench_command import bench, start
from enginebench.stopping import SPOILT
from scripted_night import until

VLLM_KEYS = (
    *("date", "backend", "endpoint_type", "label", "model_id", "tokenizer_id", "num_prompts", "request_rate"),
    *("burstiness", "max_concurrency", "duration", "completed", "failed", "total_input_tokens"),
    *("total_output_tokens", "request_throughput", "request_goodput", "output_throughput", "total_token_throughput"),
    *("max_output_tokens_per_s", "max_concurrent_requests", "rtfx"),
)
"""Of `vllm bench serve` 0.32's JSON (vllm/benchmarks/serve.py), beside its latencies."""
DETAILS = ["input_lens", "output_lens", "ttfts", "itls", "latencies", "start_times", "queue_times", "errors"]


SHORT = ("--input-len", "12", "--output-len", "6")


def test_figures_are_the_servers_and_the_json_is_as_vllms(tmp_path, scripted):
    engine = scripted(ttft_ms=40, itl_ms=5)
    words = (*SHORT, "--num-prompts", "40", "--max-concurrency", "4", "--ignore-eos", "--slo", "ttft:1000", "tpot:500")
    code, output, errors = bench(tmp_path, engine.url, *words, "--save-detailed", "--result-filename", "out.json")
    assert (code, errors) == (0, "")
    told = json.loads((tmp_path / "out.json").read_text())
    latencies = {f"{s}_{m}_ms" for s in ("mean", "median", "std", "p99") for m in ("ttft", "tpot", "itl", "e2el")}
    assert set(told) == {*VLLM_KEYS, *DETAILS, *latencies, "enginebench"}
    assert (told["completed"], told["failed"], told["total_output_tokens"]) == (40, 0, 240)
    assert (told["model_id"], told["request_rate"], told["max_concurrency"]) == ("scripted", "inf", 4)
    assert 40 <= told["median_ttft_ms"] < 80
    assert 4.5 < told["median_tpot_ms"] < 15
    assert told["p99_ttft_ms"] is None
    # Units as vLLM's: lists in s, rates over the whole duration, in 1/s.
    assert told["output_throughput"] == pytest.approx(240 / told["duration"])
    assert told["request_throughput"] == told["request_goodput"] == pytest.approx(40 / told["duration"])
    assert told["total_token_throughput"] == pytest.approx((240 + told["total_input_tokens"]) / told["duration"])
    assert sum(told["ttfts"]) / 40 == pytest.approx(told["mean_ttft_ms"] / 1000)
    assert all(len(told[name]) == 40 for name in DETAILS)
    assert told["output_lens"] == [6] * 40
    assert told["errors"] == [""] * 40
    for first, gaps, whole in zip(told["ttfts"], told["itls"], told["latencies"], strict=True):
        assert first + sum(gaps) == pytest.approx(whole)
    starts = told["start_times"]
    ends = [begin + whole for begin, whole in zip(starts, told["latencies"], strict=True)]
    assert told["duration"] == pytest.approx(max(ends) - min(starts), abs=0.1)
    # A request takes 65 ms: the four slots begin a quarter of that apart.
    assert starts[3] - starts[0] > 0.03
    assert told["max_concurrent_requests"] == 4
    assert "Successful requests:                     40\n" in output
    steady = told["enginebench"]["runs"][0]["metrics"]["output_tps_per_accelerator"]
    assert f"{'  while all slots were busy (tok/s):':<40} {steady:.2f}\n" in output
    assert "P99 TTFT (ms):                           refused: p99 needs 299 samples, here are 40\n" in output
    assert "warning: input_uncounted: no tokenizer was given" in output
    assert "unpinned_output" not in output
    ours = told["enginebench"]
    assert [run["metrics"]["success_share"] for run in ours["runs"]] == [1.0]
    rows = pd.read_parquet(tmp_path / "out.parquet")
    assert len(rows) == 40
    assert list(rows["run"].unique()) == ["run-0"]
    assert set(rows["event_ns"].map(len)) == set(rows["events"]) == {6}, "kept with --save-detailed"
    # Four warm-ups and, as only the server knows the length of text, two first requests.
    assert len(engine.record()["requests"]) == 40 + 4 + 2


def test_token_ids_are_sent_where_the_vocabulary_is_known(tmp_path, scripted):
    engine = scripted(ttft_ms=5, itl_ms=1)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"vocab_size": 500, "eos_token_id": 499}')
    words = ("--tokenizer", "model", "--num-prompts", "20", "--request-rate", "100", "--num-warmups", "0")
    code, output, _ = bench(tmp_path, engine.url, *SHORT, *words)
    assert code == 0
    assert "input_uncounted" not in output
    asked = [one["asked"]["prompt"] for one in engine.record()["requests"]]
    assert len(asked) == 21
    assert all(len(ids) == 12 and max(ids) < 499 for ids in asked)
    assert len({tuple(ids) for ids in asked}) == 21


def test_the_first_request_is_sent_within_a_second_and_nothing_heavy_is_loaded(tmp_path, scripted):
    engine = scripted(ttft_ms=5, itl_ms=1)
    loaded = []
    waited_s = []
    for _ in range(10):
        seen = len(engine.record()["requests"])
        begun_ns = time.monotonic_ns()
        words = (engine.url, *SHORT, "--num-prompts", "4")
        argv = [sys.executable, "-X", "importtime", "-m", "enginebench", "bench", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.returncode == 0
        waited_s.append((engine.record()["requests"][seen]["received_ns"] - begun_ns) / 1e9)
        loaded += [line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()]
        if waited_s[-1] < 1.0:
            break
    assert not {"pandas", "pyarrow", "torch", "transformers", "huggingface_hub", "plotly"} & set(loaded)
    # The least of several: another program's work is not ours.
    assert min(waited_s) < 1.0


def test_repeats_go_on_until_the_figure_is_known(tmp_path, scripted):
    engine = scripted(ttft_ms=20, itl_ms=5)
    words = ("--num-prompts", "12", "--max-concurrency", "2", "--until", "50%", "--result-filename", "out.json")
    code, output, errors = bench(tmp_path, engine.url, *SHORT, *words)
    assert code == 0
    ours = json.loads((tmp_path / "out.json").read_text())["enginebench"]
    # On a busy machine a run may be spoilt by its marks; five are needed that are not.
    runs = len(ours["runs"])
    assert sum(not SPOILT & set(one["marks"]) for one in ours["runs"]) == 5
    assert f"Ended after {runs} runs, " in output
    assert "within the 50 % asked for" in output
    assert errors.count("\n") == runs
    assert (ours["stop"]["why"], ours["stop"]["repeats"]) == ("known", runs)
    told = ours["intervals"]["output_tps_per_accelerator"]
    assert told["low"] <= told["centre"] <= told["high"]
    prompts = [json.dumps(one["asked"]["prompt"]) for one in engine.record()["requests"]]
    assert len(set(prompts)) == len(prompts), "no run sends what another sent"


def test_a_spent_budget_says_so(tmp_path, scripted):
    engine = scripted(ttft_ms=20, itl_ms=5)
    words = ("--num-prompts", "12", "--max-concurrency", "2", "--until", "0.0001%", "--max-seconds", "0.1")
    code, output, _ = bench(tmp_path, engine.url, *SHORT, *words)
    assert code == 0
    assert "Ended after 1 runs, 0 s: the budget is spent; half the 95 % interval is not known." in output


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_no_server_a_wrong_url_and_an_unknown_model_are_one_sentence_each(tmp_path, scripted):
    url = f"http://127.0.0.1:{free_port()}"
    assert bench(tmp_path, url) == (
        2,
        "",
        f"{url}: no server answers there (Connection refused); start it, or check host and port\n",
    )
    engine = scripted()
    code, output, errors = bench(tmp_path, engine.url, "--model", "other")
    assert (code, output) == (2, "")
    assert errors == f"--model other: the server at {engine.url} has no such model; it serves scripted\n"
    code, _, errors = bench(tmp_path, f"{engine.url}/v1/completions")
    assert (code, errors.count("\n")) == (2, 1)
    assert "is no base URL of a server" in errors
    assert engine.record()["requests"] == []


def test_what_speaks_no_http_is_one_sentence(tmp_path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        url = f"http://127.0.0.1:{one.getsockname()[1]}"
        process = start(tmp_path, url)
        with one.accept()[0] as connection:
            connection.sendall(b"220 mail ready\r\n")
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors == f"{url}: what answers there speaks no HTTP (220 mail ready); check host and port\n"


def test_a_first_request_that_fails_ends_it_with_1(tmp_path, scripted):
    engine = scripted(http_error_at=[0])
    code, output, errors = bench(tmp_path, engine.url)
    assert (code, output) == (1, "")
    assert errors.startswith(f"{engine.url}: the first request ended as http_error: HTTP 500: ")
    assert errors.count("\n") == 1
    assert len(engine.record()["requests"]) == 1


def test_nothing_but_failures_ends_with_1_and_keeps_them(tmp_path, scripted):
    engine = scripted(ttft_ms=1, itl_ms=1, http_error_at=list(range(2, 50)))
    words = ("--num-prompts", "10", "--max-concurrency", "2", "--num-warmups", "0", "--result-filename", "out.json")
    code, output, errors = bench(tmp_path, engine.url, *SHORT, *words)
    assert code == 1
    assert errors.startswith(f"{engine.url}: none of 10 requests ended well; 10 ended as http_error: HTTP 500")
    assert errors.count("\n") == 1
    assert "Serving Benchmark Result" not in output
    told = json.loads((tmp_path / "out.json").read_text())
    assert (told["completed"], told["failed"], told["mean_ttft_ms"]) == (0, 10, None)
    rows = pd.read_parquet(tmp_path / "out.parquet")
    assert len(rows) == 10
    assert rows["event_ns"].isna().all(), "without --save-detailed the times of events are not kept"


def test_ctrl_c_ends_with_3_and_keeps_the_finished_runs(tmp_path, scripted):
    engine = scripted(ttft_ms=20, itl_ms=5)
    words = ("--num-prompts", "20", "--max-concurrency", "2", "--num-warmups", "0", "--result-filename", "out.json")
    process = start(tmp_path, engine.url, *SHORT, *words, "--until", "0.001%")
    until(lambda: len(engine.record()["requests"]) > 2 + 20 + 5, "the second run")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert errors.endswith("interrupted; 1 finished runs are kept\n")
    assert "Successful requests:                     20\n" in output
    told = json.loads((tmp_path / "out.json").read_text())
    assert (told["completed"], told["enginebench"]["interrupted"]) == (20, True)


def test_a_terminal_sees_the_requests_pass_and_a_log_does_not(tmp_path, scripted):
    engine = scripted(ttft_ms=20, itl_ms=5)
    words = (*SHORT, "--num-prompts", "60", "--max-concurrency", "2", "--num-warmups", "1")
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "enginebench", "bench", engine.url, *words]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=theirs, cwd=tmp_path) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        assert process.wait(60) == 0
    os.close(ours)
    assert b"warming up with 1 requests" in seen
    assert b" of 60 requests, " in seen
    assert bench(tmp_path, engine.url, *words)[2] == ""
