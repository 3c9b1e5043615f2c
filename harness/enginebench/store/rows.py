"""What a part is made of: the rows of trials' folders, of their small files, of their results, of other parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enginebench import tables
from enginebench.records import Result
from enginebench.store import parts
from enginebench.store.place import Place
from enginebench.store.view import TABLES, View

ORDER: Mapping[str, tuple[str, ...]] = {"runs": ("night", "started_utc", "run"), "failures": ("night", "trial")}
"""Tables that are made from results, and can be made anew, to the order of their rows."""


@dataclass(frozen=True)
class Rows:
    """Rows that can be gone through again and again, to write them and to check what was written."""

    schema: Any
    """Of every table, a pyarrow schema."""
    tables: Callable[[], Iterator[Any]]
    """The rows, as pyarrow tables."""

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)


class Kept:
    """Tables of rows, to be gone through twice; few enough are kept, the others are read again."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._kept: list[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        if self._kept is not None:
            yield from self._kept
            return
        kept, kept_bytes = [], 0
        for table in self._rows.tables():
            kept_bytes += table.nbytes
            if kept_bytes <= parts.GROUP_BYTES:
                kept.append(table)
            yield table
        if kept_bytes <= parts.GROUP_BYTES:
            self._kept = kept


def of_folders(view: View, night: str, trials: Sequence[str], table: tables.Kind) -> Rows:
    """A table of trials that are in folders, behind each other, brought to today's version, `trial` before the rest."""
    import pyarrow as pa

    schema = tables.schema(table, trial=True)

    def found() -> Iterator[Any]:
        for trial in trials:
            of_trial = view.table(night, trial, table)
            if of_trial is not None:
                today = tables.current(of_trial, table, f"{view.place.url}: trial {trial}")
                column = pa.repeat(pa.scalar(trial), len(today))
                yield pa.Table.from_arrays([column, *today.columns], schema=schema)

    return Rows(schema=schema, tables=found)


def of_files(view: View, night: str, trials: Sequence[str]) -> Rows:
    """A row a file, by name, so that all results are read without the logs between them.

    Of a table of ours its content here is its schema, serialized by Arrow: with it the table comes back as it was.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            pa.field("night", pa.string(), metadata={"meaning": "sweep it was measured in"}),
            pa.field("trial", pa.string(), metadata={"meaning": "trial that left the file"}),
            pa.field("name", pa.string(), metadata={"meaning": "the file's name"}),
            pa.field("content", pa.binary(), metadata={"meaning": "the file as it was; of a table its Arrow schema"}),
        ]
    )

    def content(trial: str, name: str) -> bytes | None:
        table = TABLES.get(name)
        if table is None:
            return view.file(night, trial, name)
        where = view.source.path(view.table_name(night, trial, table))
        return bytes(pq.read_schema(where, filesystem=view.source.arrow()).serialize())

    def found() -> Iterator[Any]:
        for name in sorted({name for trial in trials for name in view.files[trial]}):
            for trial in trials:
                if name in view.files[trial]:
                    yield pa.table([[night], [trial], [name], [content(trial, name)]], schema=schema)

    return Rows(schema=schema, tables=found)


def derived(table: str, results: Iterable[Result]) -> Rows:
    """A table that is made from results, in order."""
    from enginebench.store.export import arrow_table
    from enginebench.store.frames import failures_frame, runs_frame

    frame = {"runs": runs_frame, "failures": failures_frame}[table](results)
    made = arrow_table(frame.sort_values(list(ORDER[table]), kind="stable"))
    return Rows(schema=made.schema, tables=lambda: iter([made]))


def of_parts(place: Place, paths: Sequence[str], order: Sequence[str] | None) -> Rows:
    """The rows of several parts of one table, part after part or, where they are few enough, in an order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = [pq.read_schema(place.path(path), filesystem=place.arrow()) for path in paths]
    whole = pa.unify_schemas(schemas, promote_options="permissive").with_metadata(schemas[-1].metadata)

    def found() -> Iterator[Any]:
        for path in paths:
            for group in parts.groups(place, path):
                yield parts.brought(group, whole)

    if order is None:
        return Rows(schema=whole, tables=found)
    ordered = pa.concat_tables(found()).sort_by([(name, "ascending") for name in order])
    return Rows(schema=whole, tables=lambda: iter([ordered]))
