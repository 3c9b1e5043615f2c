"""Write the dashboard's folder: the pages' files, the data in pieces, the same points as a table for scripts."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enginebench import assets
from enginebench.analysis.changes import find_changes
from enginebench.metrics import METRICS
from enginebench.records import plain
from enginebench.report import MEANINGS
from enginebench.site import rates, sizing
from enginebench.site.changes import write_changes
from enginebench.site.chips import write_chips
from enginebench.site.chunks import Chunks
from enginebench.site.context import write_context
from enginebench.site.nights import write_nights
from enginebench.site.peak import write_peak
from enginebench.site.points import all_points, for_scripts, write_points
from enginebench.site.quality import write_quality
from enginebench.site.reliability import write_reliability
from enginebench.site.starts import write_starts
from enginebench.site.tonight import tonight
from enginebench.site.trials import write_trials
from enginebench.store import Store

STAMP = "data/stamp.json"
"""What an open page asks again and again: when the data was built, and what is measured now."""


def build(store: Store, out: Path) -> Path:
    """Build the dashboard of `store` in `out`; gives its `index.html`.

    Built aside and swapped in, so that a crash leaves the old one: under its name or, between the two renames, as
    `<out>.old`, which the next build puts back first. Of two builders at once, one waits for the other.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        return _build(store, out)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    with out.with_name(f".{out.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(store: Store, out: Path) -> Path:
    aside, old = out.with_name(out.name + ".making"), out.with_name(out.name + ".old")
    if old.exists() and not out.exists():
        old.rename(out)  # the last build was killed between its two renames
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(assets.root() / "dashboards", aside, ignore=shutil.ignore_patterns(".*", "README.md"))
    write_data(store, aside / "data", out / "data")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    aside.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return out / "index.html"


def write_data(store: Store, folder: Path, earlier: Path | None = None) -> None:
    """Make all pieces of data, `index` last: it is what every page loads first, and names the others.

    Pieces in `earlier`, which another build left, are taken over where what they were made of is the same.
    """
    folder.mkdir(parents=True)
    chunks = Chunks(folder, earlier)
    runs = store.runs()
    points = all_points(runs, store)
    results, foreign = list(store.results()), list(store.foreign())
    invalid = {one.invalidation.what: one.invalidation.words() for one in store.corrections() if not one.withdrawal}
    index: dict[str, Any] = {
        "format": "enginebench.site/1",
        "store": store.url,
        "built_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "newest_utc": None if runs.empty else runs["started_utc"].max().isoformat(),
        "metrics": {name: plain(metric) for name, metric in METRICS.items()},
        "meanings": dict(MEANINGS),
        "models": write_points(points, chunks),
        "nights": write_trials(store, results, chunks, dict(zip(runs["run"], runs["invalid"], strict=True))),
    }
    report = find_changes(runs)
    write_starts(runs, chunks)
    write_changes(runs, points, report, store, chunks)
    chunks.write("tonight", tonight(runs, points, report, store))
    chunks.write("rates", rates.document())
    chunks.write("sizing", sizing.document())
    write_chips(points, chunks)
    write_context(points, results, chunks)
    write_peak(points, chunks)
    write_reliability(runs, store.failures(), foreign, chunks)
    write_quality(results, invalid, foreign, chunks)
    write_nights(results, invalid, [one for _, one in store.calibrations()][::-1], chunks)
    for_scripts(points).to_parquet(folder / "points.parquet", index=False)
    stamp = {"built_utc": index["built_utc"], "serving": False, "live": []}
    (folder.parent / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    chunks.write("index", index)
