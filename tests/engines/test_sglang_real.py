"""The real SGLang serving a real model on this machine's CPU, beside vLLM: one small night, end to end."""

from __future__ import annotations

import sys

import pytest

from real_night import engines_left, night

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="SGLang's CPU engine is for Linux"),
]

GRID = """
description: two engines on the same point, each started twice
models: [smollm2-135m-instruct]
engines: [vllm, sglang]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {concurrency: [2]}
requests: {per_slot: 2, at_least: 4}
repeats: 1
starts: 2
context_tokens: 512
"""


def test_a_real_night_on_sglang_beside_vllm(tmp_path):
    done, store = night(tmp_path, GRID)
    assert done.returncode == 0, done.stdout + done.stderr
    results = sorted(store.results(), key=lambda result: result.started_utc)
    order = [(result.attempt.job.deployment.engine, result.attempt.job.start) for result in results]
    assert order == [("vllm", 0), ("sglang", 0), ("sglang", 1), ("vllm", 1)], "A B B A"
    for result in results[1:3]:
        assert (result.status, result.engine.reported_version) == ("complete", "0.5.21")
        assert any(note.startswith("CPU reference kernels: ") for note in result.engine.notes)
        assert "sglang-cpu-stand-ins==1" in result.engine.installed
        assert not {pin for pin in result.engine.installed if pin.startswith(("sglang-kernel=", "sgl-kernel="))}
        assert engines_left(result.engine.model_path) == []
    assert not any("reference" in note for note in results[0].engine.notes)
    assert len({result.engine.lock_hash for result in results}) == 2, "an environment each"
    assert len({result.engine.model_hash for result in results}) == 1, "the same weights"
    for result in results:
        requests = store.requests(result.trial)
        assert (requests["status"] == "ok").all()
        assert (requests["output_tokens"] == 64).all(), "output length is pinned"
        assert (requests["usage_input_tokens"] == 128).all(), "the ids that were sent"
        assert (requests["cached_tokens"].fillna(0) == 0).all(), "no prefix cache"
    runs = store.runs()
    assert runs.groupby("engine")["start"].agg(list).to_dict() == {"sglang": [0, 1], "vllm": [0, 1]}
    for row in runs.to_dict("records"):
        busy = row["output_tps_per_accelerator_whole_run"] * row["e2el_mean_ns"] / 1e9 / 64
        assert 1.4 < busy <= 2.01, "Little's law: two in flight, but for a spread start and the drain"
    again, _ = night(tmp_path, GRID)
    assert "0 runs due" in again.stdout


def test_a_real_refusal_of_a_flag_is_a_bad_argument(tmp_path):
    done, store = night(tmp_path, GRID.replace("vllm, ", "") + "arguments: {sglang: {no-such-flag: 1}}\n")
    assert done.returncode == 1
    first, *_ = store.results()
    assert (first.status, first.stage, first.failure.failure_class) == ("failed", "start", "bad_argument")
    assert "--no-such-flag" in first.failure.message
