"""The real vLLM serving a real model on this machine's CPU: one small night, end to end, and one that cannot start."""

from __future__ import annotations

import sys

import pytest

from real_night import engines_left, night

pytestmark = pytest.mark.engine

GRID = """
description: two endpoints, one server start
models: [smollm2-135m-instruct]
engines: [vllm]
workloads: [synthetic-128-64, chat-128-64]
precisions: [bf16]
loads: {concurrency: [2]}
requests: {per_slot: 3, at_least: 6}
repeats: 2
"""


@pytest.mark.skipif(sys.platform != "linux", reason="vLLM's CPU build is for Linux")
def test_a_real_night_on_vllm(tmp_path):
    done, store = night(tmp_path, GRID)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = store.results()
    assert (result.status, result.engine.reported_version) == ("complete", "0.32.0")
    assert len(result.engine.installed) > 100
    assert result.engine.lock_hash
    assert result.engine.model_hash == "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"
    requests = store.requests(result.trial)
    assert (requests["status"] == "ok").all()
    assert (requests["output_tokens"] == 64).all(), "output length is pinned"
    assert (requests["usage_input_tokens"] == 128).all(), "ids for completions, template included for chat"
    assert (requests["cached_tokens"].fillna(0) == 0).all()
    runs = store.runs()
    assert len(runs) == 4
    for row in runs.to_dict("records"):
        assert row["ttft_mean_ns"] + 63 * row["tpot_mean_ns"] == pytest.approx(row["e2el_mean_ns"], rel=1e-6)
        busy = row["output_tps_per_accelerator_whole_run"] * row["e2el_mean_ns"] / 1e9 / 64
        assert 1.4 < busy <= 2.01, "Little's law: two in flight, but for a spread start and the drain"
        assert 0.1 < row["server_cores"] <= result.environment.cores + 0.1
        assert row["client_cores"] < 0.3
        assert row["running_requests_max"] == 2
        assert row["waiting_requests_max"] >= 0
        assert 0 < row["kv_cache_max_share"] < 0.1
        assert row["preempted_requests"] == 0
    assert engines_left(result.engine.model_path) == []
    again, _ = night(tmp_path, GRID)
    assert "0 runs due" in again.stdout


def test_a_real_refusal_of_a_flag_is_a_bad_argument(tmp_path):
    done, store = night(tmp_path, GRID + "arguments: {vllm: {no-such-flag: 1}}\n")
    assert done.returncode == 1
    (result,) = store.results()
    assert (result.status, result.stage, result.failure.failure_class) == ("failed", "start", "bad_argument")
    assert "--no-such-flag" in result.failure.message
