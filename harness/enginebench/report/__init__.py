"""What a terminal shows: plans, points with units and intervals, runs."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from enginebench.metrics import METRICS
from enginebench.records import Calibration, EngineInfo, Job, VenvProvision, identify

if TYPE_CHECKING:
    import pandas as pd

    from enginebench.analysis.again import Compared, Figure
    from enginebench.analysis.power import Need
    from enginebench.night import Planned
    from enginebench.plan import Plan
    from enginebench.reproduce import Differing, Order
    from enginebench.store import Correction

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


def counted(count: int, what: str) -> str:
    """`1 night`, `2 nights`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


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
            count = f"{row['starts']}×{figure(row['repeats'] / row['starts'])}" if row["starts"] else "0"
            marks = ", ".join([*(["invalid"] if row["invalid"] else []), *row["marks"], *_reproduces(row)])
            table.add_row(row["workload"], row["load"], engine, count, *cells, quality(row), marks)
        screen.print(table)
        for reason in sorted({reason for reasons in part["quality_reasons"] for reason in reasons}):
            screen.print(f"  quality: {reason}", highlight=False, soft_wrap=True)
        for row in part[part["invalid_reasons"].map(bool)].sort_values(order).to_dict("records"):
            what = (
                f"all runs of {row['workload']} {row['load']}" if row["invalid"] else f"{row['workload']} {row['load']}"
            )
            words = f"  invalid, {what}, {row['engine']} {row['engine_version']}: {'; '.join(row['invalid_reasons'])}"
            screen.print(words, highlight=False, markup=False, soft_wrap=True)
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


def _reproduces(row: Mapping[Hashable, Any]) -> list[str]:
    """That a point or run was measured again to be compared, if so."""
    return [f"reproduces {row['reproduces']}"] if isinstance(row["reproduces"], str) else []


def _invalid(run: Mapping[Hashable, Any]) -> list[str]:
    """Why a run counts no more, if so."""
    return [f"invalid: {run['invalid']}"] if run.get("invalid") else []


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


def show_needs(plan: Plan, needs: Sequence[Need], screen: Console) -> None:
    """How many server starts verdicts need, or whether the grid's find what it asks for."""
    for line in _needs(plan, needs):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)


def _needs(plan: Plan, needs: Sequence[Need]) -> Iterator[str]:
    from enginebench.analysis.power import margin_for

    # Two versions of an engine are one series.
    points = {one.series for job in plan.jobs for one in identify(job.deployment, job.points)}
    unknown = len(points) - len(needs)
    if plan.detect is not None and unknown:
        yield (
            f"detect {plan.detect * 100:g} %: the store does not know the noise of {unknown} of {len(points)} points; "
            "measure them on 2 server starts or more of one version"
        )
    if not needs:
        return
    has_of = _starts_of(plan)
    fewest, most_of = min(has_of.values()), max(has_of.values())
    has = f"this grid has {fewest}" if fewest == most_of else f"this plan has {fewest} to {most_of}"
    if plan.detect is None:
        told = []
        for effect in needs[0].starts:
            most = max(needs, key=lambda one: one.starts[effect] or math.inf)
            told.append(f"a {effect * 100:g} % verdict on {most.point} needs {_starts(most.starts[effect])}")
        points_known = f"of the {len(needs)} points whose noise is known the shakiest"
        yield f"By `compare`, {points_known}: {', '.join(told)}; {has}."
        return
    short = [one for one in needs if (one.starts[plan.detect] or math.inf) > has_of[one.series]]
    yield (
        f"detect {plan.detect * 100:g} %: {has}, enough for {len(needs) - len(short)} of the {len(needs)} points whose "
        f"noise is known (with `compare --margin {margin_for(plan.detect) * 100:g}%`)"
    )
    for one in short:
        spread = f"{one.noise.start * 100:.2g} % from start to start"
        spread += "" if one.noise.repeat is None else f", {one.noise.repeat * 100:.2g} % from repeat to repeat"
        yield f"  {one.point} needs {_starts(one.starts[plan.detect])}: {spread}, by {one.noise.starts} starts"


def _starts_of(plan: Plan) -> Mapping[str, int]:
    """Series to its server starts of one version."""
    counts = Counter(
        (one.series, job.deployment.engine_version) for job in plan.jobs for one in identify(job.deployment, job.points)
    )
    found: dict[str, int] = {}
    for (series, _), count in counts.items():
        found[series] = min(count, found.get(series, count))
    return found


