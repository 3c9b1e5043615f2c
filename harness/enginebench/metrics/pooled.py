"""Latencies and peaks of many requests as one pool. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from enginebench.metrics.order import needed_samples
from enginebench.records import Request, record

P99 = 0.99


@record
class Spread:
    """One latency over all requests, ms; null where it can't be said."""

    n: int
    """Samples."""
    mean_ms: float | None
    """Mean."""
    median_ms: float | None
    """Median, an order statistic."""
    std_ms: float | None
    """Standard deviation."""
    p99_ms: float | None
    """99th percentile, an order statistic."""
    why_no_p99: str
    """Why it is null; empty: it is not."""


def samples_ns(requests: Sequence[Request]) -> Mapping[str, NDArray[np.float64]]:
    """TTFT, TPOT, ITL and E2EL of the requests that ended well, as docs/metrics.md defines them, ns."""
    spans = [
        (r, r.first_token_ns - r.sent_ns, r.last_token_ns - r.sent_ns)
        for r in requests
        if r.status == "ok" and r.first_token_ns is not None and r.last_token_ns is not None
    ]
    gaps = [np.diff(np.array(r.event_ns, dtype=np.float64)) for r, _, _ in spans if len(r.event_ns) > 1]
    counted = [(r.output_tokens, first, last) for r, first, last in spans if r.output_tokens is not None]
    return {
        "ttft": np.array([first for _, first, _ in spans], dtype=float),
        "tpot": np.array(
            [(last - first) / (n - 1) for n, first, last in counted if n >= 2 and last > first], dtype=float
        ),
        "itl": np.concatenate(gaps) if gaps else np.array([]),
        "e2el": np.array([last for _, _, last in spans], dtype=float),
    }


def spread(values_ns: NDArray[np.float64]) -> Spread:
    """Mean, median, deviation and p99 of samples in ns."""
    n = len(values_ns)
    if not n:
        return Spread(n=0, mean_ms=None, median_ms=None, std_ms=None, p99_ms=None, why_no_p99="no samples")
    ms = values_ns / 1e6
    enough = n >= needed_samples(P99)
    return Spread(
        n=n,
        mean_ms=float(ms.mean()),
        median_ms=float(np.quantile(ms, 0.5, method="inverted_cdf")),
        std_ms=float(ms.std()),
        p99_ms=float(np.quantile(ms, P99, method="inverted_cdf")) if enough else None,
        why_no_p99="" if enough else f"p99 needs {needed_samples(P99)} samples, here are {n}",
    )


def most_in_flight(requests: Sequence[Request]) -> int:
    """Most requests between send and end at one time."""
    steps = sorted([(r.sent_ns, 1) for r in requests] + [(r.end_ns, -1) for r in requests])
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def most_tokens_in_a_second(requests: Sequence[Request]) -> float | None:
    """Most output tokens that arrived in one whole second since the first send; null where tokens are not counted."""
    good = [r for r in requests if r.status == "ok" and r.event_ns]
    if not good or any(r.output_tokens is None for r in good):
        return None
    begin_ns = min(r.sent_ns for r in good)
    seconds = np.concatenate([(np.array(r.event_ns) - begin_ns) // 1_000_000_000 for r in good])
    weights = np.concatenate([np.full(len(r.event_ns), (r.output_tokens or 0) / len(r.event_ns)) for r in good])
    return float(np.bincount(seconds, weights=weights).max())
