"""Write the dashboard's folder: the pages' files, the data in pieces, the same points as a table for scripts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enginebench import assets
from enginebench.metrics import METRICS
from enginebench.records import plain
from enginebench.report import MEANINGS
from enginebench.site import rates, sizing
from enginebench.site.chips import write_chips
from enginebench.site.chunks import Chunks
from enginebench.site.context import write_context
from enginebench.site.points import all_points, for_scripts, write_points
from enginebench.site.trials import write_trials
from enginebench.store import Store


def build(store: Store, out: Path) -> Path:
    """Build the dashboard of `store` in `out`; gives its `index.html`.

    Built aside and swapped in, so that a crash leaves the old one: under its name or, between the two renames, as
    `<out>.old`, which the next build puts back first.
    """
    aside, old = out.with_name(out.name + ".making"), out.with_name(out.name + ".old")
    if old.exists() and not out.exists():
        old.rename(out)  # the last build was killed between its two renames
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(assets.root() / "dashboards", aside, ignore=shutil.ignore_patterns(".*", "README.md"))
    write_data(store, aside / "data")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    aside.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return out / "index.html"


def write_data(store: Store, folder: Path) -> None:
    """Make all pieces of data, `index` last: it is what every page loads first, and names the others."""
    folder.mkdir(parents=True)
    chunks = Chunks(folder)
    runs = store.runs()
    points = all_points(runs, store)
    index: dict[str, Any] = {
        "format": "enginebench.site/1",
        "store": store.url,
        "built_utc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "newest_utc": None if runs.empty else runs["started_utc"].max().isoformat(),
        "metrics": {name: plain(metric) for name, metric in METRICS.items()},
        "meanings": dict(MEANINGS),
        "models": write_points(points, chunks),
        "nights": write_trials(store, chunks, dict(zip(runs["run"], runs["invalid"], strict=True))),
    }
    chunks.write("rates", rates.document())
    chunks.write("sizing", sizing.document())
    write_chips(points, chunks)
    write_context(points, store.results(), chunks)
    for_scripts(points).to_parquet(folder / "points.parquet", index=False)
    chunks.write("index", index)
