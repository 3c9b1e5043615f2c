"""Compaction: the trial folders of each night become a few Parquet files, those of past months one file a table.

The parts are written under names of their own, read back and compared with the folders, and then named by the next
manifest. A compactor that dies or comes second leaves files that no manifest names. Folders stay until `collect`.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from enginebench.errors import mistake
from enginebench.records import Manifest, Part, Result, record
from enginebench.store import manifests, parts, rows
from enginebench.store.derived import TODAY
from enginebench.store.rows import ORDER
from enginebench.store.view import View

if TYPE_CHECKING:
    from enginebench.store.store import Store

FOLDER = "parts"
MONTHLY = ("runs", "failures", "files")
"""Tables that become one part a month; the others hold a row a request or sample, and stay one part a night."""
_DATE = re.compile(r"(\d{4}-\d{2})-\d{2}")
_LONGEST_S = 43200.0
"""Longest time from reading a store to naming what was made of it, s: half of what `collect` leaves alone."""
_TRIES = 8
"""Times to begin anew after another compactor was first."""


@record
class Compacted:
    """What a compaction came to."""

    trials: int
    """Trials that it took over from their folders."""
    parts: int
    """Parts that it wrote."""
    sequence: int
    """Number of the manifest that holds now."""


def compact(store: Store, today: datetime | None = None) -> Compacted:
    """Take all whole trial folders into parts, and merge the parts of nights and of months past `today`.

    Reading gives the same before, during and after it. Several compactors at once: one is first, the others begin anew.
    """
    now = today or datetime.now(UTC)
    for _ in range(_TRIES):
        view = store.view()
        with tempfile.TemporaryDirectory(prefix="enginebench-compact-") as aside:
            view.bring_near(Path(aside) / "folders")
            work = Work(view, Path(aside), f"{now:%Y-%m}")
            work.take_in()
            work.derive_anew()
            work.merge()
            if not work.made:
                return Compacted(trials=0, parts=0, sequence=view.manifest.sequence)
            if (made := work.commit()) is not None:
                return Compacted(trials=len(view.loose), parts=len(work.made), sequence=made.sequence)
    raise mistake(store.url, f"other compactors were first {_TRIES} times", "try again when they are done")


class Work:
    """The parts as the next manifest will name them."""

    def __init__(self, view: View, aside: Path, month: str) -> None:
        self.view, self.place, self.aside, self.month = view, view.place, aside, month
        self.parts = list(view.manifest.parts)
        self.made: list[Part] = []
        self.begun_s = time.monotonic()
        self.trials = {night: set(ids) for night, ids in view.manifest.trials.items()}
        self.dropped = {night: set(what) for night, what in view.manifest.dropped.items()}

    def take_in(self) -> None:
        """One part a night and table out of the folders."""
        for night, trials in sorted(self._nights().items()):
            for table in sorted({table for trial in trials for table in self.view.tables(night, trial)}):
                self.add(table, (night,), rows.of_folders(self.view, night, trials, table))
            self.add("files", (night,), rows.of_files(self.view, night, trials))
            self._derive(night, (result for _, result in self.view.loose_results(trials)))
            self.trials.setdefault(night, set()).update(trials)

    def _nights(self) -> Mapping[str, list[str]]:
        """Night to its trials that are in folders."""
        nights: dict[str, list[str]] = defaultdict(list)
        for trial, night in sorted(self.view.loose.items()):
            nights[night].append(trial)
        return nights

    def derive_anew(self) -> None:
        """Where a table that is made from results lacks columns of today, all of them are made again."""
        old = [part for part in self.parts if part.table in ORDER]
        if all(parts.columns(self.place, part.path) >= set(TODAY[part.table]) for part in old):
            return
        self.parts = [part for part in self.parts if part not in old]
        self.made = [part for part in self.made if part not in old]
        for night in sorted({night for part in old for night in part.nights}):
            self._derive(night, (result for _, result in self.view.results(night)))

    def _derive(self, night: str, results: Iterable[Result]) -> None:
        held = list(results)
        for table in ORDER:
            self.add(table, (night,), rows.derived(table, held))

    def merge(self) -> None:
        """Parts of one night become one; so do those of a month that is over, of the tables that are small."""
        groups: dict[tuple[str, str], list[Part]] = defaultdict(list)
        for part in self.parts:
            groups[part.table, self._span(part)].append(part)
        for (table, _), group in sorted(groups.items()):
            if len(group) > 1:
                self.parts = [part for part in self.parts if part not in group]
                self.made = [part for part in self.made if part not in group]
                nights = tuple(sorted({night for part in group for night in part.nights}))
                self.add(table, nights, rows.of_parts(self.place, [one.path for one in group], ORDER.get(table)))

    def _span(self, part: Part) -> str:
        """Parts of a table with the same span are to be one: its month if that is over, else its night."""
        dates = [_DATE.fullmatch(night) for night in part.nights]
        months = {date[1] for date in dates if date}
        if part.table in MONTHLY and all(dates) and len(months) == 1 and (month := months.pop()) < self.month:
            return month
        return part.nights[0] if len(part.nights) == 1 else part.path

    def add(self, table: str, nights: tuple[str, ...], found: rows.Rows) -> None:
        """Write a part and hold what was written against what it was made from."""
        span = nights[0] if len(nights) == 1 else f"{nights[0]}..{nights[-1]}"
        path = f"{FOLDER}/{table}/{span}.{secrets.token_hex(6)}.parquet"
        aside = self.aside / Path(path).name
        tables = rows.Kept(found)
        group_rows = parts.FILE_ROWS if table == "files" else None
        if not (count := parts.write(tables, found.schema, aside, group_rows=group_rows)):
            return
        self.place.write(path, aside)
        if not parts.equal(parts.groups(self.place, path), tables):
            raise mistake(f"{self.place.url}/{path}", "is not what was written", "check the disk or object store")
        size = aside.stat().st_size
        aside.unlink()
        part = Part(table=table, path=path, nights=nights, rows=count, bytes=size)
        self.parts.append(part)
        self.made.append(part)

    def commit(self) -> Manifest | None:
        """Name the parts in the next manifest; null, and nothing left, where another compactor was first."""
        if time.monotonic() - self.begun_s > _LONGEST_S:
            raise mistake(self.place.url, "compaction took so long that its parts may be collected", "try again")
        made = manifests.follow(self.place, self.view.manifest, self.parts, self.trials, self.dropped)
        if made is None:
            for part in self.made:
                self.place.remove(part.path)
        return made
