"""What the terminal shows: one line of progress while it measures, then a summary laid out as the peers' are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from enginebench.analysis.limit import Found
from enginebench.bench.measuring import BenchRun
from enginebench.metrics.pooled import Spread, samples_ns, spread
from enginebench.records import Stop
from enginebench.report import MEANINGS

_WIDE, _NAME = 72, 40
_TITLES = {
    "ttft": ("TTFT", "Time to First Token"),
    "tpot": ("TPOT", "Time per Output Token (excl. 1st token)"),
    "itl": ("ITL", "Inter-token Latency"),
    "e2el": ("E2EL", "End-to-end Latency"),
}
_COUNTS = (
    ("completed", "Successful requests:"),
    ("failed", "Failed requests:"),
    ("duration", "Benchmark duration (s):"),
    ("total_input_tokens", "Total input tokens:"),
    ("total_output_tokens", "Total generated tokens:"),
    ("request_throughput", "Request throughput (req/s):"),
    ("request_goodput", "Request goodput (req/s):"),
    ("output_throughput", "Output token throughput (tok/s):"),
    ("max_output_tokens_per_s", "Peak output token throughput (tok/s):"),
    ("max_concurrent_requests", "Peak concurrent requests:"),
    ("total_token_throughput", "Total token throughput (tok/s):"),
)


class StatusLine:
    """One line on a terminal, overwritten by the next; a log or a pipe gets nothing of it.

    Written by the measuring thread, at most twice a second: a write takes microseconds, where redrawing a bar of rich's
    takes 0.4 ms, 1.4 at p99 (two CPU cores, 2026-11-24), which would stand in somebody's time to first token.
    """

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._live = out.isatty()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._live:
            self._out.write(f"\r\x1b[K{text}")
            self._out.flush()

    def say(self, text: str) -> None:
        """A line that stays, in a log too."""
        self._out.write(f"\r\x1b[K{text}\n" if self._live else f"{text}\n")
        self._out.flush()

    def clear(self) -> None:
        """Take the line away."""
        self.show("")


def _row(name: str, value: object, note: str = "") -> str:
    return f"{name:<{_NAME}} {value:<12} {note}".rstrip()


def _number(value: float | None) -> str:
    if value is None:
        return "not known"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def summary(told: Mapping[str, Any], runs: Sequence[BenchRun], stop: Stop | None) -> str:
    """Counts, rates and latencies of `runs` together, then how sure they are and what a reader must know."""
    lines = [f"{' Serving Benchmark Result ':=^{_WIDE}}"]
    for key, name in _COUNTS:
        # Without limits there is no goodput to speak of.
        if key != "request_goodput" or told[key] is not None:
            lines.append(_row(name, _number(told[key])))
        if key == "output_throughput":
            # The whole run has a ramp and a drain in it; repeats are judged by what lies between.
            lines.append(_row("  while all slots were busy (tok/s):", _number(_steady(runs))))
    requests = [request for run in runs for request in run.requests]
    for name, values in samples_ns(requests).items():
        lines += _latency(name, spread(values))
    lines.append("=" * _WIDE)
    lines += _sureness(told["enginebench"]["intervals"], runs, stop)
    lines += _marks(runs)
    return "\n".join(lines)


def _steady(runs: Sequence[BenchRun]) -> float | None:
    values = [run.summary.metrics["output_tps_per_accelerator"] for run in runs]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _latency(name: str, found: Spread) -> list[str]:
    short, title = _TITLES[name]
    lines = [
        f"{title:-^{_WIDE}}",
        _row(f"Mean {short} (ms):", _number(found.mean_ms), f"n = {found.n}"),
        _row(f"Median {short} (ms):", _number(found.median_ms)),
    ]
    if found.p99_ms is None:
        return [*lines, f"{f'P99 {short} (ms):':<{_NAME}} refused: {found.why_no_p99}"]
    return [*lines, _row(f"P99 {short} (ms):", _number(found.p99_ms))]


def _sureness(intervals: Mapping[str, Any], runs: Sequence[BenchRun], stop: Stop | None) -> list[str]:
    if stop is None:
        return []
    found = intervals.get(stop.figure)
    width = "not known" if stop.half_width is None else f"{stop.half_width * 100:.2g} %"
    ended = f"within the {stop.within * 100:g} % asked for" if stop.why == "known" else "the budget is spent"
    lines = [f"Ended after {len(runs)} runs, {stop.spent_s:.0f} s: {ended}; half the 95 % interval is {width}."]
    if found is not None and found["low"] is not None:
        told = f"{found['centre']:.5g}, 95 % interval over runs {found['low']:.5g} to {found['high']:.5g}"
        lines.append(f"{stop.figure}: {told}")
    return lines


def _marks(runs: Sequence[BenchRun]) -> list[str]:
    marks = sorted({mark for run in runs for mark in run.marks})
    return [f"warning: {mark}: {MEANINGS.get(mark, mark)}" for mark in marks]


def limit(found: Found, kind: str, objective: str) -> str:
    """Every level with its evidence, then the bracket."""
    unit = "requests/s" if kind == "rate" else "in flight"
    lines = [f"{f' Highest {kind} that keeps {objective} ':=^{_WIDE}}"]
    for one in found.levels:
        lines.append(f"{one.level:>10.4g} {unit}  {one.verdict:<9}  {one.seconds:.0f} s  {one.note}".rstrip())
        lines += [
            f"{'':>23}{count.over} of {count.total} beyond {count.limit}: {count.verdict}" for count in one.counts
        ]
    lines.append("=" * _WIDE)
    passed = "none" if found.highest_passed is None else f"{found.highest_passed:.4g} {unit}"
    failed = "none" if found.lowest_failed is None else f"{found.lowest_failed:.4g} {unit}"
    ended = {
        "known": "as narrow as asked",
        "budget": "the budget is spent",
        "bounds": "no level beyond that may be tried",
    }[found.ended]
    lines.append(f"Highest passed: {passed}; lowest failed: {failed} ({ended}; each verdict 99 % sure).")
    return "\n".join(lines)
