"""Tables to and from Parquet: how each column is coded, and reading any version of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enginebench.errors import mistake
from enginebench.tables.columns import VERSIONS, Kind
from enginebench.tables.formats import current, schema, version_of


def write_options(arrow_schema: Any, *, event_times: bool) -> dict[str, Any]:
    """How pyarrow is to code the columns of a schema; `event_times`: whether there are any in the rows.

    Chosen by `benchmarks/request_rows.py`: integers as packed differences, which every reader knows and which are
    coded fastest; strings by dictionary, without which they would be most of a file; floats plain, as few are there
    twice. Times of events are split by the bytes' places, a fifth smaller than any other coding. A reader that does not
    know that of integers (Spark's vectorised one, before SPARK-56894) can leave the one column out, and is not met by
    it where times are not kept.

    Times are all since the run's start. Each since the one before it would be 23 bytes a row instead of 34, but one
    column would then mean two things in a store of old files and new, and no reader outside would see which.
    """
    import pyarrow.types as types

    packed = {field.name: "DELTA_BINARY_PACKED" for field in arrow_schema if types.is_integer(field.type)}
    split = {"event_ns.list.element": "BYTE_STREAM_SPLIT"} if event_times else {}
    floats = {field.name: "PLAIN" for field in arrow_schema if types.is_floating(field.type)}
    leaves = (f"{field.name}.list.element" if types.is_list(field.type) else field.name for field in arrow_schema)
    return {
        "compression": "zstd",
        "compression_level": 3,
        "column_encoding": packed | split,
        "use_dictionary": [leaf for leaf in leaves if leaf not in packed | split | floats],
    }


def joined(kind: Kind, parts: Sequence[Any]) -> Any:
    """Tables of today's schema as one, in their order; of none, an empty one."""
    import pyarrow as pa

    return pa.concat_tables([schema(kind).empty_table(), *parts])


def has_event_times(table: Any) -> bool:
    """Whether a row of the table holds times of events."""
    return "event_ns" in table.column_names and table["event_ns"].null_count < table.num_rows


def write_table(table: Any, path: Path) -> None:
    """Write a table of today's schema to `path`."""
    import pyarrow.parquet as pq

    pq.write_table(table, path, **write_options(table.schema, event_times=has_event_times(table)))


def check_table(path: Path, kind: Kind) -> None:
    """Raise UserError where a table could not be brought to today's version, by its columns alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        arrow_schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise mistake(str(path), f"cannot be read as Parquet: {error}", "name a file that enginebench wrote") from None
    current(arrow_schema.empty_table(), kind, str(path))


def read_table(source: Any, kind: Kind, *, place: str | None = None, columns: Sequence[str] | None = None) -> Any:
    """The table in a Parquet file as an Arrow table of today's schema, whatever version wrote it.

    `source` is a path or an open binary file, for which `place` names it in errors; `columns` takes only those, in that
    order. Raises UserError if it can't be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = place or str(source)
    try:
        with pq.ParquetFile(source) as file:
            told = version_of(file.schema_arrow, kind, place)
            # An older version's other columns may be what those asked for are made of.
            part = columns is not None and told == VERSIONS[kind]
            table = file.read([name for name in columns or () if name in file.schema_arrow.names] if part else None)
    except (OSError, pa.ArrowException) as error:
        raise mistake(place, f"cannot be read as Parquet: {error}", "name a file that enginebench wrote") from None
    table = current(table, kind, place)
    return table if columns is None else table.select(list(columns))
