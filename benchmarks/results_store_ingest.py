"""Request rows a second, from Request objects to compacted Parquet, stage by stage; and bytes a row.

Used by `results_store.py ingest`.
"""

from __future__ import annotations

import sys
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import builders
import stored
from enginebench.records import Request
from enginebench.records.files import to_json
from enginebench.store import Store
from enginebench.tables import write_requests

NIGHT = "2026-11-24"


@dataclass(frozen=True)
class Taken:
    """What one round took."""

    rows: int
    written_s: float
    """Request objects to a table on disk."""
    ingested_s: float
    compacted_s: float
    folder_bytes: int
    """Of the tables of requests in folders."""
    part_bytes: int
    """Of the same rows in a part."""

    @property
    def rows_per_s(self) -> float:
        """Over all three stages."""
        return self.rows / (self.written_s + self.ingested_s + self.compacted_s)


def requests(run: str, count: int, events: int, seed: int) -> list[Request]:
    """Requests of a closed loop, their times drawn; `events` chunk times each."""
    drawn = np.random.default_rng(seed)
    sent = np.arange(count) * 50_000_000 + drawn.integers(0, 20_000_000, count)
    first = sent + drawn.lognormal(18, 0.3, count).astype(np.int64)
    gaps = drawn.normal(1e7, 5e5, (count, max(events, 128))).astype(np.int64)
    times = first[:, None] + np.cumsum(gaps, axis=1) - gaps[:, :1]
    return [
        builders.a_request(
            run=run,
            index=index,
            scheduled_ns=int(sent[index]) - 20_000,
            sent_ns=int(sent[index]),
            first_token_ns=int(first[index]),
            last_token_ns=int(times[index, -1]),
            end_ns=int(times[index, -1]) + 50_000,
            event_ns=array("q", times[index, :events].tobytes()),
            output_tokens=128,
            asked_output_tokens=128,
            cached_tokens=None,
            first_chars=4,
            output_chars=520,
            shared_reads=0,
            first_event_ns=int(first[index]),
        )
        for index in range(count)
    ]


def once(folder: Path, trials: int, rows: int, events: int, seed: int) -> Taken:
    """Take `trials` trials of `rows` rows in, one after another; `folder` is empty."""
    store = Store(folder / "store")
    written_s = ingested_s = 0.0
    for place in range(trials):
        result = stored.a_trial(f"t{place:04}", [stored.a_run(0, ttft_mean_ns=1e8)], night=NIGHT)
        made = requests(result.runs[0].id, rows, events, seed * 10_000 + place)
        home = folder / "finished" / result.trial
        home.mkdir(parents=True)
        begun = time.perf_counter()
        write_requests(made, home / "requests.parquet")
        (home / "job.json").write_text(to_json(result.attempt))
        (home / "result.json").write_text(to_json(result))
        written_s += time.perf_counter() - begun
        begun = time.perf_counter()
        assert store.ingest(home).taken
        ingested_s += time.perf_counter() - begun
    begun = time.perf_counter()
    store.compact()
    compacted_s = time.perf_counter() - begun
    (part,) = [one for one in store.view().manifest.parts if one.table == "requests"]
    assert part.rows == trials * rows
    return Taken(
        rows=part.rows,
        written_s=written_s,
        ingested_s=ingested_s,
        compacted_s=compacted_s,
        folder_bytes=sum(path.stat().st_size for path in (folder / "finished").glob("*/requests.parquet")),
        part_bytes=part.bytes,
    )
