"""What `enginebench changes` does."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from enginebench import report
from enginebench.analysis.changes import FACTS, WATCHED, Finding, Rule, find_changes
from enginebench.commands import stored
from enginebench.errors import mistake
from enginebench.records import Attempt, plain
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
    """One line a job: what `enginebench run` takes, in the order in which it is to be run.

    What waits is measured with the version before in turn; where that is the same version, its trials once more.
    """
    pairs: dict[tuple[str, str], tuple[Attempt, Attempt]] = {}
    again: dict[str, Attempt] = {}
    for one in shown:
        if one.status != "waiting":
            continue
        older, newer = (
            [replace(store.result(trial).attempt, night=one.found) for trial in trials]
            for trials in (one.beside, one.trials)
        )
        a, b = (max(some, key=_order) if some else None for some in (older, newer))
        if a is not None and b is not None and a.job.id != b.job.id:
            pairs[a.job.id, b.job.id] = (a, b)
        else:
            again |= {attempt.job.id: attempt for attempt in newer}
    measured = {b for _, b in pairs}
    jobs = [attempt for key in sorted(pairs) for attempt in in_turn(*pairs[key], Rule().pairs)]
    jobs += [again[job] for job in sorted(set(again) - measured)]
    path.write_text("".join(f"{json.dumps(plain(one), allow_nan=False)}\n" for one in jobs), encoding="utf-8")
    print(f"{len(jobs)} jobs to confirm what waits in {path}")


def _order(attempt: Attempt) -> tuple[int, int, str]:
    """The attempt with most runs comes last, of several the first start."""
    return len(attempt.runs), -attempt.job.start, attempt.job.id


def in_turn(older: Attempt, newer: Attempt, pairs: int) -> tuple[Attempt, ...]:
    """A B B A …: what drifts over the night does so for both."""
    return tuple(one for turn in range(pairs) for one in ((older, newer) if turn % 2 == 0 else (newer, older)))
