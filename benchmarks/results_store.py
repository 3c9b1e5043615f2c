"""The results store: writers that are killed, and a million runs read; each beside the runner-up formats.

python benchmarks/results_store.py writers [--kills 40] [--formats enginebench s3 sqlite delta lance]
python benchmarks/results_store.py size
python benchmarks/results_store.py ingest
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import results_store_peers as peers
import results_store_writers as writers

FAULTS = 0.05
"""Share of the object store's requests that fail."""
AGE_S = 4.0
"""Grace of the collector: a commit or a reading of a folder takes a second at most."""
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
            age_s=AGE_S,
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
        if asked.only not in (None, "fire" if tended else "calm"):
            continue
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
        removed = f" ({done.removed} removed)" if done.removed else ""
        cells.append(f"{done.kills_of_tender} / {done.tended}{removed} / {len(done.tend_failures)}")
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


def asked_of(argv: Sequence[str]) -> tuple[dict[str, Any], float]:
    """What a question's process said, and how long it was there, ms."""
    begun = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv[1:4])} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout), (time.perf_counter() - begun) * 1e3


def size(asked: argparse.Namespace) -> None:
    """The tables of a million runs."""
    import results_store_made as made

    store = made.store(made.Size())
    tables: dict[str, list[int]] = {}
    for part in store.view().manifest.parts:
        held = tables.setdefault(part.table, [0, 0, 0])
        for place, value in enumerate((1, part.rows, part.bytes)):
            held[place] += value
    print(f"{machine()}; {asked.rounds} fresh processes a question, files in the page cache\n")
    print("| table | parts | rows | MB | bytes a row |\n|---|---|---|---|---|")
    for table, (count, rows, held_bytes) in sorted(tables.items()):
        print(f"| {table} | {count} | {rows:,} | {held_bytes / 1e6:,.0f} | {held_bytes / rows:.1f} |")
    print(
        "\n| question | median (least to most), ms | whole process, ms | peak memory, MB |\n|---|---|---|---|",
        flush=True,
    )
    script = str(Path(__file__).with_name("results_store_size.py"))
    for question in asked.questions:
        show(question, [sys.executable, script, question, str(store.local)], asked.rounds)
    if not asked.peers:
        return
    print(f"\n{ASKED}", flush=True)
    script = str(Path(__file__).with_name("results_store_peers_size.py"))
    for kind in asked.peers:
        try:
            python = peers.python()
        except LookupError as error:
            print(f"| {kind} | {error} |")
            continue
        place = str(store.local).replace("results-store-", f"results-store-{kind}-")
        told, _ = asked_of([python, script, "make", kind, str(store.local), place])
        for question in ("latest", "year"):
            name = f"{kind}, {told['bytes'] / 1e6:,.0f} MB: {question}"
            show(name, [python, script, question, kind, str(store.local), place], asked.rounds)


def show(name: str, argv: Sequence[str], rounds: int) -> None:
    """A line of a table of questions."""
    answers = [asked_of(argv) for _ in range(rounds)]
    ms = sorted(told["ms"] for told, _ in answers)
    whole, peak = statistics.median(whole for _, whole in answers), max(told["peak_mb"] for told, _ in answers)
    cells = f"{statistics.median(ms):,.0f} ({ms[0]:,.0f} to {ms[-1]:,.0f}) | {whole:,.0f} | {peak:,.0f}"
    print(f"| {name} | {cells} |", flush=True)
    assert len({told["answer"][0] for told, _ in answers}) == 1, "each process finds the same"


def ingest(asked: argparse.Namespace) -> None:
    """The table of request rows taken in."""
    import results_store_ingest as taking

    print(f"{machine()}; {asked.trials} trials of {asked.rows:,} rows, median of {asked.rounds} rounds\n")
    print(
        "| chunk times a row | rows/s: Request objects -> Parquet folder | -> Store.ingest | -> compact | in all "
        "(least to most) | bytes a row in folders | compacted |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    for events in asked.events:
        done = []
        for seed in range(asked.rounds):
            with tempfile.TemporaryDirectory(prefix="results-store-", dir=asked.folder) as aside:
                done.append(taking.once(Path(aside), asked.trials, asked.rows, events, seed))
        cells = [str(events)]
        for stage in ("written_s", "ingested_s", "compacted_s"):
            cells.append(f"{statistics.median(one.rows / getattr(one, stage) for one in done):,.0f}")
        speeds = sorted(one.rows_per_s for one in done)
        cells.append(f"{statistics.median(speeds):,.0f} ({speeds[0]:,.0f} to {speeds[-1]:,.0f})")
        cells += [f"{statistics.median(getattr(one, what) / one.rows for one in done):.1f}" for what in BYTES]
        print(f"| {' | '.join(cells)} |", flush=True)


BYTES = ("folder_bytes", "part_bytes")
ASKED = "| question | median (least to most), ms | whole process, ms | peak memory, MB |\n|---|---|---|---|"
OF_BOTH = ("latest", "year", "night", "trial")
QUESTIONS = (*OF_BOTH, "result", *(f"duckdb_{one}" for one in OF_BOTH))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True)
    one = actions.add_parser("writers")
    one.add_argument("--writers", type=int, default=8)
    one.add_argument("--commits", type=int, default=50)
    one.add_argument("--kills", type=int, default=40)
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--only", choices=("calm", "fire"), help="one of the two tables")
    one.add_argument("--folder", type=Path, help="where the stores are made, on a disk; default: the temporary folder")
    one.add_argument("--formats", nargs="+", choices=list(KINDS), default=list(KINDS))
    one.set_defaults(call=under_fire)
    one = actions.add_parser("size")
    one.add_argument("--rounds", type=int, default=5)
    one.add_argument("--questions", nargs="*", default=list(QUESTIONS))
    one.add_argument("--peers", nargs="*", choices=("sqlite", "delta", "lance"), default=["sqlite", "delta", "lance"])
    one.set_defaults(call=size)
    one = actions.add_parser("ingest")
    one.add_argument("--trials", type=int, default=10)
    one.add_argument("--rows", type=int, default=5000)
    one.add_argument("--rounds", type=int, default=3)
    one.add_argument("--events", type=int, nargs="+", default=[0, 16, 128])
    one.add_argument("--folder", type=Path, help="as of writers")
    one.set_defaults(call=ingest)
    asked: Any = parser.parse_args()
    call: Callable[[Any], None] = asked.call
    call(asked)


if __name__ == "__main__":
    main()
