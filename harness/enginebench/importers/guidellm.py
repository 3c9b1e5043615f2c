"""GuideLLM's JSON output: one object, of one benchmark or of one a load.

Read against GuideLLM 0.8.1. Means of times per token are over tokens, not over requests: the same as ours only where
all answers were of one length, which the file tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enginebench.importers._rows import Refused, each
from enginebench.importers._source import MS, PER_DEPLOYMENT, Source, flat
from enginebench.records import ForeignPoint

_MEAN = ".successful.mean"
_PER_TOKEN = {"inter_token_latency_ms": "tpot_mean_ns", "time_per_output_token_ms": "tpot_guidellm_mean_ns"}
"""Its ITL is (last - first token) / (tokens - 1), and its TPOT has the first token in it."""
_WEIGHED = "a mean over tokens, so that long answers count more; here it is over requests"
_ANY_NUMBER = "given from however few samples; here a percentile needs enough of them for an interval"
_RATE = "over the measured span, from which warm-up and cool-down are left out; here it is over the whole run"


class Guidellm:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint | Refused]:
        """The benchmarks in the file."""
        source = Source("guidellm", path, "`guidellm run --output kind=json,path=FILE`")
        document = source.document()
        source.expect(document, "benchmarks", "metadata")
        if not document["benchmarks"]:
            raise source.wrong("holds no benchmark")
        version = document["metadata"].get("guidellm_version")

        def point(place: int, one: Mapping[str, Any]) -> ForeignPoint:
            source.expect(one, "metrics", "config", "start_time")
            figures = flat(one["metrics"]) | {"duration": one.get("duration")}
            same, unlike = _judged(figures)
            return source.point(place, {"tool_version": version, **_said(one, figures)}, figures, same, unlike)

        found = document["benchmarks"]
        yield from each(((f"benchmark {number}", one) for number, one in enumerate(found, start=1)), point)


def _said(one: Mapping[str, Any], figures: Mapping[str, Any]) -> Mapping[str, Any]:
    backend, strategy = one["config"].get("backend") or {}, one["config"].get("strategy") or {}
    return {
        "date": str(one["start_time"]),
        "model": backend.get("model"),
        "engine": backend.get("request_format") or backend.get("kind"),
        # An open loop may have a bound as well, which is no load that was asked for.
        "concurrency": strategy.get("streams"),
        "rate_rps": strategy.get("rate"),
        "input_tokens": figures.get(f"prompt_token_count{_MEAN}"),
        "output_tokens": figures.get(f"output_token_count{_MEAN}"),
        "completed_requests": figures.get("request_totals.successful"),
        "failed_requests": figures.get("request_totals.errored"),
    }


def _judged(figures: Mapping[str, Any]) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Figures that are metrics of ours, and how others differ."""
    same = {f"time_to_first_token_ms{_MEAN}": ("ttft_mean_ns", MS)}
    unlike = {f"request_latency{_MEAN}": "until the stream has ended; here until the last event with a token"}
    unlike[f"requests_per_second{_MEAN}"] = _RATE
    for name in ("prompt_tokens_per_second", "output_tokens_per_second", "tokens_per_second"):
        unlike[f"{name}{_MEAN}"] = f"{_RATE}; {PER_DEPLOYMENT}"
    one_length = figures.get("output_token_count.successful.std_dev") == 0
    for name, metric in _PER_TOKEN.items():
        if one_length:
            same[f"{name}{_MEAN}"] = (metric, MS)
        else:
            unlike[f"{name}{_MEAN}"] = _WEIGHED
    for name in figures:
        if ".percentiles." in name or name.endswith(".median"):
            unlike[name] = _ANY_NUMBER
    return same, unlike


IMPORTER = Guidellm()
