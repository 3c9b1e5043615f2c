"""Four ways to keep trials, as `results_store_worker.py` asks them: ours, SQLite, Delta Lake, LanceDB.

A commit is one trial: its `result.json` and a thousand request rows, seen whole or not at all. A peer's has its own
environment, so nothing of enginebench is imported but by Ours.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Trial:
    """What a node left, in memory."""

    name: str
    result: bytes
    """`result.json`."""
    job: bytes
    """`job.json`."""
    requests: Any
    """A pyarrow table."""

    @staticmethod
    def of(folder: Path) -> Trial:
        import pyarrow.parquet as pq

        return Trial(
            name=folder.name,
            result=(folder / "result.json").read_bytes(),
            job=(folder / "job.json").read_bytes(),
            requests=pq.read_table(folder / "requests.parquet"),
        )


class Format(Protocol):
    """A store at a place."""

    def prepare(self, trial: Trial) -> None:
        """Make what writers need; `trial` is an example."""

    def commit(self, trial: Trial) -> None:
        """Keep a trial for good; of a trial of which it is not known whether it is kept `has` was asked."""

    def has(self, name: str) -> bool:
        """Whether a trial is kept."""

    def tend(self, age_s: float) -> Mapping[str, int] | None:
        """Compact, and remove what has been of no use for so long; gives how much, where it tells."""

    def results(self) -> Iterator[tuple[str, bytes]]:
        """Name and `result.json` of every trial kept."""

    def requests(self, name: str) -> Any:
        """Request rows of a trial, a pyarrow table; null where there are none."""


FEW = 40
"""Trials that are each read from the parts as `Store.requests` reads them."""


class Ours:
    """Trial folders, compacted into Parquet."""

    def __init__(self, place: str) -> None:
        from enginebench.store import Store

        self.store = Store(place)
        self.view: Any = None
        self.whole: dict[str, Any] = {}

    def prepare(self, trial: Trial) -> None:
        """Nothing: the first writer makes it."""

    def commit(self, trial: Trial) -> None:
        import pyarrow.parquet as pq

        with tempfile.TemporaryDirectory() as aside:
            folder = Path(aside) / trial.name
            folder.mkdir()
            (folder / "job.json").write_bytes(trial.job)
            (folder / "server.log").write_text("ready\n")
            pq.write_table(trial.requests, folder / "requests.parquet", compression="zstd")
            (folder / "result.json").write_bytes(trial.result)
            self.store.ingest(folder)

    def has(self, name: str) -> bool:
        return False  # what is kept already is found by `ingest`

    def tend(self, age_s: float) -> Mapping[str, int]:
        self.store.compact()
        return {"removed": len(self.store.collect(age_s))}

    def results(self) -> Iterator[tuple[str, bytes]]:
        from enginebench.records.files import to_json

        for result in self.store.results():
            yield result.trial, to_json(result).encode()

    def requests(self, name: str) -> Any:
        import pyarrow.compute as pc

        from enginebench.store import parts

        # Asked for each trial of a store at which nobody is at work any more: one look at it is enough.
        if self.view is None:
            self.view = self.store.view()
            self.view.bring_near(Path(tempfile.mkdtemp()))
        if (night := self.view.loose.get(name)) is not None or len(self.nights()) <= FEW:
            return self.view.table(night or self.nights()[name], name, "requests")
        # Of many trials whole parts are read once, not a few row groups each.
        night = self.nights()[name]
        if night not in self.whole:
            self.whole[night] = parts.select(self.view.place, self.view.parts("requests", night))
        found = self.whole[night]
        return found.filter(pc.equal(found["trial"], name)).drop_columns(["trial"])

    @cache  # noqa: B019  of a process that ends after it
    def nights(self) -> Mapping[str, str]:
        """Compacted trials to their night."""
        found: Mapping[str, str] = self.view.all()
        return found

    def runs(self) -> list[tuple[str, str]]:
        """Trial and run of every row of the table of runs."""
        frame = self.store.runs(columns=("trial", "run"))
        return list(zip(frame["trial"], frame["run"], strict=True))


class Sqlite:
    """One file with a write-ahead log."""

    def __init__(self, place: str) -> None:
        self.db = sqlite3.connect(Path(place) / "store.db", timeout=60, isolation_level=None)
        self.db.execute("pragma journal_mode=wal")
        self.db.execute("pragma synchronous=full")

    def prepare(self, trial: Trial) -> None:
        columns = ", ".join(f'"{name}"' for name in trial.requests.column_names)
        self.db.execute("create table runs (trial text primary key, result blob)")
        self.db.execute(f"create table requests (trial text, {columns})")
        self.db.execute("create index of_trial on requests (trial)")

    def commit(self, trial: Trial) -> None:
        names = trial.requests.column_names
        columns = [trial.requests[name].to_pylist() for name in names]
        lists = [name for name in names if str(trial.requests.schema.field(name).type).startswith("list")]
        rows = (
            (
                trial.name,
                *(json.dumps(value) if name in lists else value for name, value in zip(names, row, strict=True)),
            )
            for row in zip(*columns, strict=True)
        )
        self.db.execute("begin immediate")
        try:
            self.db.execute("insert into runs values (?, ?)", (trial.name, trial.result))
            self.db.executemany(f"insert into requests values ({', '.join('?' * (1 + len(names)))})", rows)
            self.db.execute("commit")
        except sqlite3.Error:
            self.db.execute("rollback")
            raise

    def has(self, name: str) -> bool:
        return self.db.execute("select 1 from runs where trial = ?", (name,)).fetchone() is not None

    def tend(self, age_s: float) -> None:
        self.db.execute("pragma wal_checkpoint(truncate)")

    def results(self) -> Iterator[tuple[str, bytes]]:
        yield from self.db.execute("select trial, result from runs")

    def requests(self, name: str) -> Any:
        import pyarrow as pa

        found = self.db.execute('select * from requests where trial = ? order by "index"', (name,))
        names = [one[0] for one in found.description]
        rows = found.fetchall()
        columns = {name: [row[at] for row in rows] for at, name in enumerate(names) if name != "trial"}
        for column, values in columns.items():
            if column in ("event_ns", "event_tokens", "seen"):
                columns[column] = [json.loads(value) for value in values]
        return pa.table({name: pa.array(values) for name, values in columns.items()})


def _one_table(trial: Trial) -> Any:
    """Request rows with the trial's name, and its result in the first: one table, so that one commit is whole."""
    import pyarrow as pa

    count = trial.requests.num_rows
    table = trial.requests.replace_schema_metadata(None)
    table = pa.table(table.columns, schema=pa.schema([field.remove_metadata() for field in table.schema]))
    names = pa.array([trial.name] * count, pa.string())
    results = pa.array([trial.result] + [None] * (count - 1), pa.binary())
    return table.add_column(0, "trial", names).add_column(1, "result", results)


