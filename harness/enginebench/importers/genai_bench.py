"""genai-bench's JSON of one scenario and load, as `D16_16_text-to-text_num_concurrency_4_time_1s.json`.

Read against genai-bench 0.0.5. TTFT is that of the first event with content or reasoning; a request ends with its
stream's last event, which reports the usage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enginebench.importers._source import MS, PER_DEPLOYMENT, S, Source, flat, interpolated
from enginebench.records import ForeignPoint

_SETTINGS = frozenset({"num_concurrency", "batch_size"})
"""Numbers that were asked for, not found."""
_FACTORS = {"ms": MS, "s": S}
_END = "until the event that reports the usage, or the stream's end; here until the last event with a token"
_RATES = ("mean_input_throughput_tokens_per_s", "mean_output_throughput_tokens_per_s")


class GenaiBench:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint]:
        """The run in the file."""
        source = Source("genai_bench", path, "`genai-bench benchmark`, of one scenario and load")
        document = source.document()
        source.expect(document, "aggregated_metrics", "_time_unit")
        one = document["aggregated_metrics"]
        source.expect(one, "scenario", "num_concurrency", "num_completed_requests", "num_error_requests", "stats")
        figures = flat({name: value for name, value in one.items() if name not in _SETTINGS})
        same = {}
        if document["_time_unit"] in _FACTORS:
            same["stats.ttft.mean"] = ("ttft_mean_ns", _FACTORS[document["_time_unit"]])
        unlike = interpolated(figures, lambda name: name.rpartition(".")[2])
        unlike |= dict.fromkeys((*_RATES, "mean_total_tokens_throughput_tokens_per_s"), PER_DEPLOYMENT)
        unlike |= dict.fromkeys(("stats.tpot.mean", "stats.e2e_latency.mean"), _END)
        unlike["stats.output_inference_speed.mean"] = f"mean of 1 / TPOT, and that runs {_END}"
        unlike["requests_per_second"] = "over the tool's own span; here from the first send to the last end"
        yield source.point(0, _said(one, figures), figures, same, unlike)


def _said(one: Mapping[str, Any], figures: Mapping[str, Any]) -> Mapping[str, Any]:
    # `D(ISL,OSL)` asks for exact lengths; other scenarios draw them.
    exact = re.fullmatch(r"D\((\d+),\s*(\d+)\)", str(one["scenario"]))
    asked = (int(exact[1]), int(exact[2])) if exact else (None, None)
    return {
        "concurrency": one["num_concurrency"],
        "input_tokens": asked[0] or figures.get("stats.num_input_tokens.mean"),
        "output_tokens": asked[1] or figures.get("stats.num_output_tokens.mean"),
        "completed_requests": one["num_completed_requests"],
        "failed_requests": one["num_error_requests"],
    }


IMPORTER = GenaiBench()
