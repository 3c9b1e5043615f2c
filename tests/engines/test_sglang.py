"""SGLang's server command for each vendor's build, from the files that ship: every word of it, checked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builders import DUMMY, a_deployment, a_model
from enginebench import config, engines
from enginebench.engines import Launch
from enginebench.records import Deployment, Parallelism, VenvProvision
from engines import deployments

SGLANG = engines.get("sglang")
QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def launch(deployment: Deployment) -> Launch:
    return deployments.launch("sglang", deployment, "python")


def words(deployment: Deployment) -> str:
    return " ".join(launch(deployment).argv)


@pytest.mark.parametrize(
    ("site", "module", "more", "health", "version"),
    [
        ("h100x8", "sglang", " --sampling-defaults openai --enable-metrics", "/health", "/server_info"),
        ("mi355x8", "sglang", " --sampling-defaults openai --enable-metrics", "/health", "/server_info"),
        ("tpu-v6e-8", "sgl_jax", " --device tpu", "/health_generate", "/get_server_info"),
    ],
)
def test_on_shipped_sites_the_command_is_this(
    tmp_path: Path, site: str, module: str, more: str, health: str, version: str
) -> None:
    started = launch(deployments.planned(tmp_path, "sglang", site))
    assert " ".join(started.argv) == (
        f"/env/bin/python -m {module}.launch_server --model-path /models/it --host 127.0.0.1 --port 8123 "
        "--served-model-name llama-3.1-8b-instruct --dtype bfloat16 --context-length 2048 --max-running-requests 16 "
        f"--disable-radix-cache --stream-interval 1 --enable-cache-report{more} --tp-size 4"
    )
    assert started.environment == QUIET
    assert (started.health_path, started.version_path) == (health, version)


def test_on_a_cpu_the_builds_own_flags_environment_and_stand_ins_come_too() -> None:
    deployment = deployments.on_a_cpu("sglang")
    assert words(deployment) == (
        "/env/bin/python -m sglang.launch_server --model-path /models/it --host 127.0.0.1 --port 8123 "
        "--served-model-name smollm2-135m-instruct --dtype bfloat16 --context-length 2048 --max-running-requests 16 "
        "--disable-radix-cache --stream-interval 1 --enable-cache-report --sampling-defaults openai --enable-metrics "
        "--device cpu --tp-size 1 --attention-backend torch_native "
        "--sampling-backend pytorch --cuda-graph-backend-decode disabled --cuda-graph-backend-prefill disabled "
        "--disable-overlap-schedule --sleep-on-idle --max-total-tokens 32768"
    )
    assert launch(deployment).environment == {**QUIET, "SGLANG_USE_CPU_ENGINE": "1", "OMP_NUM_THREADS": "1"}
    assert isinstance(deployment.provision, VenvProvision)
    (overlay,) = deployment.provision.overlays
    assert overlay.name == "CPU reference kernels"
    assert {"sgl_kernel.py", "torchvision_schemas.py"} < {*overlay.files}


def test_stand_ins_are_used_on_no_other_part() -> None:
    for version in config.engine_versions(config.shipped("engines")["sglang"]):
        builds = config.read_engine(config.shipped("engines")["sglang"], version).builds
        overlaid = {vendor for vendor, build in builds.items() if getattr(build.provision, "overlays", ())}
        assert overlaid == {"cpu"}


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"precision": "fp16"}, "--dtype float16"),
        ({"precision": "fp32"}, "--dtype float32"),
        ({"precision": "fp8"}, "--dtype auto"),
        ({"max_sequences": 3}, "--max-running-requests 3"),
        ({"context_tokens": 99}, "--context-length 99"),
        ({"parallelism": Parallelism(tp=2, pp=2)}, "--tp-size 2 --pp-size 2"),
        ({"parallelism": Parallelism(tp=8, ep=4)}, "--tp-size 8 --ep-size 4"),
        # Replicas side by side: the size is a replica's.
        ({"parallelism": Parallelism(tp=2, dp=4)}, "--tp-size 2 --dp-size 4"),
        ({"parallelism": Parallelism(tp=2, dp=4, ep=2)}, "--tp-size 2 --dp-size 4 --ep-size 2"),
        # Data-parallel attention: the size is that of all replicas.
        ({"parallelism": Parallelism(tp=2, dp=4, ep=8)}, "--tp-size 8 --dp-size 4 --enable-dp-attention --ep-size 8"),
        (
            {"parallelism": Parallelism(dp=8), "arguments": {"enable-dp-attention": True}},
            "--tp-size 8 --dp-size 8 --enable-dp-attention",
        ),
        ({"model": a_model(source=DUMMY)}, "--load-format dummy"),
        ({"model": a_model(name="called so")}, "--served-model-name called so"),
    ],
)  # fmt: skip
def test_a_field_of_the_deployment_is_a_flag(changes: dict[str, Any], flags: str) -> None:
    said = words(a_deployment(**changes))
    assert f" {flags} " in f"{said} "
    assert said.count("--enable-dp-attention") <= 1


def test_what_is_one_or_off_is_not_said() -> None:
    said = words(a_deployment())
    for flag in ("pp-size", "dp-size", "ep-size", "dp-attention", "load-format", "--device", "--no-"):
        assert flag not in said
    assert "--disable-radix-cache" not in words(a_deployment(prefix_cache=True))


@pytest.mark.parametrize(
    ("split", "count"),
    [({}, 1), ({"tp": 4}, 4), ({"tp": 2, "pp": 3, "dp": 4}, 24), ({"tp": 2, "dp": 4, "ep": 8}, 8)],
)
def test_devices_are_tp_by_pp_by_dp(split: dict[str, int], count: int) -> None:
    assert SGLANG.devices(Parallelism(**split)) == count


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"parallelism": Parallelism(tp=2, dp=2, ep=4)}, None),
        ({"parallelism": Parallelism(tp=8, ep=4)}, None),
        ({"parallelism": Parallelism(tp=2, ep=8)}, "SGLang spreads experts evenly over devices: 8 does not divide 2"),
        ({"parallelism": Parallelism(tp=3, dp=2, ep=2)},
         "SGLang spreads experts evenly over devices: 2 does not divide 3"),
        ({"parallelism": Parallelism(tp=4), "vendor": "tpu"}, None),
        ({"parallelism": Parallelism(tp=4, dp=2), "vendor": "tpu"},
         "of sglang-jax's splits only tensor parallelism is known to enginebench, not tp4·dp2"),
        ({"model": a_model(source=DUMMY)}, None),
        ({"model": a_model(source=DUMMY), "precision": "fp8"}, "dummy weights can't be made in fp8"),
    ],
)  # fmt: skip
def test_what_is_unsupported_has_a_reason(changes: dict[str, Any], reason: str | None) -> None:
    assert SGLANG.unsupported(a_deployment(**changes)) == reason


def test_an_answer_is_pinned_to_its_length() -> None:
    assert SGLANG.pin_output(a_deployment(), 64) == {"ignore_eos": True, "min_tokens": 64}
