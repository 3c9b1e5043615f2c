"""A made-up store of four weeks: a curve with a step and gaps, a new version that is slower, a failure, wrong answers,
what is stale, and a point of another tool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import builders
from enginebench.records import ForeignPoint, Job, Result, SameAs
from enginebench.store import Store
from stored import a_job, a_quality, a_run, a_store, a_trial

LOADS = (1, 8, 64)
NIGHTS, STEP, GAPS, LONE = 28, 20, (8, 9), 12
"""Nights; the first of the slower version; those without any trial; one on which only another engine ran."""
H100, B200 = "NVIDIA H100 80GB HBM3", "NVIDIA B200"
HOSTILE = "CUDA <b>out</b> of memory</script><script>window.broken=1</script>"


def day(night: int) -> str:
    """The name of a night: prices of the H100 change on the 17th, 2026-08-01."""
    return str(date(2026, 7, 15) + timedelta(days=night))


def job_of(version: str, start: int, *, model: str = "tiny", **deployment: Any) -> Job:
    job = a_job(loads=[builders.closed(load) for load in LOADS], version=version, start=start)
    named = builders.a_model(name=model, source=builders.DUMMY)
    return replace(job, deployment=replace(job.deployment, **{"product": H100, "model": named, **deployment}))


class History:
    """Makes the trials, each run with noise of its own."""

    def __init__(self) -> None:
        self._draw = np.random.default_rng(3)

    def trial(
        self, name: str, night: int, job: Job, faster: float = 0.0, loads: tuple[int, ...] = LOADS, **run: Any
    ) -> Result:
        runs = []
        for point in map(LOADS.index, loads):
            start = np.exp(self._draw.normal(0, 0.004) + faster)
            for repeat in range(2):
                speed = 100 / (1 + LOADS[point] / 10) * start * np.exp(self._draw.normal(0, 0.002))
                figures = {
                    "output_tps_per_accelerator": speed * LOADS[point],
                    "interactivity_mean_tps": speed,
                    "ttft_mean_ns": 1e9 * (1 + LOADS[point] / 8) / speed,
                    "goodput_rps": speed if point else 0.0,
                }
                runs.append(a_run(repeat, point=point, **run, **figures))
        return a_trial(name, runs, night=day(night), job=job)

    def results(self) -> Iterator[Result]:
        for night in range(NIGHTS):
            if night in (*GAPS, LONE):
                continue
            slow = night >= STEP
            for start in range(2):
                job = job_of("1.1" if slow else "1.0", start)
                yield self.trial(f"main{night}s{start}", night, job, -0.07 * slow)
        yield self.trial("lone", LONE, job_of("9", 0, engine="once"))
        for night, version, faster in ((25, "2.0", 0.0), (26, "2.0", 0.0), (27, "2.1", -0.2)):
            # The newest version has not measured c64.
            loads = LOADS[:2] if version == "2.1" else LOADS
            for start in range(3):
                job = job_of(version, start, engine="other", product=B200)
                yield self.trial(f"other{night}s{start}", night, job, faster, loads)
        failed = job_of("2.1", 7, engine="other", product=B200)
        yield a_trial("dead", night=day(27), job=failed, failure=HOSTILE)
        wrong = self.trial("wrong", 27, job_of("3", 0, engine="liar"), 2.0, marks=("failed_quality",))
        yield replace(wrong, quality=a_quality(passed=False, right=0, reasons=("KL <i>too high</i>",)))


def told(**changes: Any) -> ForeignPoint:
    """A point of another tool, of its own throughput and a TTFT of another definition."""
    point = ForeignPoint(
        tool="elsewhere",
        tool_version=None,
        file="all.json",
        file_sha256="0" * 64,
        place=0,
        date="2026-08-05",
        model="giant",
        engine="vllm",
        concurrency=32,
        rate_rps=None,
        input_tokens=1024,
        output_tokens=1024,
        completed_requests=None,
        failed_requests=None,
        figures={"tput": 2345.0, "mean_ttft": 0.5},
        same_as={"tput": SameAs(metric="output_tps_per_accelerator", factor=1)},
        unlike={"mean_ttft": "its clock starts later"},
        said={"hardware": "h200", "precision": "fp8"},
        notes=(),
    )
    return replace(point, **changes)


def a_history(folder: Path) -> Store:
    """The whole store."""
    store = a_store(folder, *History().results())
    store.add_foreign([told()])
    return store
