"""Compacted Parquet files: written row group by row group, read back by trial."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.store.place import Place

GROUP_ROWS = 262_144
"""Rows of a row group: what is held in memory while writing, and read to find one trial."""
GROUP_BYTES = 64 << 20
"""Most of a row group in memory, for tables of long rows."""


def write(tables: Iterable[Any], schema: Any, path: Path, encodings: Mapping[str, str] | None = None) -> int:
    """Write pyarrow tables of one schema behind each other; gives the rows. Memory: one row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = held_rows = held_bytes = 0
    held: list[Any] = []
    options: dict[str, Any] = {"compression": "zstd", "write_statistics": True}
    if encodings:
        # Columns with an encoding of their own cannot have a dictionary as well.
        options |= {
            "column_encoding": dict(encodings),
            "use_dictionary": [one for one in schema.names if one not in encodings],
        }
    with pq.ParquetWriter(path, schema, **options) as writer:

        def flush() -> None:
            if held:
                writer.write_table(pa.concat_tables(held), row_group_size=GROUP_ROWS)
                held.clear()

        for table in tables:
            held.append(table)
            rows += table.num_rows
            held_rows += table.num_rows
            held_bytes += table.nbytes
            if held_rows >= GROUP_ROWS or held_bytes >= GROUP_BYTES:
                flush()
                held_rows = held_bytes = 0
        flush()
    return rows


def groups(place: Place, path: str) -> Iterator[Any]:
    """The row groups of a part, one pyarrow table each."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(place.path(path), filesystem=place.arrow()) as file:
        for index in range(file.num_row_groups):
            yield file.read_row_group(index)


def equal(found: Iterable[Any], made: Iterable[Any]) -> bool:
    """Whether two streams of tables hold the same rows, however they are cut."""
    import pyarrow as pa

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
        if not pa.Table.equals(*(one.slice(0, rows) for one in held)):
            return False
        held = [one.slice(rows) for one in held]


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


def brought(table: Any, schema: Any) -> Any:
    """A table with the columns and types of `schema`; what it lacks is null."""
    import pyarrow as pa

    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
