"""What each `enginebench results ACTION` does; `_` behind the names, some of which are Python's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
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
    """A line a run, and one a correction."""
    from enginebench import report

    screen = report.console()
    report.show_runs(chosen_runs(options), screen)
    report.show_corrections(Store(options.store).corrections(), screen)
    return 0


def export_(options: argparse.Namespace) -> int:
    """The table of runs as a file, or the runs as another tool's."""
    from enginebench.store import export, export_as

    if options.tool is None:
        runs = chosen_runs(options)
        export(runs, options.path)
    else:
        runs = chosen_runs(options, columns=("trial", "run", "invalid"))
        export_as(options.tool, Store(options.store), runs, options.path)
    print(f"{len(runs)} runs in {options.path}")
    return 0


def ingest_(options: argparse.Namespace) -> int:
    """A finished folder, or all trials of another store, into the store."""
    folder = Path(options.path)
    one = "://" not in options.path and (folder / "result.json").is_file()
    other = None if one else Store(options.path)
    if other is not None and other.holds_trials():
        return _ingest_all(options, other)
    if other is not None and other.local is None:
        raise mistake(options.path, "holds no trials", "name a store; a single trial's folder must lie on this machine")
    if options.verify is not None:
        raise mistake(options.path, "holds no signed night", "name the store that the night was signed in")
    taken = Store(options.store).ingest(folder)
    print(f"{taken.trial}: {'taken in' if taken.taken else 'was there already'}")
    return 0


def _ingest_all(options: argparse.Namespace, other: Store) -> int:
    from enginebench.store import signing, take_in

    key = None if options.verify is None else signing.public_key(options.verify)
    done = take_in(Store(options.store), other, key)
    verified = "" if key is None else ", as signed"
    print(f"{len(done.taken)} trials taken in{verified}, {done.there} were there already, {len(done.refused)} refused")
    if done.corrections:
        print(f"{done.corrections} corrections taken in")
    if done.corrections_left:
        print(f"{done.corrections_left} corrections left behind: no signature covers them")
    for line in done.refused:
        print(line, file=sys.stderr)
    return 1 if done.refused else 0


def sign_(options: argparse.Namespace) -> int:
    """A night's signature."""
    from enginebench.store import signing

    store = Store(options.store)
    signed = signing.sign(store, options.night, signing.secret_key(options.key, _password))
    print(f"signed {len(signed.trials)} trials of night {signed.night} in {store.url}/{signing.FOLDER}")
    return 0


def _password() -> str:
    """Asked for on a terminal, else a line of standard input, as minisign itself does it."""
    import getpass

    return getpass.getpass("password of the key: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def verify_(options: argparse.Namespace) -> int:
    """Whether a night is what was signed."""
    from enginebench.store import signing

    wrong = signing.verify(Store(options.store), options.night, signing.public_key(options.key))
    for line in wrong:
        print(line)
    if not wrong:
        print(f"night {options.night} is what was signed")
    return 1 if wrong else 0


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

    store = Store(options.store)
    found = store.prune(config.read_retention(assets.find(str(options.policy))), dry=options.dry_run)
    for one in found:
        span = one.nights[0] if len(one.nights) == 1 else f"{one.nights[0]} to {one.nights[-1]}"
        verb = "would drop" if options.dry_run else "dropped"
        print(f"{verb} {one.what} of {len(one.nights)} nights, {span}: {one.rows} rows, {one.bytes / 1e6:.1f} MB")
    if not found:
        print("nothing is older than the policy keeps it")
    if options.dry_run and (loose := len(store.view().loose)):
        print(f"not counted: {loose} trials that are not compacted yet; prune compacts them first")
    return 0


def clean_(options: argparse.Namespace) -> int:
    """What nobody reads any more out of the store."""
    for name in Store(options.store).collect():
        print(f"removed {name}")
    return 0


def chosen_runs(options: argparse.Namespace, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The runs that `--where` leaves; raises UserError for what is no filter."""
    return Store(options.store).runs(columns, **where(options))


def where(options: argparse.Namespace) -> dict[str, str]:
    """What `--where` asks, column to value; raises UserError for what is no pair."""
    wrong = [item for item in options.where if "=" not in item]
    if wrong:
        raise mistake(f"--where {wrong[0]}", "no `=` in it", "write KEY=VALUE, as engine=vllm")
    filters: dict[str, str] = {}
    for item in options.where:
        key, _, value = item.partition("=")
        if filters.setdefault(key, value) != value:
            raise mistake(f"--where {item}", f"`{key}` is asked for twice", "name each key once")
    return filters
