"""What a terminal shows: plans, points with units and intervals, runs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from enginebench.metrics import METRICS
from enginebench.records import Calibration, Job

if TYPE_CHECKING:
    import pandas as pd

    from enginebench.analysis.changes import Finding
    from enginebench.night import Planned

SHOWN = ("output_tps_per_accelerator", "interactivity_mean_tps", "ttft_mean_ns", "tpot_mean_ns", "goodput_rps")
"""Metrics of the table of results."""
MEANINGS: Mapping[str, str] = {
    "neighbour": "other programs took more than 0.3 cores of the machine",
    "stolen": "the hypervisor took more than 0.3 cores of the machine",
    "failed_requests": "not every request ended well",
    "no_usage": "the server did not count its tokens",
    "short_output": "answers are shorter than asked",
    "long_output": "answers are longer than asked",
    "unpinned_output": "nothing made the server write as many tokens as asked",
    "input_uncounted": "no tokenizer was given: the input length is the server's own count of ordinary words",
    "input_length": "the server read another number of tokens than was sent",
    "coarse_events": "several tokens came in one event: ITL is not per token",
    "coarse_first": "the first event carried several tokens: TTFT is that of the last of them",
    "cache_hits": "the server took input from its prefix cache though none was to be shared",
    "failed_quality": "the server gave wrong answers: kept off every frontier and verdict",
    "client_bound": "the client was so late that it may have moved a figure by more than 1 %: kept off every verdict",
    "convoy": "all slots began at once though spread starts were asked: no warm-up told how long a request takes",
    "short_run": "the run was over before the shortest time asked",
    "client_late": "the client sent late: latencies may be its own",
}
"""Mark of a run to its plain words."""


def console() -> Console:
    """The terminal; where the output is no terminal, wide enough for every table."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=160)


def figure(value: float | None) -> str:
    """A number to four significant digits, `–` for none."""
    if value is None or value != value:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def show_points(points: pd.DataFrame, screen: Console, notes: Iterable[str] = ()) -> None:
    """A table a night and model, engines and versions below each other: centre and 95 % interval of each metric.

    `notes` are what else a reader must know, a line each.
    """
    for (night, model), part in points.groupby(["night", "model"]):
        table = Table(title=f"{model}, night {night} (95 % intervals in brackets)")
        for name in ("workload", "load", "engine", "n"):
            table.add_column(name, no_wrap=True)
        for name in SHOWN:
            metric = METRICS[name]
            table.add_column(f"{metric.title}\n{metric.unit}", justify="right")
        table.add_column("quality", no_wrap=True)
        table.add_column("marks")
        order = ["workload", "load_kind", "concurrency", "rate_rps", "engine", "engine_version"]
        for row in part.sort_values(order).to_dict("records"):
            engine = f"{row['engine']} {row['engine_version']}"
            cells = [_cell(row, name) for name in SHOWN]
            count = f"{row['starts']}×{figure(row['repeats'] / row['starts'])}"
            table.add_row(row["workload"], row["load"], engine, count, *cells, quality(row), ", ".join(row["marks"]))
        screen.print(table)
        for reason in sorted({reason for reasons in part["quality_reasons"] for reason in reasons}):
            screen.print(f"  quality: {reason}", highlight=False, soft_wrap=True)
        told = zip(part["engine"], part["engine_version"], part["quality_lm_eval"], strict=True)
        for line in sorted({f"{name} {version}: {words}" for name, version, found in told for words in found}):
            screen.print(f"  lm-eval, {line}", highlight=False, soft_wrap=True)
    if len(points):
        screen.print(
            "c8: eight requests in flight; r0.5: Poisson arrivals, 0.5 a second. n: server starts × mean repeats. An "
            "interval from one start covers its repeats, not restarts. quality: share of questions answered right, and "
            "whether the server agrees with the model's reference.",
            highlight=False,
        )
        for mark in sorted({mark for marks in points["marks"] for mark in marks}):
            screen.print(f"  {mark}: {MEANINGS.get(mark, mark)}", highlight=False)
    for note in notes:
        screen.print(note, highlight=False, markup=False, soft_wrap=True)


def quality(row: Mapping[Hashable, Any]) -> str:
    """A point's score and verdict: `0.66 passed`, `0.00 failed`, `0.66` where it was not judged, `–` if not asked."""
    score, passed = row["quality_score"], row["quality_passed"]
    verdict = "failed" if row["failed_quality"] else "passed" if passed is not None and bool(passed) else ""
    known = score is not None and score == score
    return " ".join(filter(None, [f"{score:.2f}" if known else "", verdict])) or "–"


def _cell(row: Mapping[Hashable, Any], name: str) -> str:
    scale = METRICS[name].scale
    centre, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    if centre is None or centre != centre:
        return "–"
    if low is None or high is None or low != low:
        return figure(centre * scale)
    return f"{figure(centre * scale)}\n[{figure(low * scale)}, {figure(high * scale)}]"


