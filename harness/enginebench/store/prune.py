"""Retention: what summaries were made from is dropped when it is old; the summaries, and the results whole, stay.

Parts without it take the place of those with it in a new manifest, which says what was dropped of which night. The
earlier parts go a day later with `collect`, so until then going back is taking the earlier manifest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enginebench.errors import mistake
from enginebench.records import Part, Retention, record
from enginebench.records.nights import date_of
from enginebench.store import compact, parts, rows

if TYPE_CHECKING:
    from enginebench.store.store import Store

CHUNK_TIMES = ("event_ns", "event_tokens")
"""Columns of `requests` that hold a number an event."""


@record
class Pruned:
    """What was dropped, or would be."""

    what: str
    """`chunk_times`, `logs`, or the name of a table."""
    nights: tuple[str, ...]
    """The nights it is of, sorted."""
    rows: int
    """Rows that go or lose it."""
    bytes: int
    """What it takes in the store, bytes (of logs: before compression)."""


def prune(store: Store, policy: Retention, *, dry: bool = False, today: date | None = None) -> tuple[Pruned, ...]:
    """Drop what `policy` keeps no longer; with `dry` only tell it. Trials still in folders are compacted first.

    Nights whose name is no date have no age and keep all.
    """
    now = today or datetime.now(UTC).date()
    if not dry:
        store.compact()
    view = store.view()
    with tempfile.TemporaryDirectory(prefix="enginebench-prune-") as aside:
        work = compact.Work(view, Path(aside), f"{now:%Y-%m}")
        found: dict[str, list[tuple[Part, int, int]]] = {}
        for one in fields(policy):
            days, what = getattr(policy, one.name), one.name.removesuffix("_days")
            for part in list(work.parts) if days is not None else ():
                if (now - max(map(_day, part.nights))).days > days and (size := _holds(work, part, what)):
                    found.setdefault(what, []).append((part, *size))
                    if not dry:
                        _drop(work, part, what)
        if found and not dry and work.commit() is None:
            raise mistake(store.url, "another compactor was at work meanwhile", "try again when it is done")
    return tuple(
        Pruned(
            what=what,
            nights=tuple(sorted({night for part, _, _ in its for night in part.nights})),
            rows=sum(count for _, count, _ in its),
            bytes=sum(size for _, _, size in its),
        )
        for what, its in found.items()
    )


def _day(night: str) -> date:
    """The night's date; one that has none is never old."""
    return date_of(night) or date.max


def _holds(work: compact.Work, part: Part, what: str) -> tuple[int, int] | None:
    """Rows and bytes of `what` in a part; null where it holds none."""
    if what == part.table:
        return part.rows, part.bytes
    if what == "logs" and part.table == "files":
        sizes = [len(content) for name, content in _contents(work, part) if name.endswith(".log")]
        return (len(sizes), sum(sizes)) if sizes else None
    if what == "chunk_times" and part.table == "requests":
        return _chunks(work, part)
    return None


def _contents(work: compact.Work, part: Part) -> Iterator[tuple[str, bytes]]:
    for group in parts.groups(work.place, part.path):
        yield from zip(group["name"].to_pylist(), group["content"].to_pylist(), strict=True)


def _chunks(work: compact.Work, part: Part) -> tuple[int, int] | None:
    """Rows that have times of events, and what all such columns take."""
    count, size = 0, 0
    with parts.as_file(work.place, part.path) as file:
        for index in range(file.num_row_groups):
            group = file.metadata.row_group(index)
            for number in range(group.num_columns):
                column = group.column(number)
                if column.path_in_schema.partition(".")[0] in CHUNK_TIMES:
                    size += column.total_compressed_size
            if "event_ns" in file.schema_arrow.names:
                times = file.read_row_group(index, columns=["event_ns"])["event_ns"]
                count += len(times) - times.null_count
    return (count, size) if count else None


def _drop(work: compact.Work, part: Part, what: str) -> None:
    """Take a part's `what` out of the next manifest's parts."""
    # A part can lose two things, one after the other.
    current = next(one for one in work.parts if one.table == part.table and one.nights == part.nights)
    work.parts.remove(current)
    for night in part.nights:
        work.dropped.setdefault(night, set()).add(what)
    keep: Mapping[str, Callable[[Any], Any]] = {"logs": _without_logs, "chunk_times": _without_chunks}
    if what in keep:
        before = rows.of_parts(work.place, [current.path], None)
        change = keep[what]
        work.add(part.table, part.nights, rows.Rows(before.schema, lambda: map(change, before.tables())))


def _without_logs(table: Any) -> Any:
    import pyarrow.compute as pc

    return table.filter(pc.invert(pc.ends_with(table["name"], ".log")))


def _without_chunks(table: Any) -> Any:
    import pyarrow as pa

    for name in CHUNK_TIMES:
        index = table.schema.get_field_index(name)
        if index >= 0:
            field = table.schema.field(index)
            table = table.set_column(index, field, pa.nulls(len(table), field.type))
    return table
