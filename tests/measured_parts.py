"""A store of made-up nights on described parts: two engines, three parts, three input lengths, with a prefix cache and
without, one server that gives wrong answers."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
from enginebench import config
from enginebench.records import ForeignPoint, Job, Parallelism, Run, SameAs
from enginebench.store import Store
from stored import a_run, a_store, a_trial

MODEL = "llama-3.1-8b-instruct"
LOADS = (1, 8, 32, 128)
PARTS = {"NVIDIA H100 80GB HBM3": ("nvidia", 1.0), "NVIDIA H200": ("nvidia", 1.4), "Test GPU": ("nvidia", 0.5)}
ENGINES = {"vllm": 1.0, "sglang": 1.1}
LENGTHS = (1024, 8192)
MS = 1_000_000


def a_job(product: str, engine: str, *, cache: bool = False, start: int = 0) -> Job:
    """A job of every length and load."""
    deployment = builders.a_deployment(
        engine=engine,
        engine_kind=engine,
        engine_version="0.31.0" if engine == "vllm" else "0.5.21",
        model=config.models()[MODEL],
        vendor=PARTS[product][0],
        product=product,
        devices=2,
        parallelism=Parallelism(tp=2),
        prefix_cache=cache,
        context_tokens=16_384,
    )
    workloads = [builders.a_workload(name=f"chat-{isl}", isl_tokens=isl, osl_tokens=256) for isl in LENGTHS]
    points = [builders.a_point(workload=one, load=builders.closed(load)) for one in workloads for load in LOADS]
    points.append(builders.a_point(workload=workloads[0], load=builders.opened(2.0)))
    return builders.a_job(deployment=deployment, points=tuple(points), repeats=3, start=start)


def figures(job: Job, index: int, draw: random.Random) -> dict[str, Any]:
    """Of one run: the heavier the load and the longer the prompt, the slower."""
    point, d = job.points[index], job.deployment
    isl, osl = point.workload.isl_tokens, point.workload.osl_tokens
    load = point.load.concurrency if point.load.kind == "closed" else 10
    speed = PARTS[d.product][1] * ENGINES[d.engine] * draw.uniform(0.98, 1.02)
    saved = 0.5 if d.prefix_cache else 1.0
    tpot = (4 + 0.12 * load * (1 + isl / 16_384)) / speed
    ttft = (0.02 * isl * saved + 0.01 * isl * saved * load / 8 + 5) / speed
    e2el = ttft + tpot * (osl - 1)
    rate = load / e2el * 1000
    one: dict[str, Any] = {"requests_rps": rate, "success_share": 1.0, "output_tokens_mean": float(osl)}
    for kind, tokens in (("output", osl), ("input", isl), ("total", isl + osl)):
        one[f"{kind}_tps_per_accelerator"] = rate * tokens / d.devices
        one[f"{kind}_tps_per_accelerator_whole_run"] = 0.9 * rate * tokens / d.devices
    one["requests_rps_whole_run"] = 0.9 * rate
    for name, value in (("ttft", ttft), ("tpot", tpot), ("e2el", e2el)):
        one[f"{name}_mean_ns"] = value * MS
        for short, more in (("p50", 1.0), ("p90", 1.3), ("p99", 1.8)):
            one[f"{name}_{short}_ns"] = one[f"{name}_{short}_all_ns"] = value * more * MS
    one["interactivity_mean_tps"] = 1000 / tpot
    if d.prefix_cache:
        one["prefix_hit_share"] = 0.5
    return one


def runs(job: Job, draw: random.Random) -> list[Run]:
    """Two repeats of every point."""
    return [
        a_run(repeat, point=index, **figures(job, index, draw))
        for index in range(len(job.points))
        for repeat in range(2)
    ]


def a_fleet(folder: Path) -> Store:
    """The store; two server starts of each deployment, one of what gave wrong answers."""
    draw, trials = random.Random(3), []
    for product in PARTS:
        for engine in ENGINES:
            for cache in (False, True) if engine == "vllm" else (False,):
                for start in range(2):
                    job = a_job(product, engine, cache=cache, start=start)
                    name = f"{engine}-{product.split()[1].lower()}-{'cache' if cache else 'plain'}-{start}"
                    trials.append(a_trial(name, runs(job, draw), job=job))
    bad = a_job("NVIDIA H100 80GB HBM3", "vllm")
    wrong = replace(bad, deployment=replace(bad.deployment, precision="fp8"))
    marked = [replace(run, marks=("failed_quality",)) for run in runs(wrong, draw)]
    trials.append(a_trial("vllm-wrong", marked, job=wrong))
    store = a_store(folder, *trials)
    store.add_foreign([a_foreign(place) for place in range(3)])
    return store


def a_foreign(place: int, **changes: Any) -> ForeignPoint:
    """A row of another tool: its TTFT and tokens are near ours, and it tells no requests a second."""
    point = ForeignPoint(
        tool="othertool",
        tool_version="1",
        file="results.json",
        file_sha256="0" * 64,
        place=place,
        date="2026-11-20",
        model=MODEL,
        engine="trt",
        concurrency=4.0**place,
        rate_rps=None,
        input_tokens=1024.0,
        output_tokens=256.0,
        completed_requests=10,
        failed_requests=0,
        said={"hardware": "mi300x", "precision": "fp8", "tp": 8, "num_decode_gpu": 8},
        figures={"tput": 100.0 * 3**place, "p99_ttft": 0.1 * 2**place, "p99_tpot": 0.01 * 2**place},
        same_as={"tput": SameAs(metric="output_tps_per_accelerator_whole_run", factor=1.0)},
        unlike={"p99_ttft": "until the first event", "p99_tpot": "between events"},
        notes=(),
    )
    return replace(point, **changes)
