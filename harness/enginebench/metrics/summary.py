"""One run's figures from its requests. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from enginebench.metrics.declared import METRICS
from enginebench.metrics.engine import Figure, unread
from enginebench.records import ClosedLoop, Load, Request, Slo, record

LATE_SHARE = 0.01
"""A run is marked `client_late` when the p99 of send − due exceeds this share of its median E2EL."""
COARSE_SHARE = 0.9
"""A request whose events are fewer than this share of its tokens came in pieces of several tokens."""
COARSE_FIRST = 1.8
"""First events that hold so many times the text of a token (median over a run of 5 or more requests) hold several
tokens: two make 2, and text of single tokens, drawn by chance, makes about 1."""
_NO_USAGE = "the server did not report its output tokens"


@record
class Summary:
    """The figures of a run."""

    window_ns: tuple[int, int] | None
    """Steady window, ns since the run's start; null: there is none."""
    duration_ns: int
    """First send to last end."""
    metrics: dict[str, float | None]
    """Every declared metric; null where it can't be had."""
    absent: dict[str, str]
    """Metric to the reason for its null."""
    marks: tuple[str, ...]
    """What a reader must know."""


def needed_samples(share: float) -> int:
    """Fewest samples that a percentile at `share` (0.9 for p90) or at 1 − `share` needs: ln 0.05 / ln share."""
    return math.ceil(math.log(0.05) / math.log(max(share, 1 - share)) - 1e-9)


