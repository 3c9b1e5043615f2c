"""The results store: writers that are killed, and a million runs read; each beside the runner-up formats.

python benchmarks/results_store.py writers [--kills 40] [--formats enginebench s3 sqlite delta lance]
python benchmarks/results_store.py size
python benchmarks/results_store.py ingest
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import results_store_peers as peers
import results_store_writers as writers

FAULTS = 0.05
"""Share of the object store's requests that fail."""
S3_AGE_S = 60.0
"""A commit may have to wait for several answers that never come, 1.5 s each."""
KINDS: dict[str, tuple[str, str, bool]] = {
    "enginebench": ("enginebench, a folder", "enginebench", False),
    "s3": (f"enginebench, S3 with {FAULTS:.0%} faults", "enginebench", True),
    "sqlite": (f"SQLite {sqlite3.sqlite_version}, WAL", "sqlite", False),
    "delta": (f"Delta Lake (deltalake {peers.version('deltalake')})", "delta", False),
    "lance": (f"LanceDB {peers.version('lancedb')}", "lance", False),
}
"""What is asked for to its name in the tables, its format, and whether it lies on an object store."""


@contextmanager
def planned(kind: str, asked: argparse.Namespace) -> Iterator[tuple[writers.Plan, Path]]:
    """A run's plan and its empty working folder; raises LookupError with the reason where it can't be had."""
    _, form, remote = KINDS[kind]
    python = sys.executable if form in ("enginebench", "sqlite") else peers.python()
    with tempfile.TemporaryDirectory(prefix="results-store-", dir=asked.folder) as aside:
        work, place = Path(aside) / "work", Path(aside) / "store"
        work.mkdir()
        place.mkdir()
        plan = writers.Plan(
            kind=form,
            place=str(place),
            writers=asked.writers,
            commits=asked.commits,
            seed=asked.seed,
            python=python,
        )
        if not remote:
            yield plan, work
            return
        import s3_server

        with s3_server.serving(FAULTS, asked.seed) as environment:
            yield replace(plan, place="s3://bench/store", age_s=S3_AGE_S, environment=environment), work


def under_fire(asked: argparse.Namespace) -> None:
    """The tables of writers."""
    print(f"{machine()}; {asked.writers} writers x {asked.commits} commits of 1 run + 1,000 request rows\n", flush=True)
    for title, kills, tended in (("Nobody else at work", 0, False), ("Under fire", asked.kills, True)):
        print(f"{title}\n\n{HEAD[tended]}", flush=True)
        for kind in asked.formats:
            try:
                with planned(kind, asked) as (plan, work):
                    done = writers.fire(replace(plan, kills=kills, tended=tended), work)
            except LookupError as error:
                print(f"| {KINDS[kind][0]} | {error} |", flush=True)
                continue
            print(row(KINDS[kind][0], done, plan.age_s, tended), flush=True)
            for what in ("failures", "tend_failures", "read_failures"):
                for words in list(dict.fromkeys(getattr(done, what)))[:3]:
                    print(f"{kind} {what}: {words}", file=sys.stderr)
        print(flush=True)


HEAD = {
    False: "| store | commits/s | p50 / p95 / max, ms | commits tried again | lost | torn | twice |\n"
    "|---|---|---|---|---|---|---|",
    True: "| store | commits/s | p50 / p95 / max, ms | commits tried again | writers killed (in mid-commit) | compactor"
    " killed / rounds ended / failed | readings (wrong, failed) | lost | torn | twice | so after a last compaction"
    " |\n|---|---|---|---|---|---|---|---|---|---|---|",
}


def row(name: str, done: writers.Fired, age_s: float, tended: bool) -> str:
    """A line of the table; `void` where the collector's grace was too short for what was done."""
    low, high, most = np.percentile(done.commit_ms, [50, 95, 100])
    cells = [name, f"{len(done.commit_ms) / done.seconds:.1f}", f"{low:.0f} / {high:.0f} / {most:.0f}"]
    cells.append(str(len(done.failures)))
    if tended:
        cells.append(f"{done.kills - done.kills_of_tender} ({done.kills_in_commit})")
        cells.append(f"{done.kills_of_tender} / {done.tended} / {len(done.tend_failures)}")
        cells.append(f"{done.reads} ({done.reads_wrong}, {len(done.read_failures)})")
    cells += [str(len(done.before[what])) for what in ("lost", "torn", "twice")]
    if tended:
        cells.append(" / ".join(str(len(done.after[what])) for what in ("lost", "torn", "twice")))
    if tended and done.longest_s >= age_s:
        cells[0] += f" (void: something took {done.longest_s:.1f} s, the collector's grace was {age_s:g} s)"
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """What it was measured on."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": unknown")
    return f"{cpu.partition(': ')[2]}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True)
    one = actions.add_parser("writers")
    one.add_argument("--writers", type=int, default=8)
    one.add_argument("--commits", type=int, default=50)
    one.add_argument("--kills", type=int, default=40)
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--folder", type=Path, help="where the stores are made, on a disk; default: the temporary folder")
    one.add_argument("--formats", nargs="+", choices=list(KINDS), default=list(KINDS))
    one.set_defaults(call=under_fire)
    asked: Any = parser.parse_args()
    call: Callable[[Any], None] = asked.call
    call(asked)


if __name__ == "__main__":
    main()
