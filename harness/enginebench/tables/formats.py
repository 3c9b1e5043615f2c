"""Tables of every version brought to today's: what a file says it is, and the steps from each version to the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from enginebench import __version__
from enginebench.errors import mistake
from enginebench.tables.columns import COLUMNS, VERSIONS, Kind, format_name

TRIAL = "trial"
"""Column ahead of all others where the rows of many trials lie in one file."""


@cache
def schema(kind: Kind, *, trial: bool = False) -> Any:
    """Today's Arrow schema of a table, meanings and format in it; with `trial` as its first column if so asked."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "string": pa.string(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
    }
    # As Parquet names what is in a list, so that a table is read with the schema that it was written with.
    types |= {f"list<{name}>": pa.list_(pa.field("element", type_)) for name, type_ in types.items()}
    ahead = {TRIAL: ("string", "id of the trial")} if trial else {}
    return pa.schema(
        [
            pa.field(name, types[type_], metadata={"meaning": meaning})
            for name, (type_, meaning) in (ahead | dict(COLUMNS[kind])).items()
        ],
        metadata={"format": format_name(kind)},
    )


def version_of(arrow_schema: Any, kind: Kind, place: str) -> int:
    """The version of the layout that a schema names; 1 where it names none, as before there were versions.

    Raises UserError for another table's file and for a version that is not known.
    """
    told = (arrow_schema.metadata or {}).get(b"format")
    if told is None:
        return 1
    name = told.decode(errors="replace")
    found = re.fullmatch(rf"enginebench\.{kind}/([1-9][0-9]{{0,8}})", name)
    if found is None:
        raise mistake(place, f"is `{name}`, not a table `enginebench.{kind}`", "name the right file")
    if int(found[1]) > VERSIONS[kind]:
        raise mistake(
            place,
            f"is of version `{name}`, and enginebench {__version__} reads `{format_name(kind)}` and older there",
            "take a newer enginebench",
        )
    return int(found[1])


def current(table: Any, kind: Kind, place: str) -> Any:
    """`table` as today's enginebench would have written it; raises UserError naming `place` if it can't be read.

    Columns that came later are null, but for those that the older ones tell. A column `trial` stays in front.
    """
    import pyarrow as pa

    for version in range(version_of(table.schema, kind, place), VERSIONS[kind]):
        table = _MIGRATIONS[kind, version](table)
    wanted = schema(kind, trial=TRIAL in table.column_names)
    strange = [name for name in table.column_names if name not in wanted.names]
    if strange:
        raise mistake(place, f"has the column `{strange[0]}`, which is not known", "take a file that enginebench wrote")
    columns = []
    for field in wanted:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        try:
            columns.append(table[field.name].cast(field.type))
        except pa.ArrowException:
            raise mistake(
                place,
                f"`{field.name}` holds {table.schema.field(field.name).type}, not {field.type}",
                "take a file that enginebench wrote",
            ) from None
    return pa.Table.from_arrays(columns, schema=wanted)


def event_summary(times_ns: Any) -> dict[str, Any]:
    """The columns DERIVED of a column of lists `event_ns`; null for the rows in which that is null."""
    import pyarrow as pa

    parts = [_summarised(chunk) for chunk in times_ns.chunks]
    return {
        name: pa.chunked_array([part[place] for part in parts], type)
        for place, (name, type) in enumerate((("events", pa.int32()), ("itl_max_ns", pa.int64())))
    }


def _summarised(chunk: Any) -> tuple[Any, Any]:
    import pyarrow as pa

    lacks = chunk.is_null().to_numpy(zero_copy_only=False)
    # Null lists may span values; flatten() leaves those out.
    counts = np.where(lacks, 0, np.diff(chunk.offsets.to_numpy()))
    ends = np.cumsum(counts)
    gaps = np.diff(chunk.flatten().to_numpy())
    # The gaps of a row with n events lie in one piece of n - 1; what is between two rows' pieces is no gap.
    several = counts > 1
    edges = np.stack([(ends - counts)[several], ends[several] - 1], axis=1).ravel()
    longest = np.zeros(len(counts), np.int64)
    if len(edges):
        longest[several] = np.maximum.reduceat(np.append(gaps, 0), edges)[::2]
    return pa.array(counts.astype(np.int32), mask=lacks), pa.array(longest, mask=~several)


def _summaries_of_events(table: Any) -> Any:
    """Requests 1 to 2: the events' number and longest gap stand beside their times, which may be null from here on."""
    for name, column in event_summary(table["event_ns"]).items():
        table = table.append_column(name, column)
    return table


_MIGRATIONS: Mapping[tuple[Kind, int], Callable[[Any], Any]] = {("requests", 1): _summaries_of_events}
"""Table and version to the step that brings it to the version after."""
