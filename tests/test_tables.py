"""The tables of a trial: what is written is what is read, by us and by any reader of Parquet; units travel along."""

from __future__ import annotations

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
from enginebench.records import Request, RequestStatus
from enginebench.tables import (
    REQUEST_COLUMNS,
    TELEMETRY_COLUMNS,
    read_requests,
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


def test_events_given_as_tuples_are_read_as_arrays_and_older_files_without_the_newer_columns(tmp_path):
    path = tmp_path / "requests.parquet"
    rows = [a_request(event_ns=(1, 2), event_tokens=(1, 0)), a_request(event_ns=())]
    write_requests(rows, path)
    expected = tuple(replace(row, event_ns=array("q", row.event_ns)) for row in rows)
    assert read_requests(path) == (replace(expected[0], event_tokens=array("i", [1, 0])), expected[1])
    pq.write_table(pq.read_table(path).drop_columns(["event_tokens", "shared_reads", "seen"]), path)
    assert read_requests(path) == tuple(replace(row, event_tokens=None) for row in expected)


@pytest.fixture
def request_file(tmp_path):
    path = tmp_path / "requests.parquet"
    write_requests([], path)
    return path


def test_an_empty_table_has_all_columns(request_file):
    assert read_requests(request_file) == ()
    assert list(pd.read_parquet(request_file)) == list(REQUEST_COLUMNS)


def test_a_column_for_every_field_of_a_request_in_its_order():
    assert list(REQUEST_COLUMNS) == [field.name for field in fields(Request)]


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
