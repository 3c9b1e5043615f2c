"""The real llama.cpp serving a real model on this machine's CPU, through the night that vLLM goes through."""

from __future__ import annotations

import sys

import psutil
import pytest

from real_night import night

pytestmark = pytest.mark.engine

GRID = """
description: two endpoints, one server start
models: [smollm2-135m-instruct]
engines: [llama-cpp]
workloads: [synthetic-128-64, chat-128-64]
precisions: [bf16]
loads: {concurrency: [2]}
requests: {per_slot: 3, at_least: 6}
repeats: 2
"""


@pytest.mark.skipif(sys.platform != "linux", reason="its pins are those of Linux")
def test_a_real_night_on_llama_cpp(tmp_path):
    done, store = night(tmp_path, GRID)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = store.results()
    assert result.status == "complete"
    assert "xllamacpp==2026.10.11549" in result.engine.installed
    assert result.engine.model_hash == "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"
    requests = store.requests(result.trial)
    assert (requests["status"] == "ok").all()
    assert (requests["output_tokens"] == 64).all(), "output length is pinned"
    assert (requests["usage_input_tokens"] == 128).all(), "ids for completions, template included for chat"
    assert (requests["cached_tokens"] == 0).all()
    runs = store.runs()
    assert len(runs) == 4
    for row in runs.to_dict("records"):
        assert set(row["marks"]) <= {"neighbour", "stolen", "client_late", "client_bound"}, "comparable by construction"
        busy = row["output_tps_per_accelerator_whole_run"] * row["e2el_mean_ns"] / 1e9 / 64
        assert 1.4 < busy <= 2.01, "Little's law: two in flight, but for a spread start and the drain"
        assert row["running_requests_max"] == 2
        assert row["prefix_hit_share"] == 0
    reasons = {run.absent["kv_cache_max_share"] for run in result.runs}
    assert reasons == {"the engine does not tell kv_cache_share"}
    lines = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if "xllamacpp.Server" in line and result.engine.model_path in line]


def test_an_option_that_there_is_not_is_a_bad_argument(tmp_path):
    done, store = night(tmp_path, GRID + "arguments: {llama-cpp: {no_such_option: 1}}\n")
    assert done.returncode == 1
    (result,) = store.results()
    assert (result.status, result.stage, result.failure.failure_class) == ("failed", "start", "bad_argument")
    assert "no_such_option" in result.failure.message
