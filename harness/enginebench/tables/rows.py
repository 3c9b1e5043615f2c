"""Records to tables and back: by column, never a dict a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from enginebench.errors import mistake
from enginebench.records import EngineSample, ItemOutcome, Request
from enginebench.tables.columns import COLUMNS, TELEMETRY_COLUMNS, Kind
from enginebench.tables.files import read_table, write_table
from enginebench.tables.formats import event_summary, schema

_EVENTS = {"event_ns": "q", "event_tokens": "i"}
"""Columns with a number for each event, to the type code of their arrays."""
_NAMES = tuple(field.name for field in fields(Request) if field.name not in _EVENTS)


def requests_table(requests: Sequence[Request], *, chunk_times: bool = True) -> Any:
    """Requests as an Arrow table; without `chunk_times` what is kept of the events are their number and longest gap."""
    import pyarrow as pa

    wanted = schema("requests")
    values = zip(*map(attrgetter(*_NAMES), requests), strict=True) if requests else ((),) * len(_NAMES)
    columns: dict[str, Any] = {
        name: pa.array(column, wanted.field(name).type) for name, column in zip(_NAMES, values, strict=True)
    }
    event_ns = _lists([request.event_ns for request in requests], "q")
    columns |= event_summary(pa.chunked_array([event_ns]))
    if chunk_times:
        columns |= {"event_ns": event_ns, "event_tokens": _lists([one.event_tokens for one in requests], "i")}
    else:
        columns |= {name: pa.nulls(len(requests), wanted.field(name).type) for name in _EVENTS}
    return pa.Table.from_arrays([columns[name] for name in wanted.names], schema=wanted)


def _lists(rows: Sequence[Sequence[int] | None], code: str) -> Any:
    """Rows of integers as a column of lists, taken over as they lie in memory."""
    import pyarrow as pa

    whole = array(code)
    for row in rows:
        if row is not None:
            # Of one type of number arrays are joined as they are.
            whole.extend(row if isinstance(row, array) and row.typecode == code else array(code, row))
    lengths = np.fromiter((0 if row is None else len(row) for row in rows), np.int32, len(rows))
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    lacks = np.fromiter((row is None for row in rows), bool, len(rows))
    numbers = pa.array(np.frombuffer(whole, code) if whole else np.empty(0, code))
    kind = pa.list_(pa.field("element", numbers.type))
    return pa.ListArray.from_arrays(pa.array(offsets), numbers, type=kind, mask=pa.array(lacks))


def write_requests(requests: Sequence[Request], path: Path, *, chunk_times: bool = True) -> None:
    """Write rows of requests to `path`; `chunk_times` as for requests_table()."""
    write_table(requests_table(requests, chunk_times=chunk_times), path)


def read_requests(path: Path) -> tuple[Request, ...]:
    """The rows that write_requests wrote, equal to what it was given.

    Raises UserError where the times of events were not kept: what is left is no Request, but read_table() has it.
    """
    import pyarrow.compute as pc

    table = read_table(path, "requests")
    lost = pc.and_(table["event_ns"].is_null(), pc.greater(table["events"], 0))
    if pc.any(lost).as_py():
        raise mistake(str(path), "is without the times of events", "measure with `chunk_times: true` in the grid")
    columns = {name: table[name].to_pylist() for name in _NAMES}
    columns["seen"] = [tuple(seen or ()) for seen in columns["seen"]]
    columns |= {name: _arrays(table[name], code) for name, code in _EVENTS.items()}
    columns["event_ns"] = [array("q") if times is None else times for times in columns["event_ns"]]
    names = tuple(columns)
    return tuple(Request(**dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True))


def _arrays(column: Any, code: str) -> list[array[int] | None]:
    """A column of lists of integers as arrays, without an object for each number."""
    found: list[array[int] | None] = []
    for chunk in column.chunks:
        values, edges = chunk.values.to_numpy(zero_copy_only=False), chunk.offsets.to_numpy()
        for place, valid in enumerate(chunk.is_valid().to_pylist()):
            found.append(array(code, values[edges[place] : edges[place + 1]].tobytes()) if valid else None)
    return found


def write_telemetry(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write samples to `path`; a row may lack columns, which become null."""
    _write("telemetry", {name: [row.get(name) for row in rows] for name in TELEMETRY_COLUMNS}, path)


def write_engine(samples: Sequence[EngineSample], path: Path) -> None:
    """Write what the engine told of itself to `path`."""
    _write("engine", _columns("engine", samples), path)


def write_quality(items: Sequence[ItemOutcome], path: Path) -> None:
    """Write the outcomes of questions to `path`."""
    _write("quality", _columns("quality", items), path)


def _columns(kind: Kind, rows: Iterable[object]) -> dict[str, list[Any]]:
    return {name: [getattr(row, name) for row in rows] for name in COLUMNS[kind]}


def _write(kind: Kind, columns: Mapping[str, Sequence[Any]], path: Path) -> None:
    import pyarrow as pa

    write_table(pa.Table.from_pydict(columns, schema=schema(kind)), path)
