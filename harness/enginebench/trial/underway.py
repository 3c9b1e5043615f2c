"""Trials that are being measured now, by the folders they work in; only looked at, nothing is touched."""

from __future__ import annotations

import fcntl
from pathlib import Path

from enginebench.errors import UserError
from enginebench.records import record
from enginebench.records.files import read
from enginebench.trial.workdir import State


@record
class UnderWay:
    """A trial that is not finished."""

    host: str
    """Host that measures it, as its work folder is called."""
    state: State
    """What is known of it so far."""
    runs: int
    """Runs that are measured whole."""
    alive: bool
    """Its process lives. False: it was killed, and the next night of its host takes in what it had measured."""

    def label(self) -> str:
        """The trial in words."""
        d = self.state.attempt.job.deployment
        return f"{d.model.name} on {d.engine} {d.engine_version}, {d.precision}, {d.parallelism.label()}"


def under_way(work: Path) -> tuple[UnderWay, ...]:
    """All trials under way below `work`, which holds a folder a host; a trial that ends meanwhile is left out."""
    found = []
    for path in sorted(work.glob("*/*.partial/state.json")):
        folder = path.parent
        try:
            # Its writer holds the lock before it writes its state, so that looking here cannot be in its way.
            state, alive = read(State, path), _held(folder / "lock")
            runs = sum(1 for _ in (folder / "runs").glob("*.json"))
        except (OSError, UserError):
            continue
        found.append(UnderWay(host=folder.parent.name, state=state, runs=runs, alive=alive))
    return tuple(found)


def _held(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
