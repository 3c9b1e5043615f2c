"""The real vLLM serving a real model on this machine's CPU: one small night, end to end, and one that cannot start."""

from __future__ import annotations

import sys

import pytest

from real_night import NIGHT_S, assert_asked_as_pinned, assert_refused

pytestmark = [
    pytest.mark.engine,
    pytest.mark.alone,
    pytest.mark.timeout(2 * NIGHT_S),
    pytest.mark.skipif(sys.platform != "linux", reason="vLLM's CPU build is for Linux"),
]


def test_a_real_night_on_vllm(measured):
    assert measured.done.returncode == 0, measured.done.stdout + measured.done.stderr
    assert_asked_as_pinned(measured, "vllm")
    for result in measured.results("vllm"):
        assert (result.status, result.engine.reported_version) == ("complete", "0.32.0")
        assert len(result.engine.installed) > 100
        assert result.engine.lock_hash
        assert result.engine.model_hash == "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"
    for row in measured.runs("vllm").to_dict("records"):
        assert row["ttft_mean_ns"] + 63 * row["tpot_mean_ns"] == pytest.approx(row["e2el_mean_ns"], rel=1e-6)
        assert 0.1 < row["server_cores"] <= result.environment.cores + 0.1
        assert row["client_cores"] < 0.3
        assert row["running_requests_max"] == 2
        assert row["waiting_requests_max"] >= 0
        assert 0 < row["kv_cache_max_share"] < 0.1
        assert row["preempted_requests"] == 0


def test_the_undamaged_model_passes_the_quality_gate(measured):
    for result in measured.results("vllm"):
        quality = result.quality
        assert quality.passed is True, quality.reasons
        assert [one.concurrency for one in quality.checks] == [1, 2]
        for check in quality.checks:
            assert check.agreement.tokens > 400
            assert check.agreement.broken_tokens == 0
            assert 0 < check.agreement.kl_nats < 0.02
            assert check.duration_ns < 120e9, "bounded, on a busy machine too"


def test_a_real_refusal_of_a_flag_is_a_bad_argument(refused):
    assert_refused(refused, "vllm", "--no-such-flag")
