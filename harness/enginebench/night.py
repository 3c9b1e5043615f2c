"""A night: plan, measure what is due, take the results in, judge, publish. Goes on after any crash where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enginebench import attempts, config, runners
from enginebench.analysis.compare import RATE
from enginebench.analysis.power import EFFECTS, NEEDED, Need, needs
from enginebench.plan import Due, Plan, due, job_seconds, make_plan, run_seconds
from enginebench.progress import Progress
from enginebench.provision import channels
from enginebench.records import identify, record
from enginebench.store import Store


@record
class Planned:
    """A grid held against a site and what is stored."""

    plan: Plan
    due: Due
    devices: int
    """Devices of the site."""
    seconds: Mapping[str, float]
    """Job id to the estimated time of its attempt."""
    run_seconds: Mapping[str, tuple[float, ...]]
    """Job id to the estimated time of each of its due runs, in order."""

    def accelerator_hours(self) -> float:
        """Estimated accelerator-hours of what is due."""
        by_id = {attempt.job.id: attempt for attempt in self.due.attempts}
        return sum(self.seconds[key] * one.job.deployment.devices for key, one in by_id.items()) / 3600


@record
class Night:
    """What came of a night."""

    night: str
    planned: Planned
    measured: int
    """Runs measured now."""
    salvaged: int
    """Runs taken in that a killed night had measured."""
    failures: tuple[str, ...]
    """One line for every trial that failed."""


def _nobody(words: str) -> None:
    """Takes what need not be told: a wait for another night that asks the same index is a matter of seconds."""


def plan_night(grid: Path, site: Path, store: Store, *, night: str, cache: Path, again: bool = False) -> Planned:
    """What `grid` comes to at `site`, and what of it is due; raises UserError. Starts nothing.

    Channels become exact versions here; what that takes is kept under `cache`.
    """
    resolved = config.read_grid(grid)
    inventory, part = runners.inventory(config.read_site(site))
    resolved = channels.follow(resolved, inventory.accelerators[0].vendor, cache, _nobody)
    plan = make_plan(resolved, inventory, part)
    most, detect = resolved.grid.most_starts, resolved.grid.detect
    if most is not None and detect is not None:
        needed = {one.series: one.starts[detect] or most for one in needs_of(plan, store)}
        plan = make_plan(resolved, inventory, part, needed)
    since = datetime.now(UTC) - timedelta(hours=resolved.grid.refresh_hours)
    fresh = {} if again else {job.id: store.done(job.id, since, plan.until) for job in plan.jobs}
    left = due(plan, night, fresh)
    jobs = [attempt.job for attempt in left.attempts]
    series = {one.series for job in jobs for one in identify(job.deployment, job.points)}
    measured = _run_medians(store, series)
    return Planned(
        plan=plan,
        due=left,
        devices=len(inventory.accelerators),
        seconds={one.job.id: job_seconds(one, part, measured) for one in left.attempts},
        run_seconds={
            one.job.id: tuple(
                run_seconds(one.job.deployment, one.job.points[key.point], part, measured) for key in one.runs
            )
            for one in left.attempts
        },
    )


def needs_of(plan: Plan, store: Store) -> tuple[Need, ...]:
    """How many server starts a verdict on each point of `plan` needs, of those whose noise the store knows."""
    points: dict[str, str] = {}
    for job in plan.jobs:
        d = job.deployment
        of = f"{d.model.name} {d.engine_kind} {d.precision} {d.parallelism.label()}"
        for point, one in zip(job.points, identify(d, job.points), strict=True):
            points[one.series] = f"{of}, {point.workload.name} {point.load.label()}"
    metric = plan.until.figure if plan.until else RATE
    effects = EFFECTS if plan.detect is None else (plan.detect,)
    runs = store.runs(columns=(*NEEDED, metric))
    repeats = plan.jobs[0].repeats if plan.jobs else 1
    return needs(runs[runs["series"].isin(list(points))], points, metric, repeats, effects)


def _run_medians(store: Store, series: set[str]) -> Mapping[str, float]:
    """Series to the median time of its runs so far, s."""
    runs = store.runs(columns=("series", "duration_ns"))
    known = runs[runs["series"].isin(series)]
    medians = known.groupby("series")["duration_ns"].median() / 1e9
    return {str(key): float(value) for key, value in medians.items()}


def run_night(grid: Path, site: Path, store: Store, *, cache: Path, progress: Progress, again: bool = False) -> Night:
    """Measure all of `grid` that is due at `site` into `store`; raises UserError before anything is started."""
    night = f"{datetime.now(UTC):%Y-%m-%d}"
    work = attempts.workplace(store, cache)
    # A mistake in either is told before anything is made.
    config.read_grid(grid)
    config.read_site(site)
    with attempts.only_one(work, store):
        salvaged = attempts.take_in_leftovers(work, store, progress.say)
        planned = plan_night(grid, site, store, night=night, cache=cache, again=again)
        failures: list[str] = []
        measured = 0
        ready = attempts.calibrated(planned.due.attempts, store, progress.say)
        progress.begin(planned.plan, planned.due, planned.seconds, planned.run_seconds, salvaged)
        for attempt in ready:
            progress.job(attempt)
            result, failure = attempts.measure(attempt, work, store, cache, progress.event)
            measured += len(result.runs) if result is not None else 0
            if failure:
                failures.append(failure)
        progress.end()
        attempts.finish(work, store, progress.say)
    return Night(night=night, planned=planned, measured=measured, salvaged=salvaged, failures=tuple(failures))