def _starts(count: int | None) -> str:
    return "more than 100 starts" if count is None else f"{count} starts"


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
            escape(", ".join([*row["marks"], *_reproduces(row), *_invalid(row)])),
        )
    screen.print(table)


def show_corrections(corrections: Sequence[Correction], screen: Console) -> None:
    """A line an invalidation, with its id, which `results withdraw` asks for, and what became of it."""
    for one in corrections:
        made, back = one.invalidation, one.withdrawal
        words = f"invalidation {made.id} of {made.what}, {made.made_utc[:10]}: {made.words()}"
        if back is not None:
            words += f"; withdrawn {back.made_utc[:10]}: {back.reason} ({back.author})"
        screen.print(words, highlight=False, markup=False, soft_wrap=True)


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


def server_command(engine: EngineInfo | None) -> str | None:
    """The server's command with the variables set for it, for a shell; null where enginebench started none."""
    if engine is None or not engine.argv:
        return None
    variables = "".join(f"{name}={shlex.quote(value)} " for name, value in engine.environment.items())
    return variables + shlex.join(engine.argv)


def show_order(todo: Order, screen: Console) -> None:
    """What will be measured again: the job, the engine's pins, the recorded command, what is not as it was."""

    def say(words: str) -> None:
        screen.print(words, highlight=False, markup=False, soft_wrap=True)

    job, provision = todo.attempt.job, todo.attempt.job.deployment.provision
    d = job.deployment
    say(f"{todo.what}, measured in night {todo.recorded.attempt.night} on {todo.recorded.environment.host}:")
    say(f"  job {job.id}: {d.model.name}, {d.precision}, {d.parallelism.label()} on {d.devices} × {d.product}")
    points = [job.points[point].label() for point in sorted({key.point for key in todo.attempt.runs})]
    say(f"  {len(todo.attempt.runs)} runs of {', '.join(points)}, seed {job.seed}")
    say(f"  engine: {d.engine} {d.engine_version}")
    if isinstance(provision, VenvProvision):
        say(f"  pins: {' '.join(provision.pins)}")
    else:
        say(f"  by {provision.kind}: {provision.url if provision.kind == 'endpoint' else provision.executable}")
    say(f"  server command, as it was: {server_command(todo.recorded.engine) or 'none: enginebench started no server'}")
    say("Not as it was:" if todo.differs else "Nothing that is known here differs.")
    show_differing(todo.differs, screen)
    for one in todo.unknown:
        say(f"  known later: {one}")


def show_differing(differs: Sequence[Differing], screen: Console) -> None:
    """A line a thing that is not as it was."""
    for one in differs:
        words = f"  {one.what}: recorded {one.recorded}, here {one.here}"
        screen.print(words, highlight=False, markup=False, soft_wrap=True)


def show_compared(compared: Sequence[Compared], screen: Console) -> None:
    """A table of figures recorded and measured again: those of every table of results, and all that lie apart."""
    table = Table(title="Recorded and again (95 % intervals over the repeats of each start, or within its one run)")
    table.add_column("point", no_wrap=True)
    table.add_column("metric")
    for name in ("recorded", "again", "again / recorded"):
        table.add_column(name, justify="right")
    table.add_column("")
    shown = [one for one in compared if one.metric in SHOWN or one.beyond]
    for one in shown:
        metric = METRICS[one.metric]
        sides = [_figure(side, metric.scale) for side in (one.recorded, one.again)]
        words = "beyond both intervals" if one.beyond else ""
        table.add_row(one.point, f"{metric.title} ({metric.unit})", *map(escape, sides), figure(one.ratio), words)
    screen.print(table)
    beyond = sum(one.beyond for one in compared)
    screen.print(
        f"{len(compared)} figures compared, {beyond} of them apart by more than both intervals, "
        f"{len(compared) - len(shown)} not shown. One start against one start is no verdict: neither interval covers "
        "what a restart does, and of many figures some lie apart by chance.",
        highlight=False,
        soft_wrap=True,
    )


def _figure(one: Figure, scale: float) -> str:
    words = figure(None if one.value is None else one.value * scale)
    if one.low is None or one.high is None:
        return words
    return f"{words} [{figure(one.low * scale)}, {figure(one.high * scale)}]"
