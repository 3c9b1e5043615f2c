"""The runs of `load_generators.py` as Markdown tables. By hand: `python benchmarks/tables.py load_generators.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Run = Mapping[str, Any]
_CASE_TOLERANCE = 0.05
"""A figure of a reading case within this share of the truth is right."""


def _show(value: float | None, form: str = ".1f") -> str:
    return "–" if value is None else format(value, form)


def _ratio(value: float | None, truth: float | None) -> float | None:
    return None if value is None or not truth else value / truth


def _name(run: Run) -> str:
    marks = (" *" if run["server_late"] else "") + (" †" if run["disturbed"] and run["kind"] != "case" else "")
    return f"{run['client']} {run['version']}".strip() + marks


def _peak_mb(run: Run) -> float:
    """Our own client tells its high-water mark at the very end; of the others it is sampled."""
    return float(max(run["usage"]["peak_rss_bytes"], run["reported"]["extra"].get("peak_rss_bytes", 0))) / 1e6


def _cpu(run: Run) -> str:
    """Less the CPU time of a run of one request; nothing where that is lost in its noise."""
    return _show(run["cpu_s_per_million_tokens"] if run["usage"]["cpu_s"] > 1.1 * run["startup_cpu_s"] else None)


def line(run: Run) -> str:
    """A run in a line, for who watches."""
    if run["reason"]:
        return str(run["reason"])
    said, true = run["reported"], run["truth"]
    return (
        f"TTFT {_show(said['ttft_mean_ms'])} / {_show(said['ttft_p99_ms'])} ms "
        f"(true {_show(true['ttft_mean_ms'])} / {_show(true['ttft_p99_ms'])}), "
        f"{_show(said['output_tps'], ',.0f')} tok/s (true {true['output_tps']:,.0f}), "
        f"{_cpu(run)} CPU-s per million, "
        f"{_peak_mb(run):.0f} MB, {run['usage']['wall_s']:.1f} s"
    )


def _level(runs: Sequence[Run], ideal_request_s: float) -> Iterator[str]:
    streams = runs[0]["streams"]
    ideal = streams * 128 / ideal_request_s
    yield f"### {streams:,} streams (ideal: {ideal:,.0f} tok/s)\n"
    yield (
        "| client | TTFT mean / p99 said, ms | true | TPOT said / true | ITL p99 said / true "
        "| tok/s said | said / true | said / ideal | CPU-s per M tokens | peak MB | start → first send, s | in flight |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for run in runs:
        if run["reason"]:
            yield f"| {_name(run)} | {run['reason']} |" + " |" * 10
            continue
        said, true = run["reported"], run["truth"]
        yield (
            f"| {_name(run)} | {_show(said['ttft_mean_ms'])} / {_show(said['ttft_p99_ms'])} "
            f"| {_show(true['ttft_mean_ms'])} / {_show(true['ttft_p99_ms'])} "
            f"| {_show(_ratio(said['tpot_mean_ms'], true['tpot_mean_ms']), '.4f')} "
            f"| {_show(_ratio(said['itl_p99_ms'], true['itl_p99_ms']), '.3f')} "
            f"| {_show(said['output_tps'], ',.0f')} | {_show(_ratio(said['output_tps'], true['output_tps']), '.4f')} "
            f"| {_show(_ratio(said['output_tps'], ideal), '.3f')} | {_cpu(run)} "
            f"| {_peak_mb(run):,.0f} | {_show(run['start_to_first_send_s'], '.2f')} "
            f"| {true['most_in_flight']:,} |"
        )
    yield ""


def _own(runs: Sequence[Run]) -> Iterator[str]:
    own = [run for run in runs if run["kind"] != "case" and run["reported"] and run["reported"]["extra"]]
    if not own:
        return
    yield "### What the generator itself spends (CPU-s per million tokens)\n"
    yield "| load | hot path | reading | summary | all | held at its end, bytes a token | send lag p99, ms |"
    yield "|---|---|---|---|---|---|---|"
    for run in own:
        extra, tokens = run["reported"]["extra"], run["truth"]["tokens"]
        hot, reading, summary = (extra[f"{part}_cpu_s"] / tokens * 1e6 for part in ("hot", "reading", "summary"))
        load = f"{run['streams']:,} streams" if run["streams"] else "open loop"
        yield (
            f"| {load} | {hot:.2f} | {reading:.2f} | {summary:.2f} | {hot + reading + summary:.2f} "
            f"| {extra['held_bytes_per_token']:.0f} | {extra['send_lag_p99_ms']:.3f} |"
        )
    yield ""


def _open(runs: Sequence[Run]) -> Iterator[str]:
    yield "### Open loop: 500 requests a second asked, 16 tokens each\n"
    yield (
        "| client | delivered, 1/s | delivered / offered | TTFT mean / p99 said, ms | true "
        "| send lag p99 (own), ms | behind a constant rate p99, ms |"
    )
    yield "|---|---|---|---|---|---|---|"
    for run in runs:
        if run["reason"]:
            yield f"| {_name(run)} | {run['reason']} |" + " |" * 5
            continue
        said, true, extra = run["reported"], run["truth"], run["reported"]["extra"]
        behind = run["lag_behind_constant_p99_ms"] if run["client"] == "vllm" else None  # the others' gaps are random
        yield (
            f"| {_name(run)} | {run['delivered_rps']:.1f} | {run['delivered_rps'] / extra.get('offered_rps', 500):.4f} "
            f"| {_show(said['ttft_mean_ms'])} / {_show(said['ttft_p99_ms'])} "
            f"| {_show(true['ttft_mean_ms'])} / {_show(true['ttft_p99_ms'])} "
            f"| {_show(extra.get('send_lag_p99_ms'), '.3f')} | {_show(behind)} |"
        )
    yield ""


def verdict(said: float | None, true: float) -> str:
    """`right`, or said and true with how far off."""
    if said is None:
        return "says nothing"
    off = said / true - 1
    return "right" if abs(off) <= _CASE_TOLERANCE else f"**{said:,.4g}** for {true:,.4g} ({off:+.0%})"


def _cases(runs: Sequence[Run], words: Mapping[str, str]) -> Iterator[str]:
    yield f"### Reading cases (4 streams; right: within {_CASE_TOLERANCE:.0%} of the server's own record)\n"
    yield "| case | client | TTFT, ms | TPOT, ms | tok/s |\n|---|---|---|---|---|"
    for run in runs:
        note = f" ({run['note']})" if run["note"] else ""
        if run["reason"]:
            yield f"| {words[run['case']]} | {_name(run)}{note} | {run['reason']} | | |"
            continue
        said, true = run["reported"], run["truth"]
        figures = ("ttft_mean_ms", "tpot_mean_ms", "output_tps")
        marks = " | ".join(verdict(said[figure], true[figure]) for figure in figures)
        yield f"| {words[run['case']]} | {_name(run)}{note} | {marks} |"
    yield ""


def document(about: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """All tables, with the machine and the versions above."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [f"{about['cpu']}, Linux {about['kernel']}, Python {about['python']}, {about['date']}. {versions}.", ""]
    lines += [f"Left out: {name}: {reason}." for name, reason in about["left_out"].items()]
    of = {kind: [run for run in runs if run["kind"] == kind] for kind in ("level", "open", "case")}
    for streams in sorted({run["streams"] for run in of["level"]}):
        lines += _level([run for run in of["level"] if run["streams"] == streams], about["ideal_request_s"])
    if of["open"]:
        lines += _open(of["open"])
    lines += _own(runs)
    if of["case"]:
        lines += _cases(of["case"], about["case_words"])
    if any(run["server_late"] for run in runs):
        lines += ["\\* the server itself was late in each of three tries.", ""]
    if any(run["disturbed"] and run["kind"] != "case" for run in runs):
        lines += ["† other processes took more than 5 % of the client's core in each of three tries.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(document(found, found["runs"]))
