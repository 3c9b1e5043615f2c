"""What AIPerf's metrics are, whichever of its files tells them.

Read against AIPerf 0.13.0 (metrics/types/). Its clock takes events with content, as ours does; what it calls
inter-token latency is TPOT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enginebench.importers._source import MS, PER_DEPLOYMENT, S, interpolated

Averages = Mapping[str, tuple[str, str]]
"""AIPerf's tag of a metric to the figure that is its average, or its only value, and to the unit the file names."""
CHUNKS = "the tokens of the whole first event are taken off; here it is one token"
_SAME = {
    "time_to_first_token": "ttft_mean_ns",
    "request_latency": "e2el_mean_ns",
    "inter_token_latency": "tpot_mean_ns",
    "inter_chunk_latency": "itl_chunk_mean_ns",
    "output_token_throughput_per_user": "interactivity_mean_tps",
    "request_throughput": "requests_rps_whole_run",
}
_OF_TPOT = ("inter_token_latency", "output_token_throughput_per_user")
_PER_DEPLOYMENT = ("input_token_throughput", "output_token_throughput", "total_token_throughput")
_FACTORS = {"ns": 1.0, "us": 1e3, "ms": MS, "sec": S, "tokens/sec/user": 1.0, "requests/sec": 1.0}
"""From the unit that the file names to ours."""


def counted(figures: Mapping[str, Any], averages: Averages) -> dict[str, Any]:
    """Requests and their lengths, as ForeignPoint's fields."""
    found = {tag: figures.get(figure) for tag, (figure, _) in averages.items()}
    failed = found.get("error_request_count", 0 if found.get("request_error_rate") == 0 else None)
    completed = found["request_count"]
    return {
        "input_tokens": found.get("input_sequence_length"),
        "output_tokens": found.get("output_sequence_length"),
        "completed_requests": None if completed is None else int(completed),
        "failed_requests": None if failed is None else int(failed),
    }


def judged(
    figures: Mapping[str, Any], averages: Averages, no_tpot: str | None
) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Figures that are metrics of ours, and how others differ; `no_tpot` says how its TPOT does, null: it is ours."""
    unlike = interpolated(figures, lambda name: name.rpartition(".")[2])
    unlike |= {averages[tag][0]: PER_DEPLOYMENT for tag in _PER_DEPLOYMENT if tag in averages}
    same = {}
    for tag, metric in _SAME.items():
        figure, unit = averages.get(tag, ("", ""))
        if no_tpot and tag in _OF_TPOT:
            unlike[figure] = no_tpot
        elif unit in _FACTORS:
            same[figure] = (metric, _FACTORS[unit])
    return same, unlike
