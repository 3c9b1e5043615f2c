"""Published limits by name, in grids and in files of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from enginebench import config
from enginebench.config.schema import Limits
from enginebench.errors import UserError

GRID = """\
description: made up
models: [smollm2-135m-instruct]
engines: [vllm]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {concurrency: [1]}
"""
OWN = "source: our users\ndate: 2026-11\nlimits:\n  chat: {ttft_ms: 300}\n"


def test_mlperfs_limits_are_those_of_its_configuration_with_source_and_date() -> None:
    known = config.slos()
    found = known["mlperf-llama3.1-405b-interactive"]
    assert found.limits == Limits(ttft_ms=4500.0, tpot_ms=80.0)
    assert found.share == 0.99
    assert found.source.startswith("MLPerf Inference, loadgen/mlperf.conf, 2026-08, p99 of ")
    assert len(known) == 11


def test_a_grid_names_a_published_slo_or_one_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "grids").mkdir()
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "ours.yaml").write_text(OWN, encoding="utf-8")
    path = tmp_path / "grids" / "g.yaml"
    for words, limits in (
        ("mlperf-llama2-70b-server", Limits(ttft_ms=2000.0, tpot_ms=200.0)),
        ("ours-chat", Limits(ttft_ms=300.0)),
        ("{tpot_ms: 40}", Limits(tpot_ms=40.0)),
    ):
        path.write_text(f"{GRID}slo: {words}\n", encoding="utf-8")
        assert config.read_grid(path).grid.slo == limits


def test_limits_that_limit_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(OWN.replace("{ttft_ms: 300}", "{}"), encoding="utf-8")
    with pytest.raises(UserError) as error:
        config.read_slos(path)
    assert str(error.value) == f"{path}:4: `limits.chat` limits nothing; give ttft_ms, tpot_ms or e2el_ms"
