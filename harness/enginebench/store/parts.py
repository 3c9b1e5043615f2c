"""Compacted Parquet files: written row group by row group, read back by trial."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench import tables
from enginebench.store.place import Place

GROUP_ROWS = 262_144
"""Rows of a row group: what is held in memory while writing, and read to find one trial."""
GROUP_BYTES = 64 << 20
"""Most of a row group in memory, for tables of long rows."""
FILE_ROWS = 256
"""Rows of a row group of `files`, each a whole file: to find one, so many are read and not all of a month."""


def write(found: Iterable[Any], schema: Any, path: Path, *, group_rows: int | None = None) -> int:
    """Write pyarrow tables of one schema behind each other; gives the rows. Memory: one row group."""
    import pyarrow.parquet as pq

    most = group_rows or GROUP_ROWS
    filled = _filled(found, most)
    first = next(filled, None)
    # How a column is coded is laid down once a file, by the first group.
    options = tables.write_options(schema, event_times=first is not None and tables.has_event_times(first))
    rows = 0
    with pq.ParquetWriter(path, schema, **options) as writer:
        for group in filled if first is None else itertools.chain([first], filled):
            writer.write_table(group, row_group_size=most)
            rows += group.num_rows
    return rows


def _filled(found: Iterable[Any], most: int) -> Iterator[Any]:
    """Tables joined until they fill a row group of `most` rows or GROUP_BYTES."""
    import pyarrow as pa

    held: list[Any] = []
    rows = size = 0
    for table in found:
        held.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= most or size >= GROUP_BYTES:
            yield pa.concat_tables(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.concat_tables(held)


def as_file(place: Place, path: str) -> Any:
    """A part as a pyarrow ParquetFile, to be closed."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(place.path(path), filesystem=place.arrow())


def groups(place: Place, path: str) -> Iterator[Any]:
    """The row groups of a part, one pyarrow table each."""
    with as_file(place, path) as file:
        for index in range(file.num_row_groups):
            yield file.read_row_group(index)


def by_trial(place: Place, path: str, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The trials of a part, whose rows lie together, each with its rows of the columns that the part has.

    Memory: a row group and the rows of one trial.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    held: tuple[str, list[Any]] | None = None
    with as_file(place, path) as file:
        wanted = [name for name in file.schema_arrow.names if name == "trial" or name in columns]
        for index in range(file.num_row_groups):
            group = file.read_row_group(index, columns=wanted)
            ends = pc.run_end_encode(group["trial"].combine_chunks())
            begin = 0
            for trial, end in zip(ends.values.to_pylist(), ends.run_ends.to_pylist(), strict=True):
                rows, begin = group.slice(begin, end - begin), end
                if held is not None and held[0] == trial:
                    held[1].append(rows)
                    continue
                if held is not None:
                    yield held[0], pa.concat_tables(held[1])
                held = trial, [rows]
    if held is not None:
        yield held[0], pa.concat_tables(held[1])


def equal(found: Iterable[Any], made: Iterable[Any]) -> bool:
    """Whether two streams of tables hold the same rows, however they are cut."""
    left, right = iter(found), iter(made)
    held: list[Any] = [None, None]
    while True:
        for side, stream in enumerate((left, right)):
            while held[side] is None or not held[side].num_rows:
                held[side] = next(stream, None)
                if held[side] is None:
                    break
        if held[0] is None or held[1] is None:
            return held[0] is held[1]
        rows = min(one.num_rows for one in held)
        if not _same(*(one.slice(0, rows) for one in held)):
            return False
        held = [one.slice(rows) for one in held]


def _same(left: Any, right: Any) -> bool:
    """Whether two tables are equal; to Arrow no NaN equals another, and an engine may tell one."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    if left.equals(right) or left.column_names != right.column_names:
        return bool(left.equals(right))
    for one, other in zip(left.columns, right.columns, strict=True):
        if not one.equals(other):
            if not types.is_floating(one.type) or not pc.is_nan(one).equals(pc.is_nan(other)):
                return False
            if not pc.if_else(pc.is_nan(one), 0.0, one).equals(pc.if_else(pc.is_nan(other), 0.0, other)):
                return False
    return True


def columns(place: Place, path: str) -> set[str]:
    """Names of a part's columns."""
    import pyarrow.parquet as pq

    return set(pq.read_schema(place.path(path), filesystem=place.arrow()).names)


def opened(place: Place, paths: Sequence[str]) -> list[Any]:
    """Each part as a pyarrow dataset: its schema is known, its rows are not read."""
    import pyarrow.dataset as ds

    return [ds.dataset(place.path(path), format="parquet", filesystem=place.arrow()) for path in paths]


def select(
    place: Place,
    paths: Sequence[str],
    *,
    columns: Sequence[str] | None = None,
    where: Mapping[str, str] | None = None,
) -> Any | None:
    """Rows out of parts of one table, those whose columns have the values in `where`; null where there is no part.

    A column that a part lacks is null.
    """
    return chosen(opened(place, paths), columns=columns, where=where)


def chosen(
    found: Sequence[Any],
    *,
    columns: Sequence[str] | None = None,
    where: Mapping[str, str] | None = None,
) -> Any | None:
    """As `select`, of parts that are opened; part after part, in the order of their rows."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    if not found:
        return None
    schema = pa.unify_schemas([one.schema for one in found], promote_options="permissive")
    whole = ds.dataset([one.replace_schema(schema) for one in found])
    condition = None
    for column, value in (where or {}).items():
        one = ds.field(column) == value
        condition = one if condition is None else condition & one
    table = whole.to_table(columns=[name for name in columns or schema.names if name in schema.names], filter=condition)
    for name in columns or ():
        if name not in schema.names:
            table = table.append_column(name, pa.nulls(table.num_rows))
    return table


def matching(place: Place, paths: Sequence[str], where: Mapping[str, str]) -> Iterator[Any]:
    """As `select`, a row group at a time and only where a row matches: long rows need not all be in memory."""
    import pyarrow.compute as pc

    for path in paths:
        with as_file(place, path) as file:
            for index in range(file.num_row_groups):
                told = file.read_row_group(index, columns=list(where))
                matches = [pc.equal(told[column], value) for column, value in where.items()]
                match = matches[0]
                for one in matches[1:]:
                    match = pc.and_(match, one)
                if pc.any(match).as_py():
                    yield file.read_row_group(index).filter(match)


def brought(table: Any, schema: Any) -> Any:
    """A table with the columns and types of `schema`; what it lacks is null."""
    import pyarrow as pa

    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
