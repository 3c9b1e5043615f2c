"""The digest of a table is that of its rows: however it is cut, coded or typed it stays; any change in them shows."""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from builders import a_request
from enginebench.tables import ContentDigest, content_digest, read_table, requests_table

TYPES = {
    "number": pa.int64(),
    "small": pa.int32(),
    "share": pa.float64(),
    "right": pa.bool_(),
    "words": pa.string(),
    "bytes": pa.binary(),
    "times": pa.list_(pa.int64()),
    "seen": pa.list_(pa.string()),
    "at": pa.timestamp("us", "UTC"),
}
LONG = st.integers(-(2**63), 2**63 - 1)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = {
    "number": st.none() | LONG,
    "small": st.none() | st.integers(-(2**31), 2**31 - 1),
    "share": st.none() | st.floats(),
    "right": st.none() | st.booleans(),
    "words": st.none() | WORDS,
    "bytes": st.none() | st.binary(max_size=4),
    "times": st.none() | st.lists(st.none() | LONG, max_size=3),
    "seen": st.none() | st.lists(st.none() | WORDS, max_size=3),
    "at": st.none() | st.integers(0, 2**50),
}
ROWS = st.lists(st.fixed_dictionaries(VALUES), max_size=8)
SCHEMA = pa.schema(TYPES.items())


def table_of(rows):
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def cut(table, places):
    """The same rows in chunks that end at `places`."""
    edges = [0, *sorted(min(place, len(table)) for place in places), len(table)]
    return pa.concat_tables([table.slice(a, b - a) for a, b in itertools.pairwise(edges)])


@settings(max_examples=150, deadline=None)
@given(ROWS, st.lists(st.integers(0, 8), max_size=3), st.randoms(use_true_random=False))
def test_cutting_and_coding_and_the_columns_order_change_nothing(rows, places, random):
    table = table_of(rows)
    expected = content_digest(table)
    pieces = cut(table, places)
    assert content_digest(pieces) == expected
    assert content_digest(pieces.combine_chunks()) == expected
    # A slice of something larger, whose buffers hold more than its rows.
    assert content_digest(pa.concat_tables([table, pieces]).combine_chunks().slice(len(table))) == expected
    assert content_digest(table.select(random.sample(table.column_names, len(TYPES)))) == expected
    parts = ContentDigest()
    for batch in pieces.to_batches():
        parts.update(pa.Table.from_batches([batch]))
    assert not rows or parts.hexdigest() == expected
    for options in ({}, {"use_dictionary": False, "row_group_size": 2}, {"compression": "zstd", "data_page_size": 100}):
        file = io.BytesIO()
        pq.write_table(table, file, **options)
        file.seek(0)
        with pq.ParquetFile(file) as parquet:
            assert content_digest(parquet.read()) == expected


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_how_wide_numbers_and_offsets_are_changes_nothing(rows):
    table = table_of(rows)
    wider = {"small": pa.int64(), "words": pa.large_string(), "times": pa.large_list(pa.int64())}
    wide = table.cast(pa.schema({**TYPES, **wider}.items()))
    assert content_digest(wide) == content_digest(table)
    coded = table.set_column(4, "words", table["words"].dictionary_encode())
    assert content_digest(coded) == content_digest(table)
    polars = pl.from_arrow(table)
    assert content_digest(polars.to_arrow(compat_level=pl.CompatLevel.newest())) == content_digest(table)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_a_column_without_a_value_is_as_if_it_were_not_there(rows):
    table = table_of(rows)
    for kind in (pa.int64(), pa.list_(pa.int32()), pa.string(), pa.null()):
        assert content_digest(table.append_column("later", pa.nulls(len(table), kind))) == content_digest(table)


def same(one, other):
    return one == other or all(isinstance(value, float) and math.isnan(value) for value in (one, other))


