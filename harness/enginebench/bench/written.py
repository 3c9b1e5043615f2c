"""The files: JSON that readers of `vllm bench serve`'s JSON understand, and the requests as Parquet.

Keys and units at the top are vLLM 0.32's (`vllm/benchmarks/serve.py`, November 2026): rates a second, `_ms` in ms,
lists in s. What can't be said is null. Ours stands under the one key `enginebench`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enginebench import __version__
from enginebench.analysis.limit import Found
from enginebench.bench.figures import most_in_flight, most_tokens_in_a_second, samples_ns, spread
from enginebench.bench.measuring import BenchRun
from enginebench.bench.options import Settings
from enginebench.intervals import interval
from enginebench.records import Request, Stop, plain


def result(
    asked: Settings,
    model: str,
    runs: Sequence[BenchRun],
    *,
    every: Sequence[BenchRun],
    stop: Stop | None = None,
    found: Found | None = None,
    interrupted: bool = False,
) -> dict[str, Any]:
    """What the JSON holds: the figures at its top are those of `runs`, as one; `every` run is told below."""
    requests = [request for run in runs for request in run.requests]
    top: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y%m%d-%H%M%S}",
        "endpoint_type": asked.backend,
        "backend": asked.backend,
        "label": None,
        "model_id": model,
        "tokenizer_id": asked.tokenizer or model,
        "num_prompts": len(requests),
        **_load(asked, runs),
        **totals(runs),
        **_latencies(requests),
    }
    if asked.detailed:
        top |= _details(runs)
    told = _told(asked, every, stop, found, interrupted)
    return {**top, "enginebench": told}


def _load(asked: Settings, runs: Sequence[BenchRun]) -> dict[str, Any]:
    how = runs[0].load if runs else None
    return {
        "request_rate": getattr(how, "rate_rps", "inf"),
        "burstiness": asked.burstiness,
        "max_concurrency": getattr(how, "concurrency", None) if asked.max_concurrency or asked.find else None,
    }


def totals(runs: Sequence[BenchRun]) -> dict[str, Any]:
    """Counts and rates of all runs together, over the time from first send to last end of each."""
    requests = [request for run in runs for request in run.requests]
    good = [request for request in requests if request.status == "ok"]
    seconds = sum(run.summary.duration_ns for run in runs) / 1e9
    counted = [request.output_tokens for request in good]
    written = None if None in counted else sum(count or 0 for count in counted)
    read = sum(request.input_tokens for request in good)
    goodputs = [(run.summary.metrics["goodput_rps"], run.summary.duration_ns / 1e9) for run in runs]
    kept = None if any(value is None for value, _ in goodputs) else sum((v or 0) * s for v, s in goodputs)

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
        "max_output_tokens_per_s": max((one for one in map(_peak, runs) if one is not None), default=None),
        "max_concurrent_requests": max((most_in_flight(run.requests) for run in runs), default=None),
        "rtfx": None,
    }


def _peak(run: BenchRun) -> float | None:
    return most_tokens_in_a_second(run.requests)


def _latencies(requests: Sequence[Request]) -> dict[str, float | None]:
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


def _details(runs: Sequence[BenchRun]) -> dict[str, list[Any]]:
    """A value a request, in the order of the prompts; times in s, starts since the start of the first run."""
    rows = [(request, run.offset_ns) for run in runs for request in run.requests]

    def since(at_ns: int | None, begin_ns: int) -> float | None:
        return None if at_ns is None else (at_ns - begin_ns) / 1e9

    return {
        "input_lens": [r.input_tokens for r, _ in rows],
        "output_lens": [r.output_tokens if r.status == "ok" else 0 for r, _ in rows],
        "ttfts": [since(r.first_token_ns, r.sent_ns) for r, _ in rows],
        "itls": [[(b - a) / 1e9 for a, b in zip(r.event_ns, r.event_ns[1:], strict=False)] for r, _ in rows],
        "latencies": [since(r.last_token_ns, r.sent_ns) for r, _ in rows],
        "start_times": [(offset_ns + r.sent_ns) / 1e9 for r, offset_ns in rows],
        "queue_times": [since(r.sent_ns, r.scheduled_ns) for r, _ in rows],
        "errors": [r.error or "" for r, _ in rows],
    }


def _told(
    asked: Settings, runs: Sequence[BenchRun], stop: Stop | None, found: Found | None, interrupted: bool
) -> dict[str, Any]:
    """Ours: what was asked, every run with its metrics in our units, intervals over repeats, why it ended."""
    return {
        "format": "enginebench.bench/1",
        "version": __version__,
        "url": asked.url,
        "workload": plain(asked.workload),
        "seed": asked.seed,
        "body": plain(asked.body),
        "objective": plain(asked.objective),
        "interrupted": interrupted,
        "runs": [
            {
                "id": run.id,
                "load": plain(run.load),
                "window_ns": plain(run.summary.window_ns),
                "metrics": plain(run.summary.metrics),
                "absent": plain(run.summary.absent),
                "marks": list(run.marks),
                **run.outcome,
            }
            for run in runs
        ],
        "intervals": intervals(runs) if found is None else {},
        "stop": plain(stop),
        "limit": plain(found),
    }


def intervals(runs: Sequence[BenchRun]) -> dict[str, Any]:
    """Metric to its 95 % interval over the runs, of those that every run has; empty with a single run."""
    if len(runs) < 2:
        return {}
    names: Mapping[str, float | None] = runs[0].summary.metrics
    values = {name: [run.summary.metrics[name] for run in runs] for name in names}
    return {
        name: plain(interval([value for value in row if value is not None], [""] * len(runs)))
        for name, row in values.items()
        if all(value is not None for value in row)
    }


def write(told: Mapping[str, Any], runs: Sequence[BenchRun], path: Path, *, chunk_times: bool) -> Path:
    """Write the JSON to `path` and the requests beside it, with the times of events or not; gives the second path."""
    from enginebench import tables

    path.write_text(json.dumps(told, allow_nan=False) + "\n", encoding="utf-8")
    rows = path.with_suffix(".parquet")
    tables.write_requests([request for run in runs for request in run.requests], rows, chunk_times=chunk_times)
    return rows
