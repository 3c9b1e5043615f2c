"""The files: JSON that readers of `vllm bench serve`'s JSON understand, and the requests as Parquet.

Keys and units at the top are vLLM's, as `metrics/vllm_keys.py` has them. Ours stands under the one key `enginebench`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enginebench import __version__
from enginebench.analysis.limit import Found
from enginebench.bench.measuring import BenchRun
from enginebench.bench.options import Settings
from enginebench.intervals import interval
from enginebench.metrics import vllm_keys
from enginebench.records import Stop, plain


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
        **vllm_keys.head(
            at=datetime.now(UTC),
            backend=asked.backend,
            model=model,
            tokenizer=asked.tokenizer or model,
            requests=len(requests),
            burstiness=asked.burstiness,
            **_load(asked, runs),
        ),
        **totals(runs),
        **vllm_keys.latencies(requests),
    }
    if asked.detailed:
        top |= _details(runs)
    told = _told(asked, every, stop, found, interrupted)
    return {**top, "enginebench": told}


def _load(asked: Settings, runs: Sequence[BenchRun]) -> dict[str, Any]:
    how = runs[0].load if runs else None
    return {
        "request_rate": getattr(how, "rate_rps", "inf"),
        "max_concurrency": getattr(how, "concurrency", None) if asked.max_concurrency or asked.find else None,
    }


def totals(runs: Sequence[BenchRun]) -> dict[str, Any]:
    """Counts and rates of all runs together."""
    return vllm_keys.totals(
        [
            vllm_keys.Measured(
                requests=run.requests,
                duration_ns=run.summary.duration_ns,
                goodput_rps=run.summary.metrics["goodput_rps"],
            )
            for run in runs
        ]
    )


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
