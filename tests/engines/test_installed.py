"""What tests of real engines stand on is built here, once a cache, beside the fast tests: engines, model, lm-eval."""

from __future__ import annotations

import re
import sys

import pytest

from enginebench import assets, config
from enginebench.plan import make_plan
from enginebench.provision import models, prepare, present
from enginebench.quality import lm_eval_tasks
from enginebench.records import Accelerator, Deployment, Inventory, LmEvalTask
from real_night import THREE

pytestmark = [
    pytest.mark.engine,
    pytest.mark.xdist_group("environments"),
    pytest.mark.skipif(sys.platform != "linux", reason="the pins for CPUs are those of Linux"),
]


@pytest.fixture
def deployments(tmp_path) -> dict[str, Deployment]:
    """Of each engine what the night of them all starts."""
    path = tmp_path / "three.yaml"
    path.write_text(THREE, encoding="utf-8")
    cpu = Accelerator(vendor="cpu", index=0, product="Some CPU", memory_bytes=8 * 10**9, cores=2)
    site = Inventory(site="here", launcher="local", accelerators=(cpu,))
    jobs = make_plan(config.read_grid(path), site, config.hardware("cpu", "Some CPU")).jobs
    return {job.deployment.engine: job.deployment for job in jobs}


def plain(name_and_version: str) -> str:
    """As distributions tell their names, or as requirements do."""
    name, _, version = name_and_version.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "llama-cpp"])
def test_a_shipped_engine_is_installed_as_pinned(deployments, engine):
    provision = deployments[engine].provision
    ready = prepare(provision, assets.cache(), print)
    assert ready.executable.exists()
    assert {plain(pin) for pin in provision.pins} <= {plain(one) for one in ready.installed}
    assert present(provision, assets.cache()) == ready


def test_the_model_is_converted_to_the_weights_that_its_file_names(deployments):
    model = deployments["vllm"].model
    ready = models.fetch(model, assets.cache(), print)
    assert ready.weights_hash == model.source.weights_sha256
    assert (ready.path / "tokenizer.json").exists()


def test_lm_eval_is_installed_and_knows_its_tasks():
    ready = lm_eval_tasks.prepare((LmEvalTask(task="gsm8k"),), assets.cache(), print)
    assert ready.reason is None
    assert ready.prepared is not None
