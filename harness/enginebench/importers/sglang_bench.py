"""SGLang's `bench_serving --output-file`: JSON lines, one object a run.

Read against SGLang 0.5.21. TTFT is that of the first event with text; but a request ends with the last line of its
stream, `[DONE]` as a rule, so that E2EL and what is made of it end later than here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enginebench.importers._rows import Refused
from enginebench.importers._source import MS, PER_DEPLOYMENT, Source, counted_tokens
from enginebench.records import ForeignPoint

_SETTINGS = frozenset(
    {
        *("request_rate", "max_concurrency", "sharegpt_output_len"),
        *("random_input_len", "random_output_len", "random_range_ratio"),
    }
)
"""Numbers that were asked for, not found."""
_NATIVE = frozenset({"sglang", "sglang-native"})
_OPENAI = frozenset({"sglang-oai", "sglang-oai-chat", "vllm", "vllm-chat", "lmdeploy", "lmdeploy-chat"})
_END = "until the last line of the stream, as `[DONE]`; here until the last event with a token"


class SglangBench:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint | Refused]:
        """The runs in the file."""
        source = Source("sglang_bench", path, "SGLang's `bench_serving --output-file`")
        keys = ("backend", "completed", "mean_e2e_latency_ms", "mean_ttft_ms", "request_throughput")
        yield from source.runs(*keys, settings=_SETTINGS, said=_said, judged=_judged)


def _said(one: Mapping[str, Any]) -> Mapping[str, Any]:
    # A ratio below 1 draws lengths between it and what was asked for.
    exact = str(one.get("dataset_name")).startswith("random") and one.get("random_range_ratio") == 1
    return {
        "model": (one.get("server_info") or {}).get("model_path"),
        "engine": one["backend"],
        "concurrency": one.get("max_concurrency"),
        "rate_rps": one.get("request_rate"),
        "input_tokens": one.get("random_input_len") if exact else counted_tokens(one, "input"),
        "output_tokens": one.get("random_output_len") if exact else counted_tokens(one, "output"),
        "completed_requests": one["completed"],
    }


def _judged(one: Mapping[str, Any]) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Figures that are metrics of ours, and how others differ."""
    same = {"request_throughput": ("requests_rps_whole_run", 1.0)}
    unlike = dict.fromkeys(("input_throughput", "output_throughput", "total_throughput"), PER_DEPLOYMENT)
    unlike |= dict.fromkeys(("mean_e2e_latency_ms", "mean_tpot_ms"), _END)
    unlike["concurrency"] = "sum of the latencies / duration: found, not asked for"
    if one["backend"] in _NATIVE | _OPENAI:
        same["mean_ttft_ms"] = ("ttft_mean_ns", MS)
    else:
        unlike["mean_ttft_ms"] = (
            f"what its clock takes for a first token with backend {one['backend']} is not known here"
        )
    if one["backend"] in _NATIVE:
        same["mean_itl_ms"] = ("itl_token_mean_ns", MS)
    elif one["backend"] in _OPENAI and not one.get("accept_length"):
        same["mean_itl_ms"] = ("itl_chunk_mean_ns", MS)
    else:
        unlike["mean_itl_ms"] = "each gap may be spread over the tokens that the tool's own tokenizer finds in its text"
    return same, unlike


IMPORTER = SglangBench()
