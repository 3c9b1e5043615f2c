"""AIPerf's `profile_export_aiperf.json`: one object a run.

Read against AIPerf 0.13.0. Its clock takes events with content, as ours does; what it calls inter-token latency
is TPOT.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enginebench.importers._source import MS, PER_DEPLOYMENT, S, Source, flat, interpolated
from enginebench.records import ForeignPoint

_SAME = {
    "time_to_first_token.avg": "ttft_mean_ns",
    "request_latency.avg": "e2el_mean_ns",
    "inter_token_latency.avg": "tpot_mean_ns",
    "inter_chunk_latency.avg": "itl_chunk_mean_ns",
    "output_token_throughput_per_user.avg": "interactivity_mean_tps",
    "request_throughput.avg": "requests_rps_whole_run",
}
_OF_TPOT = ("inter_token_latency.avg", "output_token_throughput_per_user.avg")
_FACTORS = {"ns": 1.0, "us": 1e3, "ms": MS, "sec": S, "tokens/sec/user": 1.0, "requests/sec": 1.0}
"""From the unit that the file names to ours."""


class Aiperf:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint]:
        """The run in the file."""
        source = Source("aiperf", path, "`aiperf profile` (profile_export_aiperf.json)")
        one = source.document()
        source.expect(one, "aiperf_version", "input_config", "request_count")
        metrics = {name: value for name, value in one.items() if isinstance(value, Mapping) and "unit" in value}
        figures = flat(metrics)
        units = {f"{name}.avg": value["unit"] for name, value in metrics.items()}
        same = {name: (metric, _FACTORS[units[name]]) for name, metric in _SAME.items() if units.get(name) in _FACTORS}
        unlike = interpolated(figures, lambda name: name.rpartition(".")[2])
        for name in ("input_token_throughput", "output_token_throughput", "total_token_throughput"):
            unlike[f"{name}.avg"] = PER_DEPLOYMENT
        if (one["input_config"].get("endpoint") or {}).get("per_chunk_usage"):
            for name in _OF_TPOT:
                same.pop(name, None)
                unlike[name] = "the tokens of the whole first event are taken off; here it is one token"
        yield source.point(0, _said(one, figures), figures, same, unlike)


def _said(one: Mapping[str, Any], figures: Mapping[str, Any]) -> Mapping[str, Any]:
    config = one["input_config"]
    models = [item.get("name") for item in (config.get("models") or {}).get("items", [])]
    phases = [phase for phase in config.get("phases") or [] if phase.get("kind") == "profiling"]
    # Of several phases, or models, none is that of the figures.
    phase = phases[0] if len(phases) == 1 else {}
    failed = figures.get("error_request_count.avg", 0 if figures.get("request_error_rate.avg") == 0 else None)
    return {
        "tool_version": one["aiperf_version"],
        "date": one.get("start_time"),
        "model": models[0] if len(models) == 1 else None,
        "engine": (config.get("endpoint") or {}).get("type"),
        "concurrency": phase.get("concurrency"),
        "rate_rps": phase.get("rate"),
        "input_tokens": figures.get("input_sequence_length.avg"),
        "output_tokens": figures.get("output_sequence_length.avg"),
        "completed_requests": int(figures["request_count.avg"]),
        "failed_requests": None if failed is None else int(failed),
    }


IMPORTER = Aiperf()
