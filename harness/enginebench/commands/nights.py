"""What `enginebench changes` does."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from enginebench import report
from enginebench.analysis.changes import FACTS, WATCHED, Finding, find_changes
from enginebench.commands import stored
from enginebench.errors import mistake
from enginebench.records import plain
from enginebench.report.changes import show_changes
from enginebench.store import Store

_COLUMNS = (
    *("night", "grid", "trial", "run", "series", "curve", "version", "engine", "model", "precision", "product"),
    *("devices", "workload", "load", "concurrency", "rate_rps", "started_utc", "marks", "invalid", "reproduces"),
)


def changes(options: argparse.Namespace) -> int:
    """Tell the changes of a store, a line each; 1 if one that is confirmed is for the worse."""
    if options.plan is not None and not options.plan.parent.is_dir():
        raise mistake(str(options.plan), f"no folder {options.plan.parent}", "make it, or name another file")
    runs = stored.chosen_runs(options, columns=tuple(dict.fromkeys((*_COLUMNS, *FACTS, *WATCHED))))
    found = find_changes(runs)
    shown = [one for one in found.changes if one.found >= options.since]
    show_changes(shown, found.notes, report.console())
    if options.plan is not None:
        _plan(Store(options.store), shown, options.plan)
    return 1 if any(one.worse and one.status == "confirmed" for one in shown) else 0


def _plan(store: Store, shown: Sequence[Finding], path: Path) -> None:
    """One line a job: what `enginebench run` takes, for each trial behind what waits."""
    trials = sorted({trial for one in shown if one.status == "waiting" for trial in one.trials})
    attempts = {attempt.job.id: attempt for attempt in (store.result(trial).attempt for trial in trials)}
    path.write_text(
        "".join(f"{json.dumps(plain(attempts[job]), allow_nan=False)}\n" for job in sorted(attempts)), encoding="utf-8"
    )
    print(f"{len(attempts)} jobs to confirm what waits in {path}")
