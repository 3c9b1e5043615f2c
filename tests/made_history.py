"""A store of three weeks of made-up nights: two engines that get faster, failures, an outage, a gap, wrong answers,
calibrations, and what another tool tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import builders
from enginebench.records import Calibration, CalibrationLevel, ForeignPoint, PointStop, Result
from enginebench.records.stopping import Stop
from enginebench.store import Store
from stored import CLOSED, OPEN, a_job, a_quality, a_run, a_store, a_trial, an_lm_eval_score

TPS, TTFT, SPEED = "output_tps_per_accelerator", "ttft_mean_ns", "interactivity_mean_tps"
HOSTILE = "</script><img src=x onerror=window.broken=1> & <b>bold</b>"
GAP = (13, 14)
"""Days on which nothing ran."""
BEST = {"vllm": {1: 60, 4: 95, 9: 100}, "sglang": {1: 40, 6: 90, 16: 120}}
"""Engine to the day from which it has a throughput, tok/s/accelerator."""


def history(folder: Path) -> Store:
    """The store."""
    results = [one for day in range(1, 21) if day not in GAP for one in _night(day)]
    store = a_store(folder, *results, _reproduction())
    store.invalidate("vllm-03", reason="a neighbour ran", author="tester")
    store.add_calibration(calibration())
    store.add_foreign(foreign())
    return store


def calibration() -> Calibration:
    """Exact at 1 in flight, not at 64."""
    level = CalibrationLevel(
        concurrency=1,
        requests=200,
        failed_requests=0,
        ttft_error_mean_ns=20_000.0,
        ttft_error_p99_ns=90_000.0,
        tpot_error_share=0.0002,
        itl_p99_error_share=0.004,
        throughput_error_share=0.001,
        lag_p99_ns=40_000.0,
        client_cpu_s_per_mtok=12.0,
        client_cores=0.2,
        server_late_p99_ns=30_000.0,
    )
    late = replace(level, concurrency=64, ttft_error_mean_ns=400_000.0)
    return Calibration(
        host="lab-a",
        cpu="Test CPU",
        cores=8,
        harness_version="1",
        started_utc="2026-11-20T01:00:00+00:00",
        levels=(level, late),
    )


def foreign() -> list[ForeignPoint]:
    """Jobs of three parts over two months, one without any job; scores, one of them 0."""
    made = [
        _told("reliability", f"2026-{month}-0{day}", {"hardware": part}, {"n_success": good, "total": total})
        for month in ("10", "11")
        for day in (1, 2)
        for part, good, total in (("h100", 9, 10), ("b200", 5, 5), ("mi300x", 0, 0))
    ]
    for day, right in ((1, 0), (2, 96), (3, 97)):
        said = {"hardware": "h100", "precision": "fp8", "task": "gsm8k", "run_url": "https://example.org/run"}
        figures = {"n_eff": 100, "em_strict": right / 100, "em_strict_se": 0.02}
        made.append(_told("evaluation", f"2026-11-0{day}", said, figures))
    return made


def _told(kind: str, date: str, said: dict[str, object], figures: dict[str, float]) -> ForeignPoint:
    return ForeignPoint(
        kind=kind, tool="inferencex", tool_version=None, file="x.json", file_sha256="0" * 64, place=0, date=date,
        model="tiny" if kind == "evaluation" else None, engine="sglang" if kind == "evaluation" else None,
        concurrency=None, rate_rps=None, input_tokens=None, output_tokens=None, completed_requests=None,
        failed_requests=None, said=said, figures=figures, same_as={}, unlike={},
        notes=("jobs of one workflow run",) if kind == "reliability" else (),
    )  # fmt: skip


def _night(day: int) -> list[Result]:
    return [_trial(day, engine) for engine in BEST]


def _trial(day: int, engine: str) -> Result:
    rate = [value for since, value in BEST[engine].items() if since <= day][-1] * (1 + 0.002 * (day % 3))
    version = f"1.{len([since for since in BEST[engine] if since <= day]) - 1}"
    job = a_job(loads=(CLOSED, OPEN), version=version)
    deployment = replace(job.deployment, engine=engine, engine_kind=engine)
    job = replace(job, deployment=deployment, repeats=3)
    broken = (engine, day) in (("sglang", 8), ("sglang", 10), ("vllm", 20))
    runs = [
        a_run(
            repeat,
            point=point,
            day=day,
            **{name: value * (1 + 0.004 * (repeat - 1)) for name, value in _figures(rate, point).items()},
        )
        for point in (0, 1)
        for repeat in range(3)
    ]
    name, night = f"{engine}-{day:02}", f"2026-11-{day:02}"
    made = a_trial(name, runs[:2] if broken else runs, night=night, job=job, failure=HOSTILE if broken else None)
    wrong = (engine, day) == ("sglang", 12)
    quality = a_quality(
        passed=not wrong, right=0 if wrong else 45 + day % 3, reasons=("0 of 50 right",) if wrong else ()
    )
    quality = replace(
        quality, lm_eval=(an_lm_eval_score(value=0.0 if wrong else 0.345, low=0.0, high=0.4, passed=not wrong),)
    )
    if wrong:
        made = replace(made, runs=tuple(replace(run, marks=("failed_quality",)) for run in made.runs))
    stop = PointStop(point=0, stop=Stop(why="known", figure=TPS, within=0.02, half_width=0.01, repeats=3, spent_s=9.0))
    return replace(
        made,
        environment=builders.an_environment(host="lab-a" if engine == "vllm" else "lab-b"),
        started_utc=f"{night}T01:59:00+00:00",
        quality=None if broken else quality,
        stops=() if broken else (stop,),
    )


def _figures(rate: float, point: int) -> dict[str, float]:
    """Figures of a point, the second slower by 30 %."""
    return {TPS: rate * (1 - 0.3 * point), TTFT: 4e9 / rate, SPEED: rate / 4 * (1 + point)}


def _reproduction() -> Result:
    again = _trial(5, "vllm")
    return replace(
        again,
        trial="again",
        attempt=replace(again.attempt, reproduces="vllm-04"),
        runs=tuple(replace(run, id=f"again.{run.point}.{run.repeat}") for run in again.runs),
    )
