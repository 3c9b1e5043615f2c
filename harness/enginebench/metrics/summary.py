"""One run's figures from its requests. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from enginebench.metrics.declared import METRICS, STATISTICS
from enginebench.metrics.engine import Figure, unread
from enginebench.metrics.events import Events
from enginebench.metrics.order import Samples, interval_ranks, mean_interval, needed_samples, rank
from enginebench.metrics.window import steady_window
from enginebench.records import Load, Request, Slo, record

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
    intervals: dict[str, tuple[float, float]]
    """Metric to its 95 % interval within the run; those without one are left out."""
    marks: tuple[str, ...]
    """What a reader must know."""


class _Sheet:
    """Metrics as they are filled in, each with a value or a reason, some with an interval."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = {}
        self.absent: dict[str, str] = {}
        self.intervals: dict[str, tuple[float, float]] = {}

    def put(self, name: str, value: float | None, reason: str = "") -> None:
        assert name in METRICS, name
        self.values[name] = None if value is None else float(value)
        if value is None:
            self.absent[name] = reason

    def lack(self, stem: str, unit: str, shares: Mapping[str, float], reason: str) -> None:
        """Null for the mean and every percentile, all for one reason."""
        for short in ("mean", *shares):
            self.put(f"{stem}_{short}_{unit}", None, reason)

    def spread(
        self,
        stem: str,
        unit: str,
        samples: Samples,
        shares: Mapping[str, float],
        what: str,
        *,
        independent: bool = True,
    ) -> None:
        """The mean and the percentiles of `samples`; intervals only where one sample says nothing of the next."""
        name = f"{stem}_mean_{unit}"
        self.put(name, float(samples.mean()) if len(samples) else None, f"no {what}")
        between = mean_interval(samples) if independent else None
        if between is not None:
            self.intervals[name] = between
        ordered = np.sort(samples)
        for short, share in shares.items():
            self.percentile(f"{stem}_{short}_{unit}", short, ordered, share, what, independent=independent)

    def percentile(
        self, name: str, short: str, ordered: Samples, share: float, what: str, *, independent: bool = True
    ) -> None:
        """One percentile of sorted samples, if there are enough of them for an interval."""
        count, needed = len(ordered), needed_samples(share)
        if count < needed:
            self.put(name, None, f"{short} needs {needed} {what} to have an interval; this run has {count}")
            return
        self.put(name, float(ordered[rank(count, share)]))
        ranks = interval_ranks(count, share) if independent else None
        if ranks is not None:
            self.intervals[name] = float(ordered[ranks[0]]), float(ordered[ranks[1]])

    def over_all(self, stem: str, samples: Samples, failed: int) -> None:
        """Percentiles over requests with `failed` ones behind all others: they took for ever."""
        total = len(samples) + failed
        ordered = np.concatenate([np.sort(samples), np.full(failed, np.inf)])
        for short, share in _HIGH.items():
            name = f"{stem}_{short}_all_ns"
            if failed and rank(total, share) >= len(samples):
                words = f"{failed} of {total} requests failed: the {STATISTICS[short]} is infinite"
                self.put(name, None, words)
                continue
            self.percentile(name, short, ordered, share, "requests")
            if self.intervals.get(name, (0.0, 0.0))[1] == np.inf:
                del self.intervals[name]


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
    events = Events(good)
    _throughput(sheet, good, events, (begin, end), devices, "_whole_run", "")
    _throughput(sheet, good, events, window, devices, "", "no moment with all slots busy")
    _latency(sheet, good, len(requests) - len(good))
    _gaps(sheet, events)
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
        intervals=sheet.intervals,
        marks=marks,
    )


def _throughput(
    sheet: _Sheet,
    good: Sequence[Request],
    events: Events,
    window: tuple[int, int] | None,
    devices: int,
    suffix: str,
    reason: str,
) -> None:
    names = [f"{kind}_tps_per_accelerator{suffix}" for kind in ("output", "input", "total")]
    if window is None or window[1] <= window[0]:
        for name in (*names, f"requests_rps{suffix}"):
            sheet.put(name, None, reason)
        return
    seconds = (window[1] - window[0]) / 1e9
    output = _tokens_inside(good, events, window) if _all_counted(good) else None
    read = sum(r.input_tokens for r in good if r.first_token_ns is not None and _inside(r.first_token_ns, window))
    for name, tokens in zip(names, (output, read, None if output is None else output + read), strict=True):
        sheet.put(name, None if tokens is None else tokens / seconds / devices, _NO_USAGE)
    sheet.put(f"requests_rps{suffix}", sum(_inside(r.end_ns, window) for r in good) / seconds)


