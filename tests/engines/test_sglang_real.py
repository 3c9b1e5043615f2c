"""The real SGLang serving a real model on this machine's CPU, beside vLLM and llama.cpp: a small night, end to end."""

from __future__ import annotations

import sys

import pytest

from real_night import NIGHT_S, assert_asked_as_pinned, assert_refused

pytestmark = [
    pytest.mark.engine,
    pytest.mark.alone,
    pytest.mark.timeout(2 * NIGHT_S),
    pytest.mark.skipif(sys.platform != "linux", reason="SGLang's CPU engine is for Linux"),
]


def test_a_real_night_on_sglang_beside_others(measured):
    assert measured.done.returncode == 0, measured.done.stdout + measured.done.stderr
    results = measured.results()
    order = [(result.attempt.job.deployment.engine, result.attempt.job.start) for result in results]
    forth = ["vllm", "sglang", "llama-cpp"]
    assert order == [*((one, 0) for one in forth), *((one, 1) for one in reversed(forth))], "A B C C B A"
    assert len({result.engine.lock_hash for result in results}) == 3, "an environment each"
    assert len({result.engine.model_hash for result in results}) == 1, "the same weights"
    assert_asked_as_pinned(measured, "sglang")
    for result in measured.results("sglang"):
        assert (result.status, result.engine.reported_version) == ("complete", "0.5.21")
        assert any(note.startswith("CPU reference kernels: ") for note in result.engine.notes)
        assert "sglang-cpu-stand-ins==1" in result.engine.installed
        assert not {pin for pin in result.engine.installed if pin.startswith(("sglang-kernel=", "sgl-kernel="))}
    for result in measured.results("vllm", "llama-cpp"):
        assert not any("reference" in note for note in result.engine.notes)


def test_the_next_night_has_nothing_to_do(measured):
    assert "0 runs due" in measured.again().stdout


def test_a_real_refusal_of_a_flag_is_a_bad_argument(refused):
    assert_refused(refused, "sglang", "--no-such-flag")
