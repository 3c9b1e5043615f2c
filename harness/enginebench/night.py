"""A night: plan, measure what is due, take the results in, judge, publish. Goes on after any crash where it stopped."""

from __future__ import annotations

import fcntl
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from enginebench import calibration, config, environment, runners
from enginebench.analysis.compare import RATE
from enginebench.analysis.power import EFFECTS, NEEDED, Need, needs
from enginebench.errors import UserError, mistake
from enginebench.plan import Due, Plan, due, job_seconds, make_plan, run_seconds
from enginebench.progress import Progress
from enginebench.provision import channels
from enginebench.records import Attempt, ClosedLoop, Result, content_hash, identify, record
from enginebench.store import Store, Unusable
from enginebench.trial import partial, salvage

CALIBRATION_LASTS = timedelta(hours=4)
"""For how long a night needs no new calibration: its own resumption, or a next grid, not the next night."""


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
    work = workplace(store, cache)
    # A mistake in either is told before anything is made.
    config.read_grid(grid)
    config.read_site(site)
    with only_one(work, store):
        salvaged = _take_in_leftovers(work, store, progress)
        planned = plan_night(grid, site, store, night=night, cache=cache, again=again)
        failures: list[str] = []
        measured = 0
        calibrated = _calibrate(planned.due, store, progress)
        progress.begin(planned.plan, planned.due, planned.seconds, planned.run_seconds, salvaged)
        for attempt in planned.due.attempts:
            progress.job(attempt)
            rests_on = sorted({calibrated[level] for level in _concurrencies([attempt])})
            attempt = replace(attempt, calibrations=tuple(rests_on))
            result, failure = measure(attempt, work, store, cache, progress.event)
            measured += len(result.runs) if result is not None else 0
            if failure:
                failures.append(failure)
        progress.end()
        shutil.rmtree(work, ignore_errors=True)
        _gather(store, progress)
    return Night(night=night, planned=planned, measured=measured, salvaged=salvaged, failures=tuple(failures))


def _gather(store: Store, progress: Progress) -> None:
    """Make few files of what is stored. What was measured is safe without it: a failure is told, and no more."""
    try:
        store.compact()
        store.collect()
    except (UserError, OSError, ValueError) as error:
        words = f"All is stored, but was not compacted: {error}. Try `enginebench results compact`."
        progress.console.print(words, markup=False)


def workplace(store: Store, cache: Path) -> Path:
    """Where this machine's trials under way lie: in the store's folder, or on this machine for an object store."""
    base = store.local / ".work" if store.local is not None else cache / "work" / content_hash(store.url)
    return base / platform.node()


@contextmanager
def only_one(work: Path, store: Store) -> Iterator[None]:
    """Two nights on one machine and store would measure each other; other machines may write the same store."""
    work.parent.mkdir(parents=True, exist_ok=True)
    with work.with_name(f"{work.name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise mistake(
                store.url,
                "another night of this machine is running on this store",
                "wait for it, or name another store",
            ) from None
        yield


def _calibrate(left: Due, store: Store, progress: Progress) -> Mapping[int, str]:
    """Before anything is measured: is the client exact at the concurrencies to come? Kept, and told if not.

    Gives concurrency to the store's file that says so. One that was found exact here lately is not tried again: every
    run proves its own client anyway, so this only has to catch a machine that is not fit.
    """
    levels = _concurrencies(left.attempts)
    known = exact_lately(levels, store) if levels else {}
    if missing := sorted(levels - known.keys()):
        found = calibration.calibrate(missing, calibration.BRIEF)
        name = store.add_calibration(found).removeprefix(f"{store.url}/")
        known |= dict.fromkeys(missing, name)
        wrong = [f"c{level.concurrency}" for level in found.levels if not level.exact()]
        if wrong:
            progress.console.print(
                f"The load generator is not exact now at {', '.join(wrong)}: see `enginebench calibrate`."
            )
    return known


def _concurrencies(attempts: Iterable[Attempt]) -> set[int]:
    """Every number of requests that closed loops of these hold in flight."""
    loads = [point.load for attempt in attempts for point in attempt.job.points]
    return {load.concurrency for load in loads if isinstance(load, ClosedLoop)}


def exact_lately(levels: set[int], store: Store) -> dict[int, str]:
    """Of these concurrencies those at which this version was exact when it was last tried here, to the file of it."""
    here = environment.describe(())
    newest: dict[int, str | None] = {}
    try:
        for name, one in store.calibrations(here.host, datetime.now(UTC) - CALIBRATION_LASTS):
            if (one.cpu, one.cores, one.harness_version) == (here.cpu, here.cores, here.harness_version):
                for level in one.levels:
                    newest.setdefault(level.concurrency, name if level.exact() else None)
    except Unusable:
        raise
    except UserError:
        return {}  # of a version of enginebench that writes it otherwise: all are tried again
    return {level: name for level, name in newest.items() if name is not None and level in levels}


def _take_in_leftovers(work: Path, store: Store, progress: Progress) -> int:
    """Finish and ingest what a killed night left; gives the number of runs that were saved so.

    What cannot be read, as a folder that another version of enginebench left unfinished, is set aside and told.
    """
    runs = 0
    for path in sorted(work.glob("*.partial")):
        with _set_aside(path, progress):
            salvage(path)
    for path in sorted(work.iterdir()) if work.is_dir() else ():
        if (path / "result.json").exists():
            with _set_aside(path, progress):
                taken = store.ingest(path)
                runs += len(store.result(taken.trial).runs) if taken.taken else 0
    return runs


@contextmanager
def _set_aside(path: Path, progress: Progress) -> Iterator[None]:
    """Move what raises a UserError out of the way of this night and those to come."""
    try:
        yield
    except Unusable:
        raise  # it is the store that cannot take it
    except UserError as error:
        kept = path.parent.with_name(f"{path.parent.name}.unread") / path.name
        kept.parent.mkdir(exist_ok=True)
        path.rename(kept)
        progress.console.print(f"What an earlier night left cannot be read and lies in {kept}: {error}", markup=False)


def measure(
    attempt: Attempt, work: Path, store: Store, cache: Path, listen: Callable[[Mapping[str, Any]], None]
) -> tuple[Result | None, str | None]:
    """Run one attempt and take its result in; gives it, null where the trial left none, and a line if it failed."""
    job = attempt.job
    out = work / f"{job.id}-{datetime.now(UTC):%H%M%S%f}"
    trial = runners.start(attempt, out, cache=cache)
    try:
        for event in trial.events():
            listen(event)
        code = trial.wait()
    except KeyboardInterrupt:
        trial.stop()
        if (out / "result.json").exists():
            store.ingest(out)
        raise
    if partial(out).exists():
        salvage(partial(out))
    if not (out / "result.json").exists():
        return None, f"job {job.id}: the trial left no result (exit code {code}): {trial.words()}"
    taken = store.ingest(out)
    result = store.result(taken.trial)
    shutil.rmtree(out)
    if result.failure is None:
        return result, None
    line = f"job {job.id} {result.status} at {result.stage}: {result.failure.failure_class}: {result.failure.message}"
    return result, line
