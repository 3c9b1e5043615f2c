"""vLLM's server command for each vendor's build, from the files that ship: every word of it, checked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builders import DUMMY, a_deployment, a_model
from enginebench import engines
from enginebench.engines import Launch
from enginebench.records import Deployment, Parallelism
from engines import deployments

VLLM = engines.get("vllm")
QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


def launch(deployment: Deployment) -> Launch:
    return deployments.launch("vllm", deployment, "vllm")


def words(deployment: Deployment) -> str:
    return " ".join(launch(deployment).argv)


LLAMA = (
    "/env/bin/vllm serve /models/it --host 127.0.0.1 --port 8123 --served-model-name llama-3.1-8b-instruct "
    "--dtype bfloat16 --max-model-len 2048 --max-num-seqs 16 --no-enable-prefix-caching "
    "--stream-interval 1 --generation-config vllm --tensor-parallel-size 4"
)


@pytest.mark.parametrize(
    ("site", "environment"),
    [("h100x8", {}), ("mi355x8", {"VLLM_ROCM_USE_AITER": "1"}), ("tpu-v6e-8", {})],
)
def test_on_shipped_sites_the_command_is_this(tmp_path: Path, site: str, environment: dict[str, str]) -> None:
    started = launch(deployments.planned(tmp_path, "vllm", site))
    assert " ".join(started.argv) == LLAMA
    assert started.environment == {**QUIET, **environment}
    assert (started.health_path, started.version_path) == ("/health", "/version")


def test_on_a_cpu_the_builds_own_flags_and_environment_come_too() -> None:
    deployment = deployments.on_a_cpu("vllm")
    assert words(deployment) == (
        "/env/bin/vllm serve /models/it --host 127.0.0.1 --port 8123 --served-model-name smollm2-135m-instruct "
        "--dtype bfloat16 --max-model-len 2048 --max-num-seqs 16 --no-enable-prefix-caching "
        "--stream-interval 1 --generation-config vllm --enforce-eager"
    )
    assert launch(deployment).environment == {**QUIET, "VLLM_CPU_KVCACHE_SPACE": "1"}


def test_the_grids_arguments_come_last_and_win(tmp_path: Path) -> None:
    asked = "arguments: {vllm: {block-size: 32, enable-prefix-caching: null, async-scheduling: false, dtype: half}}\n"
    deployment = deployments.planned(tmp_path, "vllm", "h100x8", asked)
    assert words(deployment) == (
        LLAMA.replace("--dtype bfloat16", "--dtype half").replace(" --no-enable-prefix-caching", "")
        + " --block-size 32 --no-async-scheduling"
    )


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"precision": "fp16"}, "--dtype float16"),
        ({"precision": "fp32"}, "--dtype float32"),
        ({"precision": "fp8"}, "--dtype auto"),
        ({"prefix_cache": True}, "--enable-prefix-caching"),
        ({"max_sequences": 3}, "--max-num-seqs 3"),
        ({"context_tokens": 99}, "--max-model-len 99"),
        ({"parallelism": Parallelism(pp=2)}, "--pipeline-parallel-size 2"),
        ({"parallelism": Parallelism(dp=2)}, "--data-parallel-size 2"),
        (
            {"parallelism": Parallelism(tp=2, dp=2, ep=4)},
            "--tensor-parallel-size 2 --data-parallel-size 2 --enable-expert-parallel",
        ),
        ({"model": a_model(source=DUMMY)}, "--load-format dummy"),
        ({"model": a_model(name="called so")}, "--served-model-name called so"),
    ],
)  # fmt: skip
def test_a_field_of_the_deployment_is_a_flag(changes: dict[str, Any], flags: str) -> None:
    assert f" {flags} " in f"{words(a_deployment(**changes))} "


def test_what_is_one_or_off_is_not_said() -> None:
    said = words(a_deployment())
    for flag in ("parallel", "load-format", " --enable-prefix-caching"):
        assert flag not in said


def test_the_deployments_environment_wins_over_the_quiet_one() -> None:
    started = launch(a_deployment(environment={"DO_NOT_TRACK": "0", "OWN": "x"}))
    assert started.environment == {**QUIET, "DO_NOT_TRACK": "0", "OWN": "x"}


@pytest.mark.parametrize(
    ("split", "count"),
    [({}, 1), ({"tp": 4}, 4), ({"tp": 2, "pp": 3, "dp": 4}, 24), ({"tp": 2, "dp": 4, "ep": 8}, 8)],
)
def test_devices_are_tp_by_pp_by_dp(split: dict[str, int], count: int) -> None:
    assert VLLM.devices(Parallelism(**split)) == count


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"parallelism": Parallelism(tp=2, dp=2, ep=4)}, None),
        ({"parallelism": Parallelism(tp=2, ep=8)}, "vLLM spreads experts over all tp × dp = 2 devices, not over 8"),
        ({"parallelism": Parallelism(pp=2)}, None),
        ({"parallelism": Parallelism(pp=2), "vendor": "tpu"}, "vLLM's TPU build has no pipeline parallelism"),
        ({"model": a_model(source=DUMMY)}, None),
        ({"model": a_model(source=DUMMY), "precision": "fp8"}, "dummy weights can't be made in fp8"),
        ({"precision": "fp8"}, None),
    ],
)
def test_what_is_unsupported_has_a_reason(changes: dict[str, Any], reason: str | None) -> None:
    assert VLLM.unsupported(a_deployment(**changes)) == reason


def test_an_answer_is_pinned_to_its_length() -> None:
    assert VLLM.pin_output(a_deployment(), 64) == {"ignore_eos": True, "min_tokens": 64}
