"""The real llama.cpp against itself made twice as slow: found, and sized with an interval that holds the truth."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from enginebench import assets, config
from enginebench.provision import prepare
from enginebench.stopping import SPOILT
from enginebench.store import Store
from stretched_engine import __file__ as STRETCHED

pytestmark = pytest.mark.engine

GRID = """
description: llama.cpp, and llama.cpp slowed
models: [smollm2-135m-instruct]
engines: [slowed]
workloads: [short]
precisions: [bf16]
loads: {concurrency: [1]}
requests: {at_least: 3}
repeats: 1
quality: {items: 0, reference: false}
context_tokens: 256
max_sequences: 1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="its pins are those of Linux")
def test_a_planted_slowdown_is_sized_with_an_interval_that_holds_it(tmp_path):
    build = config.read_engine(config.shipped("engines")["llama-cpp"]).builds["cpu"]
    python = prepare(build.provision, assets.cache(), print).python
    for name in ("grids", "engines", "workloads"):
        (tmp_path / name).mkdir()
    for version, factor in (("good", 1), ("bad", 2)):
        command = tmp_path / f"server-{version}"
        command.write_text(
            f'#!/bin/sh\nexec {sys.executable} {STRETCHED} {factor} {2 - factor} {python} "$@"\n', encoding="utf-8"
        )
        command.chmod(0o755)
    (tmp_path / "engines" / "slowed.yaml").write_text(
        f"""\
kind: llama_cpp
versions: [bad, good]
builds:
  cpu:
    provision: {{kind: executable, executable: "{tmp_path}/server-{{version}}"}}
    precisions: [bf16]
    environment: {{OMP_WAIT_POLICY: passive}}
"""
    )
    (tmp_path / "workloads" / "short.yaml").write_text(
        "kind: synthetic\napi: completions\nisl_tokens: 32\nosl_tokens: 24\n"
    )
    grid = tmp_path / "grids" / "g.yaml"
    grid.write_text(GRID)
    argv = [sys.executable, "-m", "enginebench", "bisect", str(grid), "--versions", "good,bad"]
    argv += ["--metric", "tpot_mean_ns", "--store", str(tmp_path / "results"), "--margin", "10%", "--blocks", "6"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=840, check=False)
    assert done.stderr == ""
    store = Store(tmp_path / "results")
    results = list(store.results())
    assert {one.status for one in results} == {"complete"}
    spoilt = any(SPOILT & set(marks) for marks in store.runs()["marks"])
    # A busy machine marks runs, which count for nothing; then six blocks may not do.
    assert done.returncode == 1 or (done.returncode == 4 and spoilt), done.stdout
    if done.returncode == 1:
        told = r"^worse: TPOT mean of slowed .* changed by .* % \(\+(\S+) % to \+(\S+) %\) from good to bad$"
        low, high = map(float, re.search(told, done.stdout, re.MULTILINE).groups())
        assert low < 100 < high