@settings(max_examples=200, deadline=None)
@given(ROWS.filter(len), st.sampled_from([*VALUES]), st.data())
def test_any_other_value_changes_it(rows, name, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    value = data.draw(VALUES[name])
    assume(not same(value, rows[place][name]))
    changed = [*rows]
    changed[place] = {**rows[place], name: value}
    assert content_digest(table_of(changed)) != content_digest(table_of(rows))


@settings(max_examples=60, deadline=None)
@given(ROWS.filter(len), st.data())
def test_another_order_and_another_number_of_rows_change_it(rows, data):
    table = table_of(rows)
    assert content_digest(table.slice(1)) != content_digest(table)
    a, b = (data.draw(st.integers(0, len(rows) - 1)) for _ in range(2))
    swapped = [*rows]
    swapped[a], swapped[b] = rows[b], rows[a]
    same_rows = table_of(swapped).equals(table)
    # equals() takes a NaN for another value than itself.
    if not any(isinstance(row["share"], float) and math.isnan(row["share"]) for row in rows):
        assert (content_digest(table_of(swapped)) == content_digest(table)) == same_rows


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([0]), pa.array([None], pa.int64())),
        (pa.array([0, 1]), pa.array([None, 1])),
        (pa.array(["", "a"]), pa.array([None, "a"])),
        (pa.array([[], [1]]), pa.array([None, [1]])),
        (pa.array([[None], [1]]), pa.array([[0], [1]])),
        (pa.array([[1], [2]]), pa.array([[1, 2], []])),
        (pa.array(["ab", "c"]), pa.array(["a", "bc"])),
        (pa.array([1]), pa.array(["1"])),
        (pa.array([1]), pa.array([1.0])),
        (pa.array([1]), pa.array([True])),
        (pa.array([False, True]), pa.array([None, True])),
        (pa.array([math.nan, 1.0]), pa.array([None, 1.0])),
        (pa.array(["a"]), pa.array([b"a"])),
    ],
    ids=lambda array: f"{array.type} {array.to_pylist()}",
)
def test_what_is_alike_is_not_taken_for_the_same(one, other):
    assert content_digest(pa.table({"x": one})) != content_digest(pa.table({"x": other}))
    assert content_digest(pa.table({"x": one})) != content_digest(pa.table({"y": one}))


def test_a_column_that_comes_late_or_goes_is_null_in_the_other_parts():
    parts = ContentDigest()
    parts.update(pa.table({"a": [1, 2]}))
    parts.update(pa.table({"b": [["x"]], "a": [3]}))
    parts.update(pa.table({"b": [["y", None]]}))
    whole = pa.table({"a": [1, 2, 3, None], "b": [None, None, ["x"], ["y", None]]})
    assert parts.hexdigest() == content_digest(whole)


def test_what_lies_under_a_null_is_not_in_the_table():
    hidden = pa.ListArray.from_arrays([0, 2, 3], [1, 2, 3], mask=pa.array([True, False]))
    assert hidden.to_pylist() == [None, [3]]
    assert content_digest(pa.table({"x": hidden})) == content_digest(pa.table({"x": [None, [3]]}))


def test_types_that_are_not_laid_down_are_refused():
    with pytest.raises(TypeError, match="no digest is laid down for columns of struct<a: int64>"):
        content_digest(pa.table({"x": [{"a": 1}]}))
    parts = ContentDigest()
    parts.update(pa.table({"x": [1]}))
    with pytest.raises(TypeError, match="a column of int64 goes on as string"):
        parts.update(pa.table({"x": ["1"]}))


def test_signatures_stand_on_it_so_it_never_changes():
    """Digests as they were first given out. A change here makes every signed night look forged."""
    table = requests_table([a_request(), a_request(index=1, error="no", seen=("b",), event_tokens=(1, 0, 2))])
    assert content_digest(table) == "f5543867228fc61e3a05f151836d24e4c04ec620135ed3d6622197eb151ee542"
    sample = read_table(Path(__file__).with_name("samples") / "telemetry-1.parquet", "telemetry")
    assert content_digest(sample) == "42fef97a99b58c1157ca79bec70ba0320bdf5f59969724ab3a36ea202be9bc85"
    assert content_digest(pa.table({})) == "44c482e81f65e2a9dfe1a0ecc58630d08a06c5b1437ef8ffa94b3d4f543d35b4"
