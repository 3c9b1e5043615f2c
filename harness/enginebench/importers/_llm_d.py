"""What llm-d's benchmark reports say, and what their figures mean: what the tool does whose file a report was made of.

Read against llm-d-benchmark at 8bc9f1d, August 2026 (benchmark_report/native_to_br0_1.py and _2.py), inference-perf at
7de5ef2 (0.5.0; reportgen/base.py, apis/streaming_parser.py), the other tools as their own importers are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enginebench.importers._aiperf import CHUNKS
from enginebench.importers._source import MS, S, interpolated

_TTFT, _E2EL = "latency.time_to_first_token.mean", "latency.request_latency.mean"
_TPOT, _ITL = "latency.time_per_output_token.mean", "latency.inter_token_latency.mean"
_RATES = ("throughput.request_rate.mean", "throughput.requests_per_sec")
"""Names of 0.2 and of 0.1."""
_WHOLE_RUN = dict.fromkeys(_RATES, "requests_rps_whole_run")
_FACTORS = {"ms": MS, "ms/token": MS, "s": S, "s/token": S}
"""From the report's units to ours; rates have none to turn."""
_BACKEND = "of `vllm bench serve`, whose clock depends on its backend, which the report does not name"
_KINDS = "number of kinds of error, not of requests"
_STREAM = "until the stream has ended; here until the last event with a token"
_WEIGHED = "a mean over tokens, so that long answers count more; here it is over requests"
_SPAN = "over the measured span, from which warm-up and cool-down are left out; here it is over the whole run"
_CONTENT = "of inference-perf: the first content, be there reasoning before it, of answers of more than one token"
_RETOKENIZED = "by tokens that inference-perf's own tokenizer counts, unless told to take the server's"
_WITHIN = "of inference-perf: tokens of one event are 0 apart"
_GAPS = "gaps between events that have a choice: a role or a last event without text is one of them"
_PER_DEPLOYMENT = "of the whole deployment; here it is per accelerator"


def report_01(one: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any], dict[str, Any]]:
    """Where the figures stand; what measured them, how it was asked and what `served`; ForeignPoint's fields."""
    scenario, load = one["scenario"], one["scenario"]["load"]
    asked, engines = load.get("args") or {}, (scenario.get("platform") or {}).get("engine") or []
    start = (one["metrics"].get("time") or {}).get("start")
    said = {
        "date": None if start is None else str(start),
        "model": _same_of_all([scenario["model"]["name"]]),
        "engine": _same_of_all(engine.get("name") for engine in engines),
        "concurrency": asked.get("max_concurrency"),
        "rate_rps": asked.get("request_rate"),
    }
    served = {key: scenario[key] for key in ("host", "platform", "model") if key in scenario}
    return one["metrics"], {"tool": load["name"], "served": served}, said


def report_02(one: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any], dict[str, Any]]:
    """The same of version 0.2."""
    results, scenario = one["results"], one.get("scenario") or {}
    load, time = scenario.get("load") or {}, one["run"].get("time") or {}
    asked, parts = load.get("standardized") or {}, [part["standardized"] for part in scenario.get("stack") or []]
    engines = [part for part in parts if part["kind"] == "inference_engine"]
    date = time.get("start") or time.get("end")
    said = {
        "date": None if date is None else str(date),
        "model": _same_of_all((engine.get("model") or {}).get("name") for engine in engines),
        "engine": _same_of_all(engine.get("tool") for engine in engines),
        "concurrency": asked.get("concurrency"),
        "rate_rps": asked.get("rate_qps"),
        "input_tokens": (asked.get("input_seq_len") or {}).get("value"),
        "output_tokens": (asked.get("output_seq_len") or {}).get("value"),
    }
    told = {key: results[key] for key in ("session_performance", "observability") if key in results}
    aggregate = (results.get("request_performance") or {}).get("aggregate") or {}
    return told | aggregate, asked | {"native": load.get("native"), "served": {"stack": parts}}, said


