"""`vllm bench serve --save-result` (or `--append-result`): JSON, one object a run.

Read against vLLM 0.32.0. Its clock takes the first event that has a choice, a chat's role among them, for the first
token, and the last such event for the last; its means are over requests that ended well. A file of this shape that
enginebench wrote says so under `enginebench`: its figures are ours by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enginebench.importers._rows import Refused
from enginebench.importers._source import MS, PER_DEPLOYMENT, Source, counted_tokens
from enginebench.records import ForeignPoint

_SETTINGS = frozenset({"num_prompts", "request_rate", "burstiness", "max_concurrency"})
"""Numbers that were asked for, not found."""
_RATES = {
    "output_throughput": "output_tps_per_accelerator_whole_run",
    "total_token_throughput": "total_tps_per_accelerator_whole_run",
}
"""Rates that are metrics of ours once divided by the accelerators."""
_COMPLETIONS = frozenset({"openai", "vllm"})
_CHAT = frozenset({"openai-chat"})
_POOLED = "of several runs as one; here it is of one run"
_FEW = "given from however few samples; here a percentile needs enough of them"
_FIRST = "from the first event, which in a chat may hold a role and no token"


class VllmBench:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint | Refused]:
        """The runs in the file."""
        source = Source("vllm_bench", path, "`vllm bench serve --save-result`")
        keys = ("endpoint_type", "model_id", "num_prompts", "completed", "request_throughput")
        yield from source.runs(*keys, settings=_SETTINGS, said=_said, judged=_judged)


def _said(one: Mapping[str, Any]) -> Mapping[str, Any]:
    ours = one.get("enginebench")
    return {
        "tool_version": f"enginebench {ours['version']}" if ours else None,
        "date": one.get("date"),
        "model": one["model_id"],
        "engine": one["endpoint_type"],
        "concurrency": one.get("max_concurrency"),
        "rate_rps": one.get("request_rate"),
        # What was asked for is not in the file.
        "input_tokens": counted_tokens(one, "input"),
        "output_tokens": counted_tokens(one, "output"),
        "completed_requests": one["completed"],
        "failed_requests": one.get("failed"),
    }


def _judged(one: Mapping[str, Any]) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Figures that are metrics of ours, and how others differ."""
    if one.get("enginebench"):
        return _ours(one["enginebench"])
    backend = one["endpoint_type"]
    same = {"request_throughput": ("requests_rps_whole_run", 1.0)}
    unlike = dict.fromkeys(_RATES, PER_DEPLOYMENT)
    unlike["request_goodput"] = "the limits that it was held to are not in the file"
    unlike["mean_itl_ms"] = "gaps between events that have a choice: a role or a last event without text is one of them"
    if backend in _COMPLETIONS:
        same |= {"mean_ttft_ms": ("ttft_mean_ns", MS), "mean_tpot_ms": ("tpot_mean_ns", MS)}
        same["mean_e2el_ms"] = ("e2el_mean_ns", MS)
    elif backend in _CHAT:
        same |= {"mean_ttft_ms": ("ttft_first_event_mean_ns", MS), "mean_e2el_ms": ("e2el_mean_ns", MS)}
        unlike["mean_tpot_ms"] = _FIRST
    else:
        for name in ("mean_ttft_ms", "mean_tpot_ms", "mean_e2el_ms"):
            unlike[name] = f"when its clock starts and stops with backend {backend} is not known here"
    return same, unlike


def _ours(told: Mapping[str, Any]) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Of a file that enginebench wrote: of a stored run all, of `enginebench bench` what a run has."""
    names = ("ttft", "tpot", "itl", "e2el")
    same = {"request_throughput": ("requests_rps_whole_run", 1.0), "request_goodput": ("goodput_rps", 1.0)}
    same |= {f"{word}_{name}_ms": (f"{name}_{word}_ns", MS) for name in names for word in ("mean", "p99")}
    medians = {f"median_{name}_ms": (f"{name}_p50_ns", MS) for name in names}
    if len(told.get("runs", [told])) > 1:
        return {}, dict.fromkeys({**same, **medians}, _POOLED)
    devices = told.get("devices")
    if devices is None:  # of `enginebench bench`, to which a server does not say how many serve it
        return same, dict.fromkeys(medians, _FEW) | dict.fromkeys(_RATES, PER_DEPLOYMENT)
    return same | medians | {name: (metric, 1 / devices) for name, metric in _RATES.items()}, {}


IMPORTER = VllmBench()
