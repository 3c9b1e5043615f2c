"""What each `enginebench results ACTION` does; `_` behind the names, some of which are Python's."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from enginebench.errors import mistake
from enginebench.store import Store

if TYPE_CHECKING:
    import pandas as pd


def points_(options: argparse.Namespace) -> int:
    """Repeats as points, every figure with its interval."""
    from enginebench import report
    from enginebench.analysis.points import summarise_points

    report.show_points(summarise_points(_runs(options)), report.console())
    return 0


def list_(options: argparse.Namespace) -> int:
    """A line a run, and one a correction."""
    from enginebench import report

    screen = report.console()
    report.show_runs(_runs(options), screen)
    report.show_corrections(Store(options.store).corrections(), screen)
    return 0


def export_(options: argparse.Namespace) -> int:
    """The table of runs as a file."""
    from enginebench.store import export

    runs = _runs(options)
    export(runs, options.path)
    print(f"{len(runs)} runs in {options.path}")
    return 0


def ingest_(options: argparse.Namespace) -> int:
    """A finished folder into the store."""
    taken = Store(options.store).ingest(options.path)
    print(f"{taken.trial}: {'taken in' if taken.taken else 'was there already'}")
    return 0


def import_(options: argparse.Namespace) -> int:
    """Another tool's file into the store."""
    from enginebench import importers

    points = importers.points(options.tool, options.path)
    new = Store(options.store).add_foreign(points)
    figures, same = sum(len(point.figures) for point in points), sum(len(point.same_as) for point in points)
    print(f"{options.path}: {len(points)} points, {new} of them new; {figures} figures, {same} of them defined as ours")
    return 0


def invalidate_(options: argparse.Namespace) -> int:
    """A trial or run that counts no more."""
    made = Store(options.store).invalidate(options.what, reason=options.reason, author=_author(options))
    print(f"{made.what} is invalid from now on, by {made.author}; `enginebench results withdraw {made.id}` undoes it")
    return 0


def withdraw_(options: argparse.Namespace) -> int:
    """An invalidation taken back."""
    made = Store(options.store).withdraw(options.id, reason=options.reason, author=_author(options))
    print(f"the invalidation {made.invalidation} is withdrawn, by {made.author}")
    return 0


def _author(options: argparse.Namespace) -> str:
    from enginebench import environment

    return environment.person() if options.author is None else str(options.author)


def compact_(options: argparse.Namespace) -> int:
    """Trials into few Parquet files."""
    done = Store(options.store).compact()
    print(f"{done.trials} trials taken over, {done.parts} parts written, manifest {done.sequence}")
    return 0


def prune_(options: argparse.Namespace) -> int:
    """What a policy keeps no longer out of the store."""
    from enginebench import assets, config

    found = Store(options.store).prune(config.read_retention(assets.find(str(options.policy))), dry=options.dry_run)
    for one in found:
        span = one.nights[0] if len(one.nights) == 1 else f"{one.nights[0]} to {one.nights[-1]}"
        verb = "would drop" if options.dry_run else "dropped"
        print(f"{verb} {one.what} of {len(one.nights)} nights, {span}: {one.rows} rows, {one.bytes / 1e6:.1f} MB")
    if not found:
        print("nothing is older than the policy keeps it")
    return 0


def clean_(options: argparse.Namespace) -> int:
    """What nobody reads any more out of the store."""
    for name in Store(options.store).collect():
        print(f"removed {name}")
    return 0


def _runs(options: argparse.Namespace) -> pd.DataFrame:
    wrong = [item for item in options.where if "=" not in item]
    if wrong:
        raise mistake(f"--where {wrong[0]}", "no `=` in it", "write KEY=VALUE, as engine=vllm")
    pairs = (item.partition("=") for item in options.where)
    return Store(options.store).runs(**{key: value for key, _, value in pairs})
