"""The metrics: name, unit, which way is better, formula, source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from enginebench.records import record


@record
class Metric:
    """One metric."""

    name: str
    """Key; ends with the unit it is stored in."""
    title: str
    """What people call it."""
    unit: str
    """Unit people read it in."""
    scale: float
    """Factor from the stored to the shown unit."""
    better: Literal["higher", "lower"]
    """Which way is better."""
    formula: str
    """How it is computed."""
    source: str
    """Whose definition it is."""


_BENCH = "as `vllm bench serve` and SGLang's `bench_serving` define it"
_OWN = "enginebench"
_LATENCIES = {
    "ttft": ("TTFT", "first byte of the first token-bearing event − send time"),
    "tpot": ("TPOT", "(E2EL − TTFT) / (output tokens − 1), per request of 2 or more output tokens"),
    "itl": ("ITL", "gap between consecutive token-bearing events, over all gaps of all requests"),
    "e2el": ("E2EL", "last token-bearing event − send time"),
}
_OTHERS = {
    "ttft_first_event": (
        "First-event TTFT",
        "first event with a choice − send time, be it a role or no text at all",
        "clients that stop the clock at the first event, as `vllm bench serve` 0.32 does",
    ),
    "ttft_from_schedule": (
        "TTFT from schedule",
        "first token-bearing event − when the request was due, so a client's late send is in it",
        "latency free of coordinated omission, as wrk2 measures it",
    ),
    "e2el_from_schedule": (
        "E2EL from schedule",
        "last token-bearing event − when the request was due, so a client's late send is in it",
        "latency free of coordinated omission, as wrk2 measures it",
    ),
    "tpot_guidellm": (
        "GuideLLM's TPOT",
        "(last token-bearing event − send time) / output tokens, so TTFT is in it",
        "GuideLLM's `time_per_output_token_ms`",
    ),
    "itl_chunk": (
        "Chunk ITL",
        "gap between consecutive token-bearing events, whatever they hold: the same as `itl`, under its own name",
        "`vllm bench serve`'s ITL, AIPerf's inter-chunk latency",
    ),
    "itl_token": (
        "Token ITL",
        "gap before an event of k tokens / k, counted k times; where events tell their tokens",
        "SGLang's `bench_serving`, for the native endpoint",
    ),
}
"""What others mean by the same words, so that a figure of theirs can be matched."""
STATISTICS = {"mean": "mean", "p50": "median", "p90": "90th percentile", "p99": "99th percentile"}
_WINDOW = (
    "the steady window (all slots busy: from when every slot has a first token to the last first token before the "
    "first end that no send follows; for an open loop from the end of the first request to the last send)"
)


def _throughputs() -> Iterator[Metric]:
    for kind, tokens in (("output", "output"), ("input", "input"), ("total", "input and output")):
        for suffix, window in (("", _WINDOW), ("_whole_run", "the whole run, ramp and drain included")):
            yield Metric(
                name=f"{kind}_tps_per_accelerator{suffix}",
                title=f"{kind.capitalize()} throughput" + (" (whole run)" if suffix else ""),
                unit="tok/s/accelerator",
                scale=1.0,
                better="higher",
                formula=f"{tokens} tokens / seconds of {window} / accelerators of the deployment",
                source=_BENCH + ", per accelerator" if suffix else _OWN,
            )
    for suffix, window in (("", _WINDOW), ("_whole_run", "the whole run")):
        yield Metric(
            name=f"requests_rps{suffix}",
            title="Request throughput" + (" (whole run)" if suffix else ""),
            unit="1/s",
            scale=1.0,
            better="higher",
            formula=f"completed requests / seconds of {window}",
            source=_BENCH if suffix else _OWN,
        )
    yield Metric(
        name="goodput_rps",
        title="Goodput",
        unit="1/s",
        scale=1.0,
        better="higher",
        formula="requests that meet every limit of the SLO / seconds of the whole run",
        source="DistServe, OSDI 2024",
    )


def _latencies() -> Iterator[Metric]:
    for name, (title, formula) in _LATENCIES.items():
        for short, words in STATISTICS.items():
            yield _latency(f"{name}_{short}_ns", f"{title} {words}", f"{words} of: {formula}", _BENCH)
    for name in ("ttft", "tpot", "e2el"):
        title = _LATENCIES[name][0]
        for short, words in STATISTICS.items():
            if short != "mean":
                formula = (
                    f"{words} of the same over all requests, failed ones as infinite; null where it is one of them"
                )
                yield _latency(f"{name}_{short}_all_ns", f"{title} {words}, failures counted", formula, _OWN)
    for name, (title, formula, source) in _OTHERS.items():
        for short, words in STATISTICS.items():
            yield _latency(f"{name}_{short}_ns", f"{title} {words}", f"{words} of: {formula}", source)


def _latency(name: str, title: str, formula: str, source: str) -> Metric:
    return Metric(name=name, title=title, unit="ms", scale=1e-6, better="lower", formula=formula, source=source)


def _others() -> Iterator[Metric]:
    for short, words in (
        ("mean", "mean"),
        ("p50", "median"),
        ("p10", "10th percentile (slow users)"),
        ("p1", "1st percentile (slowest users)"),
    ):
        yield Metric(
            name=f"interactivity_{short}_tps",
            title=f"Interactivity {words}",
            unit="tok/s/user",
            scale=1.0,
            better="higher",
            formula=f"{words} of 1 / TPOT, per request",
            source="InferenceX, but a percentile of the per-request figure, not 1 / percentile of TPOT",
        )
    rows: tuple[tuple[str, str, str, float, Literal["higher", "lower"], str], ...] = (
        (
            "normalised_interactivity_tps",
            "End-to-end normalised interactivity",
            "tok/s/user",
            1.0,
            "higher",
            "1 / median of (E2EL / output tokens)",
        ),
        ("output_tokens_mean", "Output tokens", "tokens", 1.0, "higher", "mean of the server's count per request"),
        ("success_share", "Success", "%", 100.0, "higher", "requests that ended well / all requests"),
        ("schedule_lag_mean_ns", "Client lag mean", "ms", 1e-6, "lower", "mean of send time − due time"),
        ("schedule_lag_p99_ns", "Client lag 99th percentile", "ms", 1e-6, "lower", "99th percentile of the same"),
        (
            "energy_j_per_output_token",
            "Energy",
            "J/token",
            1.0,
            "lower",
            "joules the accelerators drew during the run / output tokens",
        ),
    )
    for name, title, unit, scale, better, formula in rows:
        yield Metric(name=name, title=title, unit=unit, scale=scale, better=better, formula=formula, source=_OWN)


def _engine() -> Iterator[Metric]:
    rows: tuple[tuple[str, str, str, float, Literal["higher", "lower"], str], ...] = (
        ("running_requests_mean", "Running requests mean", "requests", 1.0, "higher", "mean of the engine's gauge"),
        ("running_requests_max", "Running requests maximum", "requests", 1.0, "higher", "maximum of the same"),
        ("waiting_requests_mean", "Waiting requests mean", "requests", 1.0, "lower", "mean of the engine's gauge"),
        ("waiting_requests_max", "Waiting requests maximum", "requests", 1.0, "lower", "maximum of the same"),
        ("kv_cache_mean_share", "KV-cache use mean", "%", 100.0, "lower", "mean of the engine's gauge"),
        ("kv_cache_max_share", "KV-cache use maximum", "%", 100.0, "lower", "maximum of the same"),
        ("preempted_requests", "Preemptions", "requests", 1.0, "lower", "growth of the engine's counter over the run"),
        (
            "prefix_hit_share",
            "Prefix-cache hits",
            "%",
            100.0,
            "higher",
            "input tokens taken from the prefix cache / input tokens looked up in it, over the run",
        ),
        (
            "acceptance_share",
            "Speculative acceptance",
            "%",
            100.0,
            "higher",
            "drafted tokens that were kept / drafted tokens, over the run; else mean of the engine's rate",
        ),
    )
    for name, title, unit, scale, better, formula in rows:
        source = "the engine's Prometheus page, gauges once a second"
        yield Metric(name=name, title=title, unit=unit, scale=scale, better=better, formula=formula, source=source)


METRICS: Mapping[str, Metric] = {
    metric.name: metric for metric in (*_throughputs(), *_latencies(), *_others(), *_engine())
}
"""Every metric, by name."""


def document() -> str:
    """The Markdown of docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "Written by `enginebench metrics`. Latencies are of requests that ended well; `success` says how many did.",
        "Percentiles are order statistics (inverse of the empirical distribution), never interpolated. One is given",
        "only with the samples for a 95 % interval, pⁿ + (1 − p)ⁿ ≤ 0.05 (median 6, p90 29, p99 299): with fewer, it",
        "lies beyond all samples more often than once in twenty. Its interval within the run is two samples, their",
        "ranks by the binomial distribution, whatever the latencies' own; a mean's is Student's. Gaps between tokens",
        "have none: requests that decode together share them. Missing is null, never 0.",
        "",
        "A latency with `_all` counts the failures: a failed request took for ever, so it stands behind all others.",
        "p90 of 100 requests with 3 failed is the 90th of 97 that ended and 3 that did not. Where the percentile falls",
        "on a failed one it is infinite: null, with the reason (`3 of 100 requests failed: the 99th percentile is",
        "infinite`), as JSON has no infinity. Such a null is worse than any figure, not unknown. Compare engines that",
        "fail at different rates by these; the plain ones flatter whoever drops what is slow.",
        "",
        "| metric | name | unit | better | formula | source |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {m.title} | `{m.name}` | {m.unit} | {m.better} | {m.formula} | {m.source} |" for m in METRICS.values()
    ]
    return "\n".join(lines) + "\n"
