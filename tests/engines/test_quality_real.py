"""The quality gate on the real vLLM: a damaged copy of the model is caught in a whole night."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builders import REPOSITORY
from enginebench import assets, config
from enginebench.analysis.points import eligible, summarise_points
from enginebench.provision import models, venv
from enginebench.records import VenvProvision
from enginebench.store import Store
from real_night import night

pytestmark = [
    pytest.mark.engine,
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform != "linux", reason="vLLM's CPU build is for Linux"),
]
NAME = "smollm2-135m-instruct"
GRID = f"""
description: one point, few questions
models: [{NAME}]
engines: [vllm]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {{concurrency: [4]}}
requests: {{per_slot: 1, at_least: 4}}
repeats: 1
context_tokens: 512
quality: {{items: 15}}
"""


def stored(folder: Path) -> Store:
    """The store of a whole night of the grid in `folder`."""
    done, store = night(folder, GRID)
    assert done.returncode == 0, done.stdout + done.stderr
    return store


def damaged(folder: Path, *how: str) -> Path:
    """A copy of the model, damaged by the converter's own Python."""
    model = config.read_model(config.shipped("models")[NAME])
    ready = models.fetch(model, assets.cache(), print)
    converter = venv.prepare(
        VenvProvision(
            kind="venv",
            requirements=model.source.converter,
            pins=model.source.converter_requirements,
            extra_index=model.source.converter_index,
            executable="python",
        ),
        assets.cache(),
        print,
    )
    worker = REPOSITORY / "benchmarks" / "quality_transformers.py"
    argv = [converter.python, worker, "damage", ready.path, folder / "weights", *how]
    subprocess.run(argv, check=True, env={**os.environ, **converter.environment})
    return folder / "weights"


def test_noise_in_the_weights_is_caught_and_kept_off_the_frontier(tmp_path):
    weights = damaged(tmp_path, "noise", "0.15")
    own = tmp_path / "models" / f"{NAME}.yaml"
    own.parent.mkdir()
    shipped = config.shipped("models")[NAME].read_text(encoding="utf-8")
    before, _, rest = shipped.partition("source:")
    after = rest[rest.index("\narchitecture:") :]
    own.write_text(f"{before}source: {{kind: local, path: {weights}}}{after}", encoding="utf-8")
    store = stored(tmp_path)
    (result,) = store.results()
    assert result.status == "complete", "a wrong answer is no failure of the trial"
    assert result.quality.passed is False
    assert "KL divergence" in result.quality.reasons[0]
    assert "failed_quality" in result.runs[0].marks
    points = summarise_points(store.runs())
    assert len(points) == 1
    assert eligible(points).empty
