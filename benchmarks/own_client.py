"""One run of enginebench's load generator in a process of its own; figures as JSON. `load_generators.py` calls it.

    python benchmarks/own_client.py '{"url": "http://localhost:1", "requests": 64, "streams": 16, …, "out": "out.json"}'

The hot path is taken to end when the last request has: `on_done` tells. What `load.measure` does then and the summary
of the metrics are the post-processing; importing the metrics counts as neither.
"""

from __future__ import annotations

import importlib
import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

from enginebench import load
from enginebench.records import ClosedLoop, OpenLoop, Prompt


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _memory(name: str) -> int:
    return int(Path("/proc/self/status").read_text(encoding="ascii").split(name + ":")[1].split()[0]) * 1024


def _prompts(asked: dict[str, Any]) -> list[Prompt]:
    drawn = random.Random(1)
    length, output = asked["prompt_tokens"], asked["output_tokens"]
    prompts = []
    for _ in range(asked["requests"]):
        words = tuple(drawn.randrange(1000) for _ in range(length))
        text = " ".join(f"w{word}" for word in words) if asked["chat"] else None
        ids = None if asked["chat"] else words
        prompts.append(Prompt(token_ids=ids, text=text, input_tokens=length, output_tokens=output))
    return prompts


def main() -> None:
    """Measure and write down."""
    asked = json.loads(sys.argv[1])
    prompts = _prompts(asked)
    how: ClosedLoop | OpenLoop = (
        OpenLoop(kind="open", rate_rps=asked["rate_rps"])
        if asked["streams"] is None
        else ClosedLoop(kind="closed", concurrency=asked["streams"])
    )
    target = load.Target(url=asked["url"], model="mock", api="chat" if asked["chat"] else "completions")
    at_last: list[float] = []

    def done(count: int) -> None:
        if count == len(prompts):
            at_last.extend([_cpu_s(), _memory("VmRSS")])

    before, held = _cpu_s(), _memory("VmRSS")
    outcome = load.measure(target, prompts, how, run="own", seed=1, request_timeout_s=120, on_done=done)
    measured = _cpu_s()
    metrics = importlib.import_module("enginebench.metrics")
    imported = _cpu_s()
    found = metrics.summarise(outcome.requests, load=how, devices=1, slo=None).metrics
    summarised = _cpu_s()
    _write(
        asked,
        outcome,
        found,
        {
            "hot_cpu_s": at_last[0] - before,
            "reading_cpu_s": measured - at_last[0],
            "summary_cpu_s": summarised - imported,
            "held_bytes_per_token": (at_last[1] - held) / max(1, sum(r.output_tokens or 0 for r in outcome.requests)),
            "peak_rss_bytes": _memory("VmHWM"),
        },
    )


def _write(asked: dict[str, Any], outcome: load.LoadOutcome, found: dict[str, Any], extra: dict[str, float]) -> None:
    import numpy as np

    good = [request for request in outcome.requests if request.status == "ok"]
    first = np.array([r.first_token_ns - r.sent_ns for r in good if r.first_token_ns is not None]) / 1e6
    lag = np.array([r.sent_ns - r.scheduled_ns for r in outcome.requests]) / 1e6
    span_ns = max(r.scheduled_ns for r in outcome.requests) - min(r.scheduled_ns for r in outcome.requests)
    extra["send_lag_p99_ms"] = float(np.percentile(lag, 99))
    if asked["streams"] is None:
        extra["offered_rps"] = (len(outcome.requests) - 1) / span_ns * 1e9

    def scaled(name: str, by: float) -> float | None:
        value = found.get(name)
        return None if value is None else value * by

    result = {
        "ttft_mean_ms": scaled("ttft_mean_ns", 1e-6),
        # The metrics refuse a p99 of few requests; beside peers that do not, it is taken from the rows.
        "ttft_p99_ms": float(np.percentile(first, 99)) if len(first) else None,
        "tpot_mean_ms": scaled("tpot_mean_ns", 1e-6),
        "itl_p99_ms": scaled("itl_p99_ns", 1e-6),
        "output_tps": scaled("output_tps_per_accelerator_whole_run", 1.0),
        "requests": len(good),
        "extra": extra,
    }
    Path(asked["out"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
