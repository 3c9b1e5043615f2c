"""The real llama.cpp serving a real model on this machine's CPU, through the night that vLLM and SGLang go through."""

from __future__ import annotations

import sys

import pytest

from real_night import NIGHT_S, assert_asked_as_pinned, assert_refused

pytestmark = [
    pytest.mark.engine,
    pytest.mark.alone,
    pytest.mark.timeout(2 * NIGHT_S),
    pytest.mark.skipif(sys.platform != "linux", reason="its pins are those of Linux"),
]


def test_a_real_night_on_llama_cpp(measured):
    assert measured.done.returncode == 0, measured.done.stdout + measured.done.stderr
    assert_asked_as_pinned(measured, "llama-cpp")
    for result in measured.results("llama-cpp"):
        assert result.status == "complete"
        assert "xllamacpp==2026.10.11549" in result.engine.installed
        assert result.engine.model_hash == "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"
        reasons = {run.absent["kv_cache_max_share"] for run in result.runs}
        assert reasons == {"the engine does not tell kv_cache_share"}
        cached = measured.store.requests(result.trial)["cached_tokens"]
        assert (cached == 0).all(), "it says so of every request"
    for row in measured.runs("llama-cpp").to_dict("records"):
        assert set(row["marks"]) <= {"neighbour", "stolen", "client_late", "client_bound"}, "comparable by construction"
        assert row["running_requests_max"] == 2
        assert row["prefix_hit_share"] == 0


def test_an_option_that_there_is_not_is_a_bad_argument(refused):
    assert_refused(refused, "llama-cpp", "no_such_option")
