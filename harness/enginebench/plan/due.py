"""Which runs of a plan are due: those not measured lately."""

from __future__ import annotations

from collections.abc import Mapping, Set

from enginebench.plan.expand import Plan
from enginebench.records import Attempt, RunKey, record


@record
class Due:
    """A plan held against what is stored."""

    attempts: tuple[Attempt, ...]
    """Jobs with runs that are due, only those runs in them."""
    runs_due: int
    """Runs to be measured."""
    runs_fresh: int
    """Runs measured so lately that they are not due, or not needed."""


def due(plan: Plan, night: str, fresh: Mapping[str, Set[RunKey]]) -> Due:
    """What is left to measure; `fresh` maps a job's id to its runs that need no new measurement."""
    attempts = []
    runs_fresh = 0
    for job in plan.jobs:
        done = fresh.get(job.id, frozenset())
        runs = tuple(key for key in job.run_keys() if key not in done)
        runs_fresh += len(job.run_keys()) - len(runs)
        if runs:
            attempts.append(
                Attempt(
                    night=night,
                    grid=plan.grid,
                    job=job,
                    runs=runs,
                    quality=plan.quality,
                    until=plan.until,
                    chunk_times=plan.chunk_times,
                    reproduces=None,
                )
            )
    return Due(attempts=tuple(attempts), runs_due=sum(len(attempt.runs) for attempt in attempts), runs_fresh=runs_fresh)
