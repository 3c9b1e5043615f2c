"""The page of what is stored: the written frame in `page.md`, filled with the records and the tables' columns."""

from __future__ import annotations

import textwrap
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

from enginebench.errors import FAILURE_CLASSES
from enginebench.records import (
    Calibration,
    Failure,
    ForeignPoint,
    Invalidation,
    Manifest,
    Result,
    SignedNight,
    Withdrawal,
)
from enginebench.schema.declared import described, json_type, records_in, summary
from enginebench.store.columns import COLUMNS
from enginebench.store.frames import runs_frame
from enginebench.tables import ENGINE_COLUMNS, QUALITY_COLUMNS, REQUEST_COLUMNS, TELEMETRY_COLUMNS

_FRAME = Path(__file__).with_name("page.md")
_WIDTH = 120


def document() -> str:
    """The Markdown of results/SCHEMA.md."""
    result = records_in(Result)
    tables = {
        "requests": REQUEST_COLUMNS,
        "telemetry": TELEMETRY_COLUMNS,
        "engine": ENGINE_COLUMNS,
        "quality": QUALITY_COLUMNS,
        "runs": _runs(),
    }
    return Template(_FRAME.read_text(encoding="utf-8")).substitute(
        result="\n\n".join(map(_section, result)),
        calibration="\n\n".join(_section(one) for one in records_in(Calibration, result) if one not in result),
        manifest="\n\n".join(_section(one) for one in records_in(Manifest, result) if one not in result),
        corrections="\n\n".join(map(_section, (Invalidation, Withdrawal))),
        signature="\n\n".join(map(_section, records_in(SignedNight))),
        foreign="\n\n".join(_section(one) for one in records_in(ForeignPoint, result) if one not in result),
        **{name: _columns(columns) for name, columns in tables.items()},
    )


def _section(kind: type) -> str:
    """Heading, words and table of a record."""
    words = described(kind)
    hints = typing.get_type_hints(kind, include_extras=True)
    rows = ((name, json_type(hint), words.get(name, "")) for name, hint in hints.items())
    parts = [f"### {kind.__name__}", summary(kind), _table("field", rows)]
    if kind is Failure:
        names = ", ".join(f"`{name}`" for name in FAILURE_CLASSES)
        parts.append("\n".join(textwrap.wrap(f"Classes: {names}.", _WIDTH, break_on_hyphens=False)))
    return "\n\n".join(parts)


def _columns(columns: Mapping[str, tuple[str, str]]) -> str:
    return _table("column", ((name, kind, meaning) for name, (kind, meaning) in columns.items()))


def _table(what: str, rows: Iterable[tuple[str, str, str]]) -> str:
    return "\n".join(
        [f"| {what} | type | meaning |", "|---|---|---|", *(f"| `{row[0]}` | {row[1]} | {row[2]} |" for row in rows)]
    )


def _runs() -> dict[str, tuple[str, str]]:
    """Column of the table of runs to its type in words and its meaning."""
    types = runs_frame([]).dtypes.astype(str)
    return {name: (column_type(name, types[name]), meaning) for name, meaning in COLUMNS.items()}


def column_type(name: str, dtype: str) -> str:
    """What a column of the table of runs holds, in words, from its name and its dtype in pandas."""
    if name == "marks":
        return "list of strings"
    words = {"Int64": "integer or null", "int64": "integer", "float64": "float", "bool": "true or false"}
    words["boolean"] = "true, false or null"
    return words.get(dtype) or ("time" if dtype.startswith("datetime") else "string")
