"""What each `enginebench results ACTION` does; `_` behind the names, some of which are Python's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from enginebench.errors import mistake
from enginebench.store import Store

if TYPE_CHECKING:
    import pandas as pd


def points_(options: argparse.Namespace) -> int:
    """Repeats as points, every figure with its interval."""
    from enginebench import report
    from enginebench.analysis.lineage import recipe_notes
    from enginebench.analysis.points import summarise_points
    from enginebench.analysis.snapshot import missing_notes

    runs = chosen_runs(options)
    points = summarise_points(runs)
    notes = [*recipe_notes(runs, Store(options.store).result), *missing_notes(points)]
    report.show_points(points, report.console(), notes)
    return 0


def list_(options: argparse.Namespace) -> int:
    """A line a run."""
    from enginebench import report

    report.show_runs(chosen_runs(options), report.console())
    return 0


def export_(options: argparse.Namespace) -> int:
    """The table of runs as a file, or the runs as another tool's."""
    from enginebench.store import export, export_as

    if options.tool is None:
        runs = chosen_runs(options)
        export(runs, options.path)
    else:
        runs = chosen_runs(options, columns=("trial", "run"))
        export_as(options.tool, Store(options.store), runs, options.path)
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

    rows = importers.rows(options.tool, options.path)
    refused = [row for row in rows if isinstance(row, importers.Refused)]
    points = [row for row in rows if not isinstance(row, importers.Refused)]
    new = Store(options.store).add_foreign(points)
    figures, same = sum(len(point.figures) for point in points), sum(len(point.same_as) for point in points)
    print(
        f"{options.path}: {len(rows)} rows in, {len(points)} points ({new} new, {len(points) - new} known already), "
        f"{len(refused)} rows refused; {figures} figures, {same} of them defined as ours"
    )
    for row in refused:
        print(f"{options.path}: {row}", file=sys.stderr)
    return 1 if refused else 0


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


def chosen_runs(options: argparse.Namespace, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The table of runs that `--store` and `--where` ask for, all columns or those named."""
    wrong = [item for item in options.where if "=" not in item]
    if wrong:
        raise mistake(f"--where {wrong[0]}", "no `=` in it", "write KEY=VALUE, as engine=vllm")
    pairs = (item.partition("=") for item in options.where)
    return Store(options.store).runs(columns, **{key: value for key, _, value in pairs})