def show_plan(planned: Planned, screen: Console) -> None:
    """Jobs with their points, skips with reasons, what is due, and the estimated accelerator-hours."""
    plan = planned.plan
    due = {attempt.job.id: len(attempt.runs) for attempt in planned.due.attempts}
    most = "at most " if plan.until else ""
    screen.print(f"[b]{plan.grid}[/b] on {plan.site}: {len(plan.jobs)} jobs, one server start each", highlight=False)
    for job in plan.jobs:
        d = job.deployment
        seconds = planned.seconds.get(job.id)
        estimate = f"about {seconds / 60:.1f} min" if seconds is not None else "nothing due"
        screen.print(
            f"  job {job.id}  {d.model.name}, {d.engine} {d.engine_version}, {d.precision}, {d.parallelism.label()} on "
            f"{d.devices} × {d.product}, start {job.start + 1}",
            highlight=False,
            soft_wrap=True,
        )
        screen.print(
            f"    {due.get(job.id, 0)} of {len(job.run_keys())} runs due ({most}{job.repeats} repeats of "
            f"{_points(job)}), {estimate}",
            highlight=False,
            soft_wrap=True,
        )
    show_skips(planned, screen)
    screen.print(
        f"{planned.due.runs_due} runs due, {planned.due.runs_fresh} fresh; "
        f"about {planned.accelerator_hours():.2f} accelerator-hours."
    )


def _points(job: Job) -> str:
    """The points of a job, its loads behind each workload: `chat c1 c8 r0.5, code c1`."""
    loads: dict[str, list[str]] = {}
    for point in job.points:
        loads.setdefault(point.workload.name, []).append(point.load.label())
    return ", ".join(" ".join([workload, *labels]) for workload, labels in loads.items())


def show_skips(planned: Planned, screen: Console) -> None:
    """Every skip with its reason; equal reasons together."""
    by_reason: dict[str, list[str]] = {}
    for skip in planned.plan.skips:
        by_reason.setdefault(skip.reason, []).append(skip.combination.label())
    if by_reason:
        screen.print(f"{len(planned.plan.skips)} combinations skipped:")
    for reason, labels in by_reason.items():
        screen.print(f"  {reason}", highlight=False, markup=False, soft_wrap=True)
        for label in labels:
            screen.print(f"    {label}", highlight=False, markup=False)


def show_runs(runs: pd.DataFrame, screen: Console) -> None:
    """One line a run."""
    shown: Sequence[str] = ("output_tps_per_accelerator", "ttft_mean_ns", "tpot_mean_ns")
    table = Table(title=f"{len(runs)} runs")
    for name in ("night", "trial", "engine", "model", "workload", "load", "repeat"):
        table.add_column(name)
    for name in shown:
        table.add_column(f"{METRICS[name].title}\n{METRICS[name].unit}", justify="right")
    table.add_column("marks")
    for row in runs.to_dict("records"):
        table.add_row(
            str(row["night"]),
            str(row["trial"]),
            f"{row['engine']} {row['engine_version']}",
            str(row["model"]),
            str(row["workload"]),
            str(row["load"]),
            str(row["repeat"]),
            *(figure(row[name] * METRICS[name].scale) for name in shown),
            ", ".join(row["marks"]),
        )
    screen.print(table)


def show_calibration(found: Calibration, screen: Console) -> None:
    """A row a concurrency: how far the client's figures are off, and what it costs."""
    table = Table(title=f"The load generator on {found.host}: {found.cores} cores of {found.cpu}")
    titles = ("in flight", "n", "TTFT off mean ms", "p99 ms", "TPOT off %", "p99 ITL off %", "throughput off %")
    for title in (*titles, "client late p99 ms", "CPU-s/Mtok", "server late p99 ms", "verdict"):
        table.add_column(title, justify="right")
    for one in found.levels:
        scaled = (
            (one.ttft_error_mean_ns, 1e-6),
            (one.ttft_error_p99_ns, 1e-6),
            (one.tpot_error_share, 100),
            (one.itl_p99_error_share, 100),
            (one.throughput_error_share, 100),
            (one.lag_p99_ns, 1e-6),
            (one.client_cpu_s_per_mtok, 1),
            (one.server_late_p99_ns, 1e-6),
        )
        words = [figure(None if value is None else value * scale) for value, scale in scaled]
        verdict = "exact" if one.exact() else f"{one.failed_requests} failed" if one.failed_requests else "not exact"
        table.add_row(str(one.concurrency), str(one.requests), *words, verdict)
    screen.print(table)


def show_changes(changes: Sequence[Finding], notes: Iterable[str], screen: Console) -> None:
    """A line a change: curve, night, size with its interval, whether it is confirmed, and what else differed; then the
    notes."""
    for one in changes:
        what = f"{one.label}{f', {one.load} alone' if one.load else ''}: {METRICS[one.metric].title}"
        size = f"{one.ratio - 1:+.1%} [{one.low - 1:+.1%}, {one.high - 1:+.1%}]"
        sure = "confirmed" if one.status == "confirmed" else "waiting for a confirming rerun"
        line = f"{one.night} {what} {size} {'worse' if one.worse else 'better'}, {sure}: {'; '.join(one.causes)}"
        style = "red" if one.worse and one.status == "confirmed" else None
        screen.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    if not changes:
        screen.print("no change", highlight=False)
    for note in notes:
        screen.print(note, markup=False, highlight=False, soft_wrap=True)