def _rows_of(whole: Any, name: str) -> Any:
    """Rows of a trial out of the whole table, which is read once to check all trials."""
    import pyarrow.compute as pc

    found = whole.filter(pc.equal(whole["trial"], name))
    return None if not found.num_rows else found.sort_by("index").drop_columns(["trial", "result"])


class Delta:
    """Delta Lake in Rust."""

    def __init__(self, place: str) -> None:
        self.place = f"{place}/table"
        self.whole: Any = None

    def _table(self) -> Any:
        from deltalake import DeltaTable

        return DeltaTable(self.place)

    def prepare(self, trial: Trial) -> None:
        from deltalake import write_deltalake

        write_deltalake(self.place, _one_table(trial).slice(0, 0))

    def commit(self, trial: Trial) -> None:
        from deltalake import write_deltalake

        write_deltalake(self.place, _one_table(trial), mode="append")

    def _read(self, columns: list[str], condition: Any) -> Any:
        return self._table().to_pyarrow_table(columns=columns or None, filters=condition)

    def has(self, name: str) -> bool:
        return bool(self._read(["trial"], [("trial", "=", name)]).num_rows)

    def tend(self, age_s: float) -> None:
        table = self._table()
        table.optimize.compact()
        if not age_s:
            # Only with nobody at work: its grace is told in whole hours.
            table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)

    def results(self) -> Iterator[tuple[str, bytes]]:
        import pyarrow.compute as pc

        found = self._read(["trial", "result"], ~pc.field("result").is_null())
        yield from zip(found["trial"].to_pylist(), found["result"].to_pylist(), strict=True)

    def requests(self, name: str) -> Any:
        if self.whole is None:
            self.whole = self._read([], None)
        return _rows_of(self.whole, name)


class Lance:
    """LanceDB."""

    def __init__(self, place: str) -> None:
        import lancedb

        self.db = lancedb.connect(place)
        self.whole: Any = None

    def prepare(self, trial: Trial) -> None:
        self.db.create_table("requests", schema=_one_table(trial).schema)

    def _table(self) -> Any:
        return self.db.open_table("requests")

    def commit(self, trial: Trial) -> None:
        self._table().add(_one_table(trial))

    def _read(self, condition: str, columns: list[str] | None = None) -> Any:
        asked = self._table().search().where(condition)
        return (asked.select(columns) if columns else asked).limit(1_000_000_000).to_arrow()

    def has(self, name: str) -> bool:
        return bool(self._read(f"trial = '{name}'", ["trial"]).num_rows)

    def tend(self, age_s: float) -> None:
        self._table().optimize(cleanup_older_than=timedelta(seconds=age_s))

    def results(self) -> Iterator[tuple[str, bytes]]:
        found = self._read("result is not null", ["trial", "result"])
        yield from zip(found["trial"].to_pylist(), found["result"].to_pylist(), strict=True)

    def requests(self, name: str) -> Any:
        if self.whole is None:
            self.whole = self._table().to_arrow()
        return _rows_of(self.whole, name)


FORMATS: dict[str, type[Any]] = {"enginebench": Ours, "sqlite": Sqlite, "delta": Delta, "lance": Lance}


def same(found: Any, wanted: Any) -> bool:
    """Whether a table read back has the rows of the one that was written, whatever types the format chose."""
    if found is None or found.num_rows != wanted.num_rows or set(found.column_names) != set(wanted.column_names):
        return False
    columns = (found[name].cast(wanted.schema.field(name).type) for name in wanted.column_names)
    return all(
        one.combine_chunks().equals(wanted[name].combine_chunks())
        for one, name in zip(columns, wanted.column_names, strict=True)
    )


def timed(what: Any) -> float:
    """Milliseconds that a call takes."""
    begun = time.perf_counter()
    what()
    return (time.perf_counter() - begun) * 1e3
