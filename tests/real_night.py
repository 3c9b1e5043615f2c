"""A night of real engines on this machine, with the cache that all nights of this user share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from enginebench.records import Result
from enginebench.store import Store

if TYPE_CHECKING:
    import pandas as pd

THREE = """
description: three engines, two endpoints, each engine started twice
models: [smollm2-135m-instruct]
engines: [vllm, sglang, llama-cpp]
workloads: [synthetic-128-64, chat-128-64]
precisions: [bf16]
loads: {concurrency: [2]}
requests: {per_slot: 2, at_least: 4}
repeats: 1
starts: 2
context_tokens: 512
quality: {items: 15}
"""
NIGHT_S = 2400
"""Longest night, s: three engines that start twice, on a machine that is busy with other things too."""


def night(folder: Path, grid: str) -> tuple[subprocess.CompletedProcess[str], Store]:
    """Run a night of `grid`, whose file and store lie in `folder`."""
    path = folder / "grids" / "real.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(grid, encoding="utf-8")
    argv = [sys.executable, "-m", "enginebench", "night", str(path), "--store", str(folder / "results")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=NIGHT_S, check=False)
    return done, Store(folder / "results")


class RealNight:
    """A night of real engines that was run, for tests that read what came of it."""

    def __init__(self, folder: Path, grid: str) -> None:
        self.folder, self.grid = folder, grid
        self.done, self.store = night(folder, grid)

    def again(self) -> subprocess.CompletedProcess[str]:
        """The same night once more."""
        return night(self.folder, self.grid)[0]

    def results(self, *engines: str) -> list[Result]:
        """The trials of these engines, or of all, in the order in which they were begun."""
        found = sorted(self.store.results(), key=lambda result: result.started_utc)
        return [one for one in found if not engines or one.attempt.job.deployment.engine in engines]

    def runs(self, engine: str) -> pd.DataFrame:
        """The runs of an engine."""
        runs = self.store.runs()
        return runs[runs["engine"] == engine]


def assert_asked_as_pinned(measured: RealNight, engine: str) -> None:
    """Every request of an engine's trials read and wrote what was asked, and nothing came from a prefix cache."""
    for result in measured.results(engine):
        requests = measured.store.requests(result.trial)
        assert (requests["status"] == "ok").all()
        assert (requests["output_tokens"] == 64).all(), "output length is pinned"
        assert (requests["usage_input_tokens"] == 128).all(), "ids for completions, template included for chat"
        assert (requests["cached_tokens"].fillna(0) == 0).all(), "no prefix cache"
    assert left_running(measured.folder) == []
    runs = measured.runs(engine)
    assert sorted(zip(runs["start"], runs["workload"], strict=True)) == [
        (start, workload) for start in (0, 1) for workload in ("chat-128-64", "synthetic-128-64")
    ]
    for row in runs.to_dict("records"):
        busy = row["output_tps_per_accelerator_whole_run"] * row["e2el_mean_ns"] / 1e9 / 64
        assert 1.4 < busy <= 2.01, "Little's law: two in flight, but for a spread start and the drain"


def assert_refused(refused: RealNight, engine: str, flag: str) -> None:
    """The engine did not start for this flag, which the stored failure names."""
    assert refused.done.returncode == 1
    (result,) = refused.results(engine)
    assert (result.status, result.stage, result.failure.failure_class) == ("failed", "start", "bad_argument")
    assert flag in result.failure.message


def left_running(folder: Path) -> list[str]:
    """Command lines of processes that still hold a file of this folder open, as a server does its log; Linux only.

    By that and not by their words: other nights of this machine serve the same model.
    """
    found = []
    for process in psutil.process_iter():
        try:
            held = [os.readlink(one) for one in Path(f"/proc/{process.pid}/fd").iterdir()]
            words = " ".join(process.cmdline())
        except (OSError, psutil.Error):
            continue
        if process.pid != os.getpid() and any(one.startswith(str(folder)) for one in held):
            found.append(words)
    return found