def _same_of_all(values: Iterable[str | None]) -> str | None:
    """The one value that all have; null where they differ, or where it is the report's word for none."""
    found = {*values}
    return found.pop() if len(found) == 1 and not found & {"", "unknown"} else None


def judged(
    tool: str, native: Mapping[str, Any], figures: Mapping[str, Any], units: Mapping[str, str]
) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Figures that are metrics of ours, and how others differ; `native` is how `tool` itself was asked."""
    like, unlike = _TOOLS[tool](native, figures) if tool in _TOOLS else ({}, {})
    if tool not in _TOOLS:
        names = (_TTFT, _TPOT, _ITL, _E2EL, *_RATES)
        unlike = dict.fromkeys(names, f"when the clock of {tool or 'its tool'} starts and stops is not known here")
    kinds = ("input_token_rate.mean", "output_token_rate.mean", "total_token_rate.mean")
    older = ("input_tokens_per_sec", "output_tokens_per_sec", "total_tokens_per_sec")
    unlike |= {f"throughput.{name}": _PER_DEPLOYMENT for name in (*kinds, *older)}
    same = {}
    for name, metric in like.items():
        unit = units.get(name.rpartition(".")[0], "")
        if metric.endswith("_rps_whole_run") or unit in _FACTORS:
            same[name] = (metric, _FACTORS.get(unit, 1.0))
    return same, interpolated(figures, lambda name: name.rpartition(".")[2]) | unlike


def _vllm(native: Mapping[str, Any], figures: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    args = native.get("args") or {}
    backend = args.get("backend") or args.get("endpoint-type")
    if backend in ("openai", "vllm"):
        latencies = {_TTFT: "ttft_mean_ns", _TPOT: "tpot_mean_ns", _E2EL: "e2el_mean_ns"}
        return _WHOLE_RUN | latencies, {_ITL: _GAPS}
    return _WHOLE_RUN, dict.fromkeys((_TTFT, _TPOT, _E2EL), _BACKEND) | {_ITL: _GAPS}


def _aiperf(native: Mapping[str, Any], figures: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    same = _WHOLE_RUN | {_TTFT: "ttft_mean_ns", _E2EL: "e2el_mean_ns"}
    asked = (native.get("config") or {}).get("endpoint") or {"per_chunk_usage": True}
    if asked.get("per_chunk_usage"):
        return same, {"requests.failures": _KINDS, _ITL: f"with `--per-chunk-usage` {CHUNKS}"}
    return same | {_ITL: "tpot_mean_ns"}, {"requests.failures": _KINDS}


def _guidellm(native: Mapping[str, Any], figures: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    unlike = {_E2EL: _STREAM} | dict.fromkeys(_RATES, _SPAN)
    if figures.get("requests.output_length.stddev") == 0:
        return {_TTFT: "ttft_mean_ns", _ITL: "tpot_mean_ns", _TPOT: "tpot_guidellm_mean_ns"}, unlike
    return {_TTFT: "ttft_mean_ns"}, unlike | dict.fromkeys((_ITL, _TPOT), _WEIGHED)


def _inference_perf(native: Mapping[str, Any], figures: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    unlike = {_E2EL: _STREAM, _TPOT: _RETOKENIZED, _ITL: _WITHIN}
    unlike["latency.normalized_time_per_output_token.mean"] = f"{_STREAM}; {_RETOKENIZED}"
    asked = ((native.get("config") or {}).get("api") or {}).get("type")
    # Of answers of a single token it gives no time.
    if asked == "completion" and figures.get("requests.output_length.min", 0) > 1:
        return _WHOLE_RUN | {_TTFT: "ttft_mean_ns"}, unlike
    return _WHOLE_RUN, unlike | {_TTFT: _CONTENT}


_TOOLS = {
    "vllm-benchmark": _vllm,
    "aiperf": _aiperf,
    "guidellm": _guidellm,
    "inference-perf": _inference_perf,
}
