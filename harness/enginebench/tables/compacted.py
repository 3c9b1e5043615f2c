"""The rows of many trials in one Parquet file, a column `trial` ahead: written in one go, read by trial.

Row groups hold about ROWS rows, fewer where times of events make them heavy, and are all that is in memory at a time.
Each says between which trials its rows lie, so that one trial's are found without reading the others'; that is quickest
where the trials came sorted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from enginebench.errors import mistake
from enginebench.records import record
from enginebench.tables.columns import VERSIONS, Kind
from enginebench.tables.files import has_event_times, write_options
from enginebench.tables.formats import TRIAL, current, schema, version_of

ROWS = 262_144
"""Most rows of a row group."""
BYTES = 128 * 2**20
"""Bytes in memory that close a row group with fewer."""


@record
class Compacted:
    """What was written."""

    rows: int
    """Rows of all trials."""
    bytes: int
    """Size of the file."""
    trials: tuple[str, ...]
    """The trials in it, in their order, those without a row too."""


def write_compacted(kind: Kind, tables: Iterable[tuple[str, Any]], sink: Any, *, group_rows: int = ROWS) -> Compacted:
    """Write (trial, Arrow table) after (trial, Arrow table), tables of any version, to a path or an open binary file.

    Raises UserError naming the trial whose table can't be read; what is in `sink` then is no table.
    """
    import pyarrow.parquet as pq

    wanted = schema(kind, trial=True)
    trials: dict[str, None] = {}
    groups = _groups(kind, tables, trials, group_rows)
    first = next(groups, None)
    # How a column is coded is laid down once a file, by the first group: for most nights that is all there is.
    options = write_options(wanted, event_times=first is not None and has_event_times(first))
    with open(sink, "wb") if isinstance(sink, str | Path) else nullcontext(sink) as file:
        before, rows = file.tell(), 0
        with pq.ParquetWriter(file, wanted, **options) as writer:
            for group in groups if first is None else itertools.chain([first], groups):
                writer.write_table(group, row_group_size=group_rows)
                rows += group.num_rows
        return Compacted(rows=rows, bytes=file.tell() - before, trials=tuple(trials))


def _groups(kind: Kind, tables: Iterable[tuple[str, Any]], trials: dict[str, None], group_rows: int) -> Iterator[Any]:
    """Row groups of whole trials, but of one that is larger than a group; adds to `trials` what it comes by."""
    import pyarrow as pa

    waiting: list[Any] = []
    rows = size = 0
    for trial, given in tables:
        assert trial not in trials, f"{trial} is given twice"
        trials[trial] = None
        table = current(given, kind, f"trial {trial}")
        table = pa.Table.from_arrays(
            [pa.repeat(pa.scalar(trial), len(table)), *table.columns], schema=schema(kind, trial=True)
        )
        most = max(1, min(group_rows, BYTES * len(table) // max(1, table.nbytes)))
        for begin in range(0, len(table), most):
            part = table.slice(begin, most)
            if waiting and (rows + len(part) > group_rows or size + part.nbytes > BYTES):
                yield pa.concat_tables(waiting)
                waiting, rows, size = [], 0, 0
            waiting.append(part)
            rows += len(part)
            size += part.nbytes
    if waiting:
        yield pa.concat_tables(waiting)


def read_trial(
    source: Any, kind: Kind, trial: str, *, place: str | None = None, columns: Sequence[str] | None = None
) -> Any:
    """One trial's rows of a file that write_compacted wrote, as the Arrow table that was given, of today's schema.

    `source` and `columns` as for read_table(). Empty where the file holds no row of the trial. Raises UserError if it
    can't be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    place = place or str(source)
    found = []
    try:
        with pq.ParquetFile(source) as file:
            names = file.schema_arrow.names
            if names[:1] != [TRIAL]:
                raise mistake(place, f"has no column `{TRIAL}` ahead", "name a compacted file")
            part = columns is not None and version_of(file.schema_arrow, kind, place) == VERSIONS[kind]
            wanted = [name for name in names if name != TRIAL and (not part or name in (columns or ()))]
            for group in _candidates(file.metadata, trial):
                places = pc.indices_nonzero(pc.equal(file.read_row_group(group, [TRIAL])[TRIAL], trial))
                if len(places):
                    found.append(file.read_row_group(group, wanted).take(places))
            table = pa.concat_tables([file.schema_arrow.empty_table().select(wanted), *found])
    except (OSError, pa.ArrowException) as error:
        raise mistake(place, f"cannot be read as Parquet: {error}", "name a file that enginebench wrote") from None
    table = current(table, kind, place)
    return table if columns is None else table.select(list(columns))


def _candidates(metadata: Any, trial: str) -> Iterator[int]:
    """The row groups between whose first and last trial `trial` lies."""
    for group in range(metadata.num_row_groups):
        told = metadata.row_group(group).column(0).statistics
        if told is None or not told.has_min_max or told.min <= trial <= told.max:
            yield group
