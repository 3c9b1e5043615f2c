"""results/SCHEMA.md: every stored field and column stands in it, in the words of its declaration."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import typing
from pathlib import Path

import pytest

from enginebench.errors import FAILURE_CLASSES
from enginebench.records import ForeignPoint, Result
from enginebench.store.frames import COLUMNS, runs_frame
from enginebench.tables import ENGINE_COLUMNS, QUALITY_COLUMNS, REQUEST_COLUMNS, TELEMETRY_COLUMNS
from stored import a_run, a_trial

PAGE = Path(__file__).parents[2] / "results" / "SCHEMA.md"


@pytest.fixture(scope="module")
def sections():
    """Heading to the lines of the page below it."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    found, heading = {}, ""
    for line in lines:
        if line.startswith("#"):
            heading = line.strip("# `")
        found.setdefault(heading, []).append(line)
    return found


def records_in(kind, known):
    """The record classes that JSON of `kind` is made of, outermost first."""
    for part in typing.get_args(kind):
        records_in(part, known)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind not in known:
        known.append(kind)
        for hint in typing.get_type_hints(kind, include_extras=True).values():
            records_in(hint, known)
    return known


def json_type(kind):
    """What a declared type is in JSON, in words."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return json_type(inner[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is tuple and inner[-1] is Ellipsis:
        return f"list of {json_type(inner[0])}"
    if origin is tuple:
        return f"[{', '.join(json_type(one) for one in inner)}]"
    if inner and origin.__name__ == "Mapping":
        return f"object of {json_type(inner[1])}"
    if inner:
        return " or ".join(dict.fromkeys(json_type(one) for one in inner))
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", object: "any"}
    return names.get(kind) or f"[{kind.__name__}](#{kind.__name__.lower()})"


def rows(record):
    """The table of a record as the page has it."""
    body = ast.parse(inspect.getsource(record)).body[0].body
    words = {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }
    hints = typing.get_type_hints(record, include_extras=True)
    return [f"| `{name}` | {json_type(kind)} | {words.get(name, '')} |" for name, kind in hints.items()]


STORED = [*records_in(Result, []), *records_in(ForeignPoint, [])]


@pytest.mark.parametrize("record", STORED, ids=lambda record: record.__name__)
def test_every_stored_record_is_described_in_the_words_of_its_fields(sections, record):
    assert [line for line in sections[record.__name__] if line.startswith("| `")] == rows(record)
    assert " ".join(record.__doc__.split()) in sections[record.__name__]


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("requests.parquet", REQUEST_COLUMNS),
        ("telemetry.parquet", TELEMETRY_COLUMNS),
        ("engine.parquet", ENGINE_COLUMNS),
        ("quality.parquet", QUALITY_COLUMNS),
    ],
)
def test_every_column_of_a_table_is_described_in_the_words_it_carries(sections, file, columns):
    expected = [f"| `{name}` | {kind} | {meaning} |" for name, (kind, meaning) in columns.items()]
    assert [line for line in sections[file] if line.startswith("| `")] == expected


def column_type(name, dtype):
    """What a column of the table of runs holds, in words."""
    if name == "marks":
        return "list of strings"
    words = {"Int64": "integer or null", "int64": "integer", "float64": "float", "bool": "true or false"}
    words["boolean"] = "true, false or null"
    return words.get(dtype) or ("time" if dtype.startswith("datetime") else "string")


def test_every_column_of_the_table_of_runs_is_described(sections):
    types = runs_frame([a_trial("t", [a_run()])]).dtypes.astype(str)
    expected = [f"| `{name}` | {column_type(name, types[name])} | {meaning} |" for name, meaning in COLUMNS.items()]
    assert [line for line in sections["The table of runs"] if line.startswith("| `")] == expected


def test_the_page_describes_no_record_that_is_not_stored(sections):
    stored = {record.__name__ for record in STORED}
    for heading, lines in sections.items():
        if any(line.startswith("| field ") for line in lines):
            assert heading in stored


def test_every_class_of_failure_is_named(sections):
    text = " ".join(sections["Failure"])
    assert all(f"`{name}`" in text for name in FAILURE_CLASSES)