class _Sheet:
    """Metrics as they are filled in, each with a value or a reason."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = {}
        self.absent: dict[str, str] = {}

    def put(self, name: str, value: float | None, reason: str = "") -> None:
        assert name in METRICS, name
        self.values[name] = None if value is None else float(value)
        if value is None:
            self.absent[name] = reason

    def spread(self, stem: str, unit: str, samples: NDArray[np.float64], shares: dict[str, float], what: str) -> None:
        """The mean and the percentiles of `samples`."""
        none = f"no {what}"
        self.put(f"{stem}_mean_{unit}", float(samples.mean()) if len(samples) else None, none)
        for short, share in shares.items():
            needed = needed_samples(share)
            if len(samples) >= needed:
                self.put(f"{stem}_{short}_{unit}", float(np.quantile(samples, share, method="inverted_cdf")))
            else:
                self.put(f"{stem}_{short}_{unit}", None, f"{short} needs {needed} {what}; this run has {len(samples)}")


_HIGH = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
_LOW = {"p50": 0.5, "p10": 0.1, "p1": 0.01}


def summarise(
    requests: Sequence[Request],
    *,
    load: Load,
    devices: int,
    slo: Slo | None,
    energy_j: float | None = None,
    cache_asked: bool = False,
    engine: Mapping[str, Figure] | None = None,
) -> Summary:
    """The figures of one run; `energy_j` is what its accelerators drew from first send to last end, J.

    `cache_asked`: the prefix cache is on and the prompts share something, so that hits are no surprise.
    `engine`: what engine_figures() gave.
    """
    assert requests
    good = [request for request in requests if request.status == "ok"]
    sheet = _Sheet()
    begin, end = min(r.sent_ns for r in requests), max(r.end_ns for r in requests)
    window = steady_window(requests, load)
    _throughput(sheet, good, (begin, end), devices, "_whole_run", "")
    _throughput(sheet, good, window, devices, "", "no moment with all slots busy")
    _latency(sheet, good)
    _goodput(sheet, good, end - begin, slo)
    lag_ns = np.array([r.sent_ns - r.scheduled_ns for r in requests], dtype=float)
    sheet.spread("schedule_lag", "ns", lag_ns, {"p99": 0.99}, "requests")
    sheet.put("success_share", len(good) / len(requests))
    _energy(sheet, good, energy_j)
    for name, (value, reason) in (engine or unread("the engine's metrics page was not read")).items():
        sheet.put(name, value, reason)
    marks = _marks(requests, good, lag_ns, cache_asked)
    return Summary(
        window_ns=window,
        duration_ns=end - begin,
        metrics={name: sheet.values[name] for name in METRICS},
        absent=sheet.absent,
        marks=marks,
    )


def steady_window(requests: Sequence[Request], load: Load) -> tuple[int, int] | None:
    """The time in which the load was whole, ns since the run's start; null if there was none.

    Closed loop: from when every slot's first request has its first token to when every slot's last one has, or to the
    first end that no send followed. Beginning and end lie at the same phase of a request, so that slots in lockstep
    neither gain nor lose part of one. Open loop: from the end of the first request, when the server is as full as the
    rate makes it, to the last send.
    """
    by_send = sorted(requests, key=lambda request: request.sent_ns)
    if not isinstance(load, ClosedLoop):
        begin, end = by_send[0].end_ns, by_send[-1].sent_ns
    else:
        slots = load.concurrency
        first, last = _all_began(by_send[:slots]), _all_began(by_send[-slots:])
        if first is None or len(requests) < slots:
            return None
        drain = min(request.end_ns for request in requests if request.end_ns >= by_send[-1].sent_ns)
        begin, end = first, drain if last is None else min(drain, last)
    return (begin, end) if end > begin else None


def _all_began(requests: Sequence[Request]) -> int | None:
    """When the last of these had its first token; null if one never had any."""
    times = [request.first_token_ns for request in requests if request.first_token_ns is not None]
    return max(times) if len(times) == len(requests) else None


def _throughput(
    sheet: _Sheet, good: Sequence[Request], window: tuple[int, int] | None, devices: int, suffix: str, reason: str
) -> None:
    names = [f"{kind}_tps_per_accelerator{suffix}" for kind in ("output", "input", "total")]
    if window is None or window[1] <= window[0]:
        for name in (*names, f"requests_rps{suffix}"):
            sheet.put(name, None, reason)
        return
    seconds = (window[1] - window[0]) / 1e9
    output = sum(_tokens_inside(request, window) for request in good) if _all_counted(good) else None
    read = sum(r.input_tokens for r in good if r.first_token_ns is not None and _inside(r.first_token_ns, window))
    for name, tokens in zip(names, (output, read, None if output is None else output + read), strict=True):
        sheet.put(name, None if tokens is None else tokens / seconds / devices, _NO_USAGE)
    sheet.put(f"requests_rps{suffix}", sum(_inside(r.end_ns, window) for r in good) / seconds)


def _all_counted(good: Sequence[Request]) -> bool:
    return all(request.output_tokens is not None for request in good)


def _inside(time_ns: int, window: tuple[int, int]) -> bool:
    return window[0] < time_ns <= window[1]


def _tokens_inside(request: Request, window: tuple[int, int]) -> float:
    """Output tokens that arrived in the window; a request's tokens are spread evenly over its events."""
    if not request.event_ns or request.output_tokens is None:
        return 0.0
    event_ns = np.asarray(request.event_ns)
    inside = np.count_nonzero((window[0] < event_ns) & (event_ns <= window[1]))
    return inside / len(event_ns) * request.output_tokens


def _latency(sheet: _Sheet, good: Sequence[Request]) -> None:
    whole = [(r, r.first_token_ns, r.last_token_ns) for r in good]
    spans = [(r, first - r.sent_ns, last - r.sent_ns) for r, first, last in whole if first is not None and last]
    ttft_ns = np.array([first for _, first, _ in spans], dtype=float)
    e2el_ns = np.array([last for _, _, last in spans], dtype=float)
    counted = [(r.output_tokens, first, last) for r, first, last in spans if r.output_tokens is not None]
    tpot_ns = np.array([(last - first) / (n - 1) for n, first, last in counted if n >= 2 and last > first], dtype=float)
    gaps_ns = [np.diff(np.array(r.event_ns, dtype=float)) for r in good if len(r.event_ns) > 1]
    sheet.spread("ttft", "ns", ttft_ns, _HIGH, "requests")
    sheet.spread("e2el", "ns", e2el_ns, _HIGH, "requests")
    sheet.spread("tpot", "ns", tpot_ns, _HIGH, "requests with counted tokens")
    sheet.spread("itl", "ns", np.concatenate(gaps_ns) if gaps_ns else np.array([]), _HIGH, "gaps")
    sheet.spread("interactivity", "tps", 1e9 / tpot_ns, _LOW, "requests with counted tokens")
    per_token_ns = np.array([last / n for n, _, last in counted if n], dtype=float)
    sheet.put(
        "normalised_interactivity_tps",
        1e9 / float(np.quantile(per_token_ns, 0.5, method="inverted_cdf")) if len(per_token_ns) >= 5 else None,
        f"the median needs 5 requests with counted tokens; this run has {len(per_token_ns)}",
    )
    tokens = [n for n, _, _ in counted]
    sheet.put("output_tokens_mean", sum(tokens) / len(tokens) if tokens else None, "no requests with counted tokens")


