"""Records as tables: what is written is what is read; units travel along."""

from __future__ import annotations

import itertools
import re
import tempfile
from array import array
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_request
from enginebench import telemetry
from enginebench.errors import UserError
from enginebench.records import Request, RequestStatus
from enginebench.tables import (
    DERIVED,
    REQUEST_COLUMNS,
    TELEMETRY_COLUMNS,
    read_requests,
    requests_table,
    write_requests,
    write_telemetry,
)

times = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**31 - 1)
maybe_counts = st.none() | counts
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
requests = st.builds(
    Request,
    run=words,
    index=counts,
    scheduled_ns=times,
    sent_ns=times,
    first_token_ns=st.none() | times,
    last_token_ns=st.none() | times,
    end_ns=times,
    event_ns=st.lists(times, max_size=5).map(lambda values: array("q", values)),
    input_tokens=counts,
    output_tokens=maybe_counts,
    asked_output_tokens=counts,
    usage_input_tokens=maybe_counts,
    cached_tokens=maybe_counts,
    status=st.sampled_from(get_args(RequestStatus)),
    http_status=maybe_counts,
    error=st.none() | words,
    event_tokens=st.none() | st.lists(counts, max_size=5).map(lambda values: array("i", values)),
    shared_reads=maybe_counts,
    seen=st.lists(words, max_size=3).map(tuple),
)
UNITS = {"_ns": "ns", "_w": "W", "_j": "J", "_bytes": "bytes", "_c": "Celsius", "_cores": "cores", "_tokens": "tokens"}
"""How a column's name ends, to the unit that its meaning must state."""


@settings(max_examples=40, deadline=None)
@given(st.lists(requests, max_size=6))
def test_requests_are_read_as_they_were_written(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests.parquet"
        write_requests(rows, path)
        assert read_requests(path) == tuple(rows)


def test_events_given_as_tuples_are_read_as_arrays(tmp_path):
    path = tmp_path / "requests.parquet"
    rows = [a_request(event_ns=(1, 2), event_tokens=(1, 0)), a_request(event_ns=())]
    write_requests(rows, path)
    expected = tuple(replace(row, event_ns=array("q", row.event_ns)) for row in rows)
    assert read_requests(path) == (replace(expected[0], event_tokens=array("i", [1, 0])), expected[1])


@pytest.fixture
def request_file(tmp_path):
    path = tmp_path / "requests.parquet"
    write_requests([], path)
    return path


def test_an_empty_table_has_all_columns(request_file):
    assert read_requests(request_file) == ()
    assert list(pd.read_parquet(request_file)) == list(REQUEST_COLUMNS)


def test_a_column_for_every_field_of_a_request_in_its_order_and_then_what_is_left_of_its_events():
    assert list(REQUEST_COLUMNS) == [*(field.name for field in fields(Request)), *DERIVED]


@settings(max_examples=60, deadline=None)
@given(st.lists(requests, max_size=8), st.booleans())
def test_number_and_longest_gap_of_the_events_stand_beside_their_times_and_without_them(rows, chunk_times):
    # Gaps of times anywhere in 64 bits would not fit: a run lasts less than 2^62 ns.
    rows = [replace(row, event_ns=array("q", sorted(time >> 2 for time in row.event_ns))) for row in rows]
    table = requests_table(rows, chunk_times=chunk_times)
    assert table["events"].to_pylist() == [len(row.event_ns) for row in rows]
    longest = [max((b - a for a, b in itertools.pairwise(row.event_ns)), default=None) for row in rows]
    assert table["itl_max_ns"].to_pylist() == longest
    kept = [list(row.event_ns) if chunk_times else None for row in rows]
    assert table["event_ns"].to_pylist() == kept


def test_rows_without_chunk_times_are_smaller_and_refused_as_requests(tmp_path):
    path, whole = tmp_path / "requests.parquet", tmp_path / "whole.parquet"
    rows = [a_request(index=index, event_ns=tuple(range(0, 1280, 10)), event_tokens=(1,) * 128) for index in range(99)]
    write_requests(rows, path, chunk_times=False)
    write_requests(rows, whole)
    assert path.stat().st_size < whole.stat().st_size
    table, full = pq.read_table(path), pq.read_table(whole)
    lost = ["event_ns", "event_tokens"]
    assert [table[name].null_count for name in lost] == [99, 99]
    assert table.drop_columns(lost).equals(full.drop_columns(lost))
    with pytest.raises(UserError, match=r"\.parquet: is without the times of events; measure with `chunk_times"):
        read_requests(path)


@pytest.mark.parametrize("events", [1, 3])
def test_one_request_that_lost_its_times_is_enough_to_refuse(tmp_path, events):
    path = tmp_path / "requests.parquet"
    failed = a_request(event_ns=array("q"), first_token_ns=None, last_token_ns=None, status="connection", error="reset")
    write_requests([failed, a_request(event_ns=range(events))], path, chunk_times=False)
    with pytest.raises(UserError, match="is without the times of events"):
        read_requests(path)


def test_requests_that_had_no_event_are_read_without_chunk_times(tmp_path):
    path = tmp_path / "requests.parquet"
    failed = a_request(event_ns=array("q"), first_token_ns=None, last_token_ns=None, status="connection", error="reset")
    write_requests([failed], path, chunk_times=False)
    assert read_requests(path) == (failed,)


def test_a_column_for_every_value_of_a_telemetry_row():
    assert set(TELEMETRY_COLUMNS) == {"t_ns", "device", "cpu_busy_cores", *telemetry.MEASURED}


@pytest.mark.parametrize("columns", [REQUEST_COLUMNS, TELEMETRY_COLUMNS])
def test_what_a_name_says_of_its_unit_its_meaning_says_too(columns):
    for name, (kind, meaning) in columns.items():
        assert "int64" in kind or not name.endswith("_ns"), "a float of ns since the epoch is off by hundreds"
        for ending, unit in UNITS.items():
            assert not name.endswith(ending) or unit in re.findall(r"\w+", meaning), name


def test_types_and_meanings_travel_in_the_file(request_file, tmp_path):
    write_telemetry([], tmp_path / "telemetry.parquet")
    for path, columns in ((request_file, REQUEST_COLUMNS), (tmp_path / "telemetry.parquet", TELEMETRY_COLUMNS)):
        schema = pq.read_schema(path)
        assert schema.names == list(columns)
        for name, (kind, meaning) in columns.items():
            field = schema.field(name)
            assert field.metadata == {b"meaning": meaning.encode()}
            assert str(field.type).replace("element: ", "").replace("double", "float64") == kind


def test_missing_telemetry_is_null_and_0_is_0(tmp_path):
    path = tmp_path / "telemetry.parquet"
    write_telemetry([{"t_ns": 1, "device": 0, "power_w": 0.0}, {"t_ns": 2, "cpu_busy_cores": 1.5, "stray": 1}], path)
    rows = pq.read_table(path).to_pylist()
    nothing = dict.fromkeys(TELEMETRY_COLUMNS)
    assert rows == [
        {**nothing, "t_ns": 1, "device": 0, "power_w": 0.0},
        {**nothing, "t_ns": 2, "cpu_busy_cores": 1.5},
    ]
