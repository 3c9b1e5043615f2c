"""What is measured right now, as every page shows it: which trial, how far it is, since when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from enginebench.progress import STAGES
from enginebench.trial.underway import UnderWay, under_way


def live(work: Path) -> list[dict[str, Any]]:
    """A row a trial under way below `work`, those of living processes first."""
    return [_row(one) for one in sorted(under_way(work), key=lambda one: (not one.alive, one.host))]


def _row(one: UnderWay) -> dict[str, Any]:
    return {
        "host": one.host,
        "trial": one.state.trial,
        "night": one.state.attempt.night,
        "grid": one.state.attempt.grid,
        "what": one.label(),
        "start": one.state.attempt.job.start,
        "stage": one.state.stage,
        "doing": STAGES[one.state.stage],
        "since_utc": one.state.started_utc,
        "runs": one.runs,
        "asked": len(one.state.attempt.runs),
        "alive": one.alive,
    }
