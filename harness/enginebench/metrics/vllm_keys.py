"""What requests come to under the keys of `vllm bench serve`'s JSON. Pure.

Keys and units are vLLM 0.32's (`vllm/benchmarks/serve.py`, November 2026): rates a second, `_ms` in ms, lists in s; the
definitions are ours, as docs/metrics.md has them. What can't be said is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from enginebench.metrics.pooled import most_in_flight, most_tokens_in_a_second, samples_ns, spread
from enginebench.records import Request, record

LATENCIES = ("ttft", "tpot", "itl", "e2el")
"""Latencies that have a mean, a median, a deviation and a p99."""


@record
class Measured:
    """One run, or one of several that are told as one."""

    requests: Sequence[Request]
    """Every request."""
    duration_ns: int
    """First send to last end."""
    goodput_rps: float | None
    """Requests a second that met every limit; null: none was stated, or not known."""


def head(
    *,
    at: datetime,
    backend: str | None,
    model: str,
    tokenizer: str | None,
    requests: int | None,
    request_rate: float | str | None,
    burstiness: float | None,
    max_concurrency: int | None,
) -> dict[str, Any]:
    """What was asked, and when; `request_rate` is in requests a second, `inf` in words where none was asked for."""
    return {
        "date": f"{at:%Y%m%d-%H%M%S}",
        "endpoint_type": backend,
        "backend": backend,
        "label": None,
        "model_id": model,
        "tokenizer_id": tokenizer,
        "num_prompts": requests,
        "request_rate": request_rate,
        "burstiness": burstiness,
        "max_concurrency": max_concurrency,
    }


def totals(runs: Sequence[Measured]) -> dict[str, Any]:
    """Counts and rates of all runs together, over the time from first send to last end of each."""
    requests = [request for run in runs for request in run.requests]
    good = [request for request in requests if request.status == "ok"]
    seconds = sum(run.duration_ns for run in runs) / 1e9
    counted = [request.output_tokens for request in good]
    written = None if None in counted else sum(count or 0 for count in counted)
    read = sum(request.input_tokens for request in good)
    goodputs = [(run.goodput_rps, run.duration_ns / 1e9) for run in runs]
    kept = None if any(value is None for value, _ in goodputs) else sum((v or 0) * s for v, s in goodputs)
    peaks = [most_tokens_in_a_second(run.requests) for run in runs]

    def a_second(amount: float | None) -> float | None:
        return None if amount is None or not seconds else amount / seconds

    return {
        "duration": seconds or None,
        "completed": len(good),
        "failed": len(requests) - len(good),
        "total_input_tokens": read,
        "total_output_tokens": written,
        "request_throughput": a_second(len(good)),
        "request_goodput": a_second(kept),
        "output_throughput": a_second(written),
        "total_token_throughput": a_second(None if written is None else read + written),
        "max_output_tokens_per_s": max((one for one in peaks if one is not None), default=None),
        "max_concurrent_requests": max((most_in_flight(run.requests) for run in runs), default=None),
        "rtfx": None,
    }


def latencies(requests: Sequence[Request]) -> dict[str, float | None]:
    """Mean, median, deviation and p99 of each latency over all requests, ms."""
    told: dict[str, float | None] = {}
    for name, values in samples_ns(requests).items():
        found = spread(values)
        told |= {
            f"mean_{name}_ms": found.mean_ms,
            f"median_{name}_ms": found.median_ms,
            f"std_{name}_ms": found.std_ms,
            f"p99_{name}_ms": found.p99_ms,
        }
    return told


def stored(metrics: Mapping[str, float | None], devices: int) -> dict[str, float | None]:
    """Those figures that a run's stored metrics are, in the units of these keys; `devices` served it."""
    told: dict[str, float | None] = {
        "request_throughput": metrics.get("requests_rps_whole_run"),
        "request_goodput": metrics.get("goodput_rps"),
        "output_throughput": _times(metrics.get("output_tps_per_accelerator_whole_run"), devices),
        "total_token_throughput": _times(metrics.get("total_tps_per_accelerator_whole_run"), devices),
    }
    for name in LATENCIES:
        for word, statistic in (("mean", "mean"), ("median", "p50"), ("p99", "p99")):
            told[f"{word}_{name}_ms"] = _times(metrics.get(f"{name}_{statistic}_ns"), 1e-6)
    return told


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
