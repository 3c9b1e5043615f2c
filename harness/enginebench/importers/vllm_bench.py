"""`vllm bench serve --save-result` (or `--append-result`): JSON, one object a run.

Read against vLLM 0.32.0. Its clock takes the first event that has a choice, a chat's role among them, for the first
token, and the last such event for the last; its means are over requests that ended well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enginebench.importers._rows import Refused, each, rows
from enginebench.importers._source import MS, PER_DEPLOYMENT, Source, interpolated
from enginebench.records import ForeignPoint

_SETTINGS = frozenset({"num_prompts", "request_rate", "burstiness", "max_concurrency"})
"""Numbers that were asked for, not found."""
_COMPLETIONS = frozenset({"openai", "vllm"})
_CHAT = frozenset({"openai-chat"})
_FIRST = "from the first event, which in a chat may hold a role and no token"


class VllmBench:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint | Refused]:
        """The runs in the file."""
        source = Source("vllm_bench", path, "`vllm bench serve --save-result`")

        def point(place: int, one: Mapping[str, Any]) -> ForeignPoint:
            source.expect(one, "endpoint_type", "model_id", "num_prompts", "completed", "request_throughput")
            figures = {name: value for name, value in one.items() if name not in _SETTINGS}
            same, unlike = _judged(one["endpoint_type"], figures)
            return source.point(place, _said(one), figures, same, unlike)

        yield from each(rows(source), point)


def _said(one: Mapping[str, Any]) -> Mapping[str, Any]:
    completed = one["completed"]
    return {
        "date": one.get("date"),
        "model": one["model_id"],
        "engine": one["endpoint_type"],
        "concurrency": one.get("max_concurrency"),
        "rate_rps": one.get("request_rate"),
        # What was asked for is not in the file.
        "input_tokens": one["total_input_tokens"] / completed if completed and "total_input_tokens" in one else None,
        "output_tokens": one["total_output_tokens"] / completed if completed and "total_output_tokens" in one else None,
        "completed_requests": completed,
        "failed_requests": one.get("failed"),
    }


def _judged(backend: str, figures: Mapping[str, Any]) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Figures that are metrics of ours, and how others differ."""
    same = {"request_throughput": ("requests_rps_whole_run", 1.0)}
    unlike = {"output_throughput": PER_DEPLOYMENT, "total_token_throughput": PER_DEPLOYMENT}
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
    return same, unlike | interpolated(figures, lambda name: name.partition("_")[0])


IMPORTER = VllmBench()
