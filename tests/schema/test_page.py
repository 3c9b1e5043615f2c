"""results/SCHEMA.md: what the declarations give, and every stored field and column stands in it."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pytest

from enginebench import records
from enginebench.errors import FAILURE_CLASSES
from enginebench.records import Attempt, Failure, Result, Run, record
from enginebench.schema import document
from enginebench.schema.declared import described, json_type, records_in, summary
from enginebench.schema.machine import STORED
from enginebench.schema.page import column_type
from enginebench.store.columns import COLUMNS
from enginebench.store.frames import runs_frame
from enginebench.tables import ENGINE_COLUMNS, QUALITY_COLUMNS, REQUEST_COLUMNS, TELEMETRY_COLUMNS
from stored import a_run, a_trial

PAGE = Path(__file__).parents[2] / "results" / "SCHEMA.md"


@record
class Sample:
    """A record
    in two lines."""

    silent: int
    told_ns: int | None
    """When it was told, ns;
    null: never."""
    pairs: tuple[tuple[int, float], ...] = ()
    """Some pairs."""

    def method(self) -> None:
        """No field."""


@pytest.fixture(scope="module")
def sections():
    """Heading to the lines of the page below it."""
    found, heading = {}, ""
    for line in document().splitlines():
        if line.startswith("#"):
            heading = line.strip("# `")
            assert heading not in found, "two sections of one name: links to it lead astray"
        found.setdefault(heading, []).append(line)
    return found


def names(lines):
    return [line.split("`")[1] for line in lines if line.startswith("| `")]


def test_the_page_on_disk_is_what_the_declarations_give():
    assert PAGE.read_text(encoding="utf-8") == document(), "`make docs` writes it anew"


def test_a_field_is_told_in_the_words_under_it():
    assert described(Sample) == {"told_ns": "When it was told, ns; null: never.", "pairs": "Some pairs."}
    assert summary(Sample) == "A record in two lines."


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int | None, "integer or null"),
        (tuple[float, ...], "list of number"),
        (tuple[int, str], "[integer, string]"),
        (typing.Literal["a", "b"], "`a` or `b`"),
        (typing.Annotated[bool, "said"], "boolean"),
        (typing.get_type_hints(Run)["metrics"], "object of number or null"),
        (Failure | None, "[Failure](#failure) or null"),
    ],
)
def test_a_type_is_told_in_the_words_of_json(kind, words):
    assert json_type(kind) == words


def test_every_record_that_a_file_can_hold_is_a_section_with_every_field(sections):
    stored = {one for kind in STORED for one in records_in(kind)}
    assert {Result, Attempt, Run, records.ClientProof, records.DummySource, records.OpenLoop} < stored
    for one in stored:
        assert names(sections[one.__name__]) == [field.name for field in dataclasses.fields(one)]
        assert summary(one) in sections[one.__name__]
    assert {heading for heading, lines in sections.items() if "| field | type | meaning |" in lines} == {
        one.__name__ for one in stored
    }


def test_rows_are_type_and_meaning(sections):
    assert "| `trial` | string | Unique id of this attempt. |" in sections["Result"]
    assert "| `failure` | [Failure](#failure) or null | Why it stopped; null when complete. |" in sections["Result"]
    assert (
        "| `end_ns` | int64 | end of the stream or of the attempt, ns since the run's start |"
        in (sections["requests.parquet"])
    )
    assert "| `concurrency` | integer or null | requests in flight; null: open loop |" in sections["The table of runs"]


@pytest.mark.parametrize(
    ("section", "columns"),
    [
        ("requests.parquet", REQUEST_COLUMNS),
        ("telemetry.parquet", TELEMETRY_COLUMNS),
        ("engine.parquet", ENGINE_COLUMNS),
        ("quality.parquet", QUALITY_COLUMNS),
        ("The table of runs", COLUMNS),
    ],
)
def test_every_column_is_told(sections, section, columns):
    assert names(sections[section]) == list(columns)


def test_columns_of_runs_have_the_types_of_a_table_with_runs(sections):
    types = runs_frame([a_trial("t", [a_run()])]).dtypes.astype(str)
    for line in sections["The table of runs"]:
        if line.startswith("| `"):
            _, name, kind, _, _ = map(str.strip, line.split("|"))
            assert kind == column_type(name.strip("`"), types[name.strip("`")])


def test_links_lead_to_sections(sections):
    anchors = {heading.lower().replace(" ", "-") for heading in sections}
    linked = {part.partition(")")[0] for lines in sections.values() for line in lines for part in line.split("](#")[1:]}
    assert linked
    assert linked <= anchors


def test_every_class_of_failure_is_named(sections):
    text = " ".join(sections["Failure"])
    assert all(f"`{name}`" in text for name in FAILURE_CLASSES)
