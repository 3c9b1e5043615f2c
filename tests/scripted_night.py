"""A grid, a model and an engine on disk that make whole nights of a scripted engine; and waiting for what they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from enginebench import environment
from enginebench.records import Calibration, CalibrationLevel
from enginebench.store import Store

SCRIPTED = Path(__file__).with_name("scripted_engine.py")
GRID = """
description: a scripted night
models: [tiny]
engines: [scripted]
workloads: [short]
precisions: [bf16]
loads: {concurrency: [1, 2]}
requests: {per_slot: 2, at_least: 4, warmup_per_slot: 1}
repeats: 3
"""
RUNS = 6
MODEL = """
repository: test/tiny
license: Apache-2.0
source: {kind: dummy, config: {model_type: llama, vocab_size: 512}}
architecture:
  {parameters: 1000, layers: 1, hidden: 8, heads: 1, kv_heads: 1, head_dim: 8, vocabulary: 512, context_tokens: 256}
precisions:
  bf16: {weights_bytes: 2000}
facts_from: made up
"""
WORKLOAD = "kind: synthetic\napi: completions\nisl_tokens: 12\nosl_tokens: 6\n"


class ScriptedNight:
    """Files under one folder, and commands run on them."""

    def __init__(
        self, folder: Path, *, grid: str = GRID, place: str = "", calibrated: bool = True, **script: Any
    ) -> None:
        """`place`: the store where it is not the folder `results`; that folder knows of a calibration a minute ago."""
        self.folder = folder
        self.place = place or str(folder / "results")
        self.store = folder / "results"
        self.grid = folder / "grids" / "test.yaml"
        self.pids = folder / "pids"
        self.record = folder / "record.jsonl"
        command = folder / "engine"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {SCRIPTED} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        for name in ("grids", "models", "engines", "workloads"):
            (folder / name).mkdir()
        self.grid.write_text(grid, encoding="utf-8")
        (folder / "models" / "tiny.yaml").write_text(MODEL, encoding="utf-8")
        (folder / "workloads" / "short.yaml").write_text(WORKLOAD, encoding="utf-8")
        (folder / "here.yaml").write_text("launcher: local\n", encoding="utf-8")
        self.write_engine(str(command), **script)
        if calibrated and not place:
            Store(self.place).add_calibration(a_calibration((1, 2)))

    def write_engine(
        self,
        command: str,
        *,
        name: str = "scripted",
        kind: str = "vllm",
        versions: Sequence[str] = ("1.0",),
        **script: Any,
    ) -> None:
        """An engine's file: `command` with this script."""
        asked = {"ttft_ms": 10, "itl_ms": 2, "pid_file": str(self.pids), "record_file": str(self.record), **script}
        engine = {
            "kind": kind,
            "versions": [*versions],
            "builds": {
                "cpu": {
                    "provision": {"kind": "executable", "executable": command},
                    "precisions": ["bf16"],
                    "environment": {"SCRIPTED_ENGINE": json.dumps(asked)},
                }
            },
        }
        (self.folder / "engines" / f"{name}.yaml").write_text(json.dumps(engine), encoding="utf-8")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`enginebench WORDS` at work."""
        argv = [sys.executable, "-m", "enginebench", *words]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder)

    def start_night(self, *words: str) -> subprocess.Popen[str]:
        """`enginebench night` on the grid."""
        places = ["--site", str(self.folder / "here.yaml"), "--store", self.place]
        return self.start("night", str(self.grid), *places, "--cache", str(self.folder / "cache"), *words)

    def night(self, *words: str) -> tuple[int, str, str]:
        """A whole night: exit code, output, error output."""
        process = self.start_night(*words)
        output, errors = process.communicate(timeout=120)
        return process.returncode, output, errors

    def engine_pids(self) -> list[int]:
        """Process ids of all engines started so far."""
        return [int(line) for line in self.pids.read_text().split()] if self.pids.exists() else []

    def measured(self) -> int:
        """Runs that the trial at work has finished so far."""
        return len(list(self.store.glob(".work/*/*.partial/runs/*.json")))

    def taken_in(self) -> int:
        """Trials that lie whole in the store's folder."""
        return len(list(self.store.glob("night=*/trial=*/result.json")))

    def left_running(self) -> list[psutil.Process]:
        """Processes of ours that still live: engines, guards, trials, telemetry."""
        found = []
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if str(self.folder) in words and process.pid != os.getpid():
                found.append(process)
        return found

    def exchanges(self) -> list[dict[str, Any]]:
        """What the engines saw and when they sent."""
        return [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines()]


def a_calibration(levels: Sequence[int], *, minutes_ago: float = 1, error_ns: float = 1e4) -> Calibration:
    """The load generator of this machine as it was found to be, with this error of the mean TTFT."""
    level = CalibrationLevel(
        concurrency=1,
        requests=24,
        failed_requests=0,
        ttft_error_mean_ns=error_ns,
        ttft_error_p99_ns=1e5,
        tpot_error_share=1e-4,
        itl_p99_error_share=1e-3,
        throughput_error_share=1e-3,
        lag_p99_ns=1e5,
        client_cpu_s_per_mtok=5.0,
        client_cores=0.1,
        server_late_p99_ns=1e5,
    )
    here = environment.describe(())
    return Calibration(
        host=here.host,
        cpu=here.cpu,
        cores=here.cores,
        harness_version=here.harness_version,
        started_utc=(datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat(timespec="seconds"),
        levels=tuple(replace(level, concurrency=concurrency) for concurrency in levels),
    )


def until(true: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until `true()`; fails naming `what` after a deadline that only a broken product reaches."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.01)