def _all_counted(good: Sequence[Request]) -> bool:
    return all(request.output_tokens is not None for request in good)


def _inside(time_ns: int, window: tuple[int, int]) -> bool:
    return window[0] < time_ns <= window[1]


def _tokens_inside(good: Sequence[Request], events: Events, window: tuple[int, int]) -> float:
    """Output tokens that arrived in the window; a request's tokens are spread evenly over its events."""
    tokens = np.array([request.output_tokens for request in good], dtype=float)
    return float((events.inside(window) / np.maximum(events.counts, 1) * tokens).sum())


def _latency(sheet: _Sheet, good: Sequence[Request], failed: int) -> None:
    whole = [(r, r.first_token_ns, r.last_token_ns) for r in good]
    spans = [(r, first - r.sent_ns, last - r.sent_ns) for r, first, last in whole if first is not None and last]
    ttft_ns = np.array([first for _, first, _ in spans], dtype=float)
    e2el_ns = np.array([last for _, _, last in spans], dtype=float)
    counted = [(r.output_tokens, first, last) for r, first, last in spans if r.output_tokens is not None]
    tpot_ns = np.array([(last - first) / (n - 1) for n, first, last in counted if n >= 2 and last > first], dtype=float)
    per_token_ns = np.array([last / n for n, _, last in counted if n], dtype=float)
    with_tokens = "requests with counted tokens"
    sheet.spread("ttft", "ns", ttft_ns, _HIGH, "requests")
    sheet.spread("e2el", "ns", e2el_ns, _HIGH, "requests")
    waited_ns = np.array([r.sent_ns - r.scheduled_ns for r, _, _ in spans], dtype=float)
    sheet.spread("ttft_from_schedule", "ns", ttft_ns + waited_ns, _HIGH, "requests")
    sheet.spread("e2el_from_schedule", "ns", e2el_ns + waited_ns, _HIGH, "requests")
    sheet.spread("tpot", "ns", tpot_ns, _HIGH, with_tokens)
    sheet.over_all("ttft", ttft_ns, failed)
    sheet.over_all("e2el", e2el_ns, failed)
    if len(counted) == len(spans):
        sheet.over_all("tpot", tpot_ns, failed)
    else:
        for short in _HIGH:
            sheet.put(f"tpot_{short}_all_ns", None, _NO_USAGE)
    sheet.spread("interactivity", "tps", 1e9 / tpot_ns, _LOW, with_tokens)
    sheet.spread("tpot_guidellm", "ns", per_token_ns, _HIGH, with_tokens)
    # The figure is the inverse of a time, so its percentile is that of the times and its interval turns round.
    name = "normalised_interactivity_tps"
    sheet.percentile(name, "the median", np.sort(per_token_ns), 0.5, with_tokens)
    median_ns, between = sheet.values[name], sheet.intervals.pop(name, None)
    if median_ns is not None and between is not None:
        sheet.put(name, 1e9 / median_ns)
        sheet.intervals[name] = 1e9 / between[1], 1e9 / between[0]
    tokens = [n for n, _, _ in counted]
    sheet.put("output_tokens_mean", sum(tokens) / len(tokens) if tokens else None, f"no {with_tokens}")
    _first_events(sheet, good)


def _first_events(sheet: _Sheet, good: Sequence[Request]) -> None:
    waits_ns = [r.first_event_ns - r.sent_ns for r in good if r.first_event_ns is not None]
    if len(waits_ns) < len(good):
        sheet.lack("ttft_first_event", "ns", _HIGH, "when the first event came was not kept of every request")
    else:
        sheet.spread("ttft_first_event", "ns", np.array(waits_ns, dtype=float), _HIGH, "requests")


def _gaps(sheet: _Sheet, events: Events) -> None:
    """Latencies between tokens. Gaps of requests that decode together are the same gaps: they have no interval."""
    gaps_ns = events.gaps_ns()
    sheet.spread("itl", "ns", gaps_ns, _HIGH, "gaps", independent=False)
    sheet.spread("itl_chunk", "ns", gaps_ns, _HIGH, "gaps", independent=False)
    token_gaps_ns = events.token_gaps_ns()
    if token_gaps_ns is None:
        sheet.lack("itl_token", "ns", _HIGH, "the server did not tell how many tokens each event held")
    else:
        sheet.spread("itl_token", "ns", token_gaps_ns, _HIGH, "gaps", independent=False)


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