def _goodput(sheet: _Sheet, good: Sequence[Request], duration_ns: int, slo: Slo | None) -> None:
    if slo is None:
        sheet.put("goodput_rps", None, "no SLO is stated")
        return
    if slo.tpot_ns is not None and not _all_counted(good):
        sheet.put("goodput_rps", None, _NO_USAGE)
        return
    sheet.put("goodput_rps", sum(_meets(request, slo) for request in good) / (duration_ns / 1e9))


def _energy(sheet: _Sheet, good: Sequence[Request], energy_j: float | None) -> None:
    name = "energy_j_per_output_token"
    tokens = sum(request.output_tokens or 0 for request in good)
    if not _all_counted(good):
        sheet.put(name, None, _NO_USAGE)
    elif not tokens:
        sheet.put(name, None, "no output tokens")
    else:
        sheet.put(name, None if energy_j is None else energy_j / tokens, "no energy reading")


def _meets(request: Request, slo: Slo) -> bool:
    first, last, tokens = request.first_token_ns, request.last_token_ns, request.output_tokens
    if first is None or last is None:
        return False
    if slo.tpot_ns is not None and (tokens is None or (tokens > 1 and (last - first) / (tokens - 1) > slo.tpot_ns)):
        return False
    late = slo.ttft_ns is not None and first - request.sent_ns > slo.ttft_ns
    slow = slo.e2el_ns is not None and last - request.sent_ns > slo.e2el_ns
    return not (late or slow)


def _coarse_first(counted: Sequence[tuple[Request, int]]) -> bool:
    """Whether first events hold more text than a token has, as a rule over many requests."""
    ratios = [
        r.first_chars / (r.output_chars / tokens)
        for r, tokens in counted
        if r.first_chars and r.output_chars and tokens
    ]
    return len(ratios) >= 5 and float(np.median(ratios)) >= COARSE_FIRST


def _marks(
    requests: Sequence[Request], good: Sequence[Request], lag_ns: NDArray[np.float64], cache_asked: bool
) -> tuple[str, ...]:
    e2el_ns = [r.last_token_ns - r.sent_ns for r in good if r.last_token_ns is not None]
    late = bool(e2el_ns) and float(np.quantile(lag_ns, 0.99)) > LATE_SHARE * float(np.median(e2el_ns))
    counted = [(r, r.output_tokens) for r in good if r.output_tokens is not None]
    found = {
        "failed_requests": len(good) < len(requests),
        "no_usage": len(counted) < len(good),
        "short_output": any(tokens < r.asked_output_tokens for r, tokens in counted),
        "long_output": any(tokens > r.asked_output_tokens for r, tokens in counted),
        "input_length": any(r.usage_input_tokens not in (None, r.input_tokens) for r in good),
        "coarse_events": any(len(r.event_ns) < COARSE_SHARE * tokens for r, tokens in counted),
        "coarse_first": _coarse_first(counted),
        "cache_hits": not cache_asked and any((r.cached_tokens or 0) > 0 for r in good),
        "client_late": late,
    }
    return tuple(name for name, there in found.items() if there)
