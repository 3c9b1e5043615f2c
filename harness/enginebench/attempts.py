"""Attempts carried out on this machine: one process at a time, each taken in, and what a killed one left finished."""

from __future__ import annotations

import fcntl
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from enginebench import calibration, environment, runners
from enginebench.errors import UserError, mistake
from enginebench.records import Attempt, ClosedLoop, Result, content_hash
from enginebench.store import Store, Unusable
from enginebench.trial import partial, salvage

Say = Callable[[str], None]
"""Takes a line for a person."""
Listen = Callable[[Mapping[str, Any]], None]
"""Takes the events of a trial at work."""

CALIBRATION_LASTS = timedelta(hours=4)
"""For how long no new calibration is needed: a night's own resumption, or a next grid, not the next night."""


def workplace(store: Store, cache: Path) -> Path:
    """Where this machine's trials under way lie: in the store's folder, or on this machine for an object store."""
    base = store.local / ".work" if store.local is not None else cache / "work" / content_hash(store.url)
    return base / platform.node()


@contextmanager
def only_one(work: Path, store: Store) -> Iterator[None]:
    """Two at once on one machine and store would measure each other; other machines may write the same store."""
    work.parent.mkdir(parents=True, exist_ok=True)
    with work.with_name(f"{work.name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise mistake(
                store.url,
                "another night or comparison of this machine is running on this store",
                "wait for it, or name another store",
            ) from None
        yield


def calibrated(left: Sequence[Attempt], store: Store, say: Say) -> tuple[Attempt, ...]:
    """Before anything is measured: is the client exact at the concurrencies to come? Kept, and told if not.

    Gives the attempts, each with the store's files that say so. A concurrency that was found exact here lately is not
    tried again: every run proves its own client anyway, so this only has to catch a machine that is not fit.
    """
    levels = _concurrencies(left)
    known = exact_lately(levels, store) if levels else {}
    if missing := sorted(levels - known.keys()):
        found = calibration.calibrate(missing, calibration.BRIEF)
        name = store.add_calibration(found).removeprefix(f"{store.url}/")
        known |= dict.fromkeys(missing, name)
        wrong = [f"c{level.concurrency}" for level in found.levels if not level.exact()]
        if wrong:
            say(f"The load generator is not exact now at {', '.join(wrong)}: see `enginebench calibrate`.")
    files = [sorted({known[level] for level in _concurrencies([attempt])}) for attempt in left]
    return tuple(replace(attempt, calibrations=tuple(names)) for attempt, names in zip(left, files, strict=True))


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


def _concurrencies(attempts: Iterable[Attempt]) -> set[int]:
    """Every number of requests that closed loops of these hold in flight."""
    loads = [point.load for attempt in attempts for point in attempt.job.points]
    return {load.concurrency for load in loads if isinstance(load, ClosedLoop)}


def take_in_leftovers(work: Path, store: Store, say: Say) -> int:
    """Finish and ingest what a killed process left; gives the number of runs that were saved so.

    What cannot be read, as a folder that another version of enginebench left unfinished, is set aside and told.
    """
    runs = 0
    for path in sorted(work.glob("*.partial")):
        with _set_aside(path, say):
            salvage(path)
    for path in sorted(work.iterdir()) if work.is_dir() else ():
        if (path / "result.json").exists():
            with _set_aside(path, say):
                taken = store.ingest(path)
                runs += len(store.result(taken.trial).runs) if taken.taken else 0
    return runs


@contextmanager
def _set_aside(path: Path, say: Say) -> Iterator[None]:
    """Move what raises a UserError out of the way of what is to come."""
    try:
        yield
    except Unusable:
        raise  # it is the store that cannot take it
    except UserError as error:
        kept = path.parent.with_name(f"{path.parent.name}.unread") / path.name
        kept.parent.mkdir(exist_ok=True)
        path.rename(kept)
        say(f"What an earlier night left cannot be read and lies in {kept}: {error}")


def measure(
    attempt: Attempt, work: Path, store: Store, cache: Path, listen: Listen
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


def finish(work: Path, store: Store, say: Say) -> None:
    """Remove what is no longer needed and make few files of what is stored.

    What was measured is safe without it: a failure is told, and no more.
    """
    shutil.rmtree(work, ignore_errors=True)
    try:
        store.compact()
        store.collect()
    except (UserError, OSError, ValueError) as error:
        say(f"All is stored, but was not compacted: {error}. Try `enginebench results compact`.")
