"""Tables of every version are read as today's, later ones refused; other readers of Parquet find the same in them."""

from __future__ import annotations

import itertools
from array import array
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import a_request
from enginebench.errors import UserError
from enginebench.records import EngineSample, ItemOutcome
from enginebench.tables import (
    COLUMNS,
    VERSIONS,
    current,
    read_requests,
    read_table,
    requests_table,
    schema,
    write_engine,
    write_quality,
    write_requests,
    write_table,
    write_telemetry,
)

SAMPLES = Path(__file__).with_name("samples")
"""`<table>-1….parquet`: written by enginebench before its tables had versions."""
FIRST_NEVER_HAD = ["first_chars", "output_chars", "event_tokens", "shared_reads", "seen", "first_event_ns"]
ODD = [
    a_request(event_ns=array("q", [100, 130, 135]), event_tokens=array("i", [1, 0, 2]), seen=("a", "b")),
    a_request(index=1, event_ns=array("q"), first_token_ns=None, status="http_error", http_status=503, error="no"),
    a_request(index=2, event_ns=array("q", [7]), cached_tokens=None, first_event_ns=2**62),
]


@pytest.mark.parametrize("kind", COLUMNS)
def test_what_is_written_says_its_version(tmp_path, kind):
    path = tmp_path / "table.parquet"
    {
        "requests": lambda: write_requests(ODD, path),
        "telemetry": lambda: write_telemetry([{"t_ns": 1}], path),
        "engine": lambda: write_engine([EngineSample(t_ns=1)], path),
        "quality": lambda: write_quality(
            [ItemOutcome(when="before", item=0, family="sums", right=True, answer="4", error=None)], path
        ),
    }[kind]()
    assert pq.read_schema(path).metadata[b"format"] == f"enginebench.{kind}/{VERSIONS[kind]}".encode()
    assert read_table(path, kind).equals(pq.read_table(path), check_metadata=True)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*-1*.parquet")), ids=lambda path: path.stem)
def test_a_table_of_version_1_is_read_as_todays_with_all_that_it_held(path):
    kind = path.stem.split("-")[0]
    old = pq.read_table(path)
    assert b"format" not in (old.schema.metadata or {})
    table = read_table(path, kind)
    assert table.schema.equals(schema(kind), check_metadata=True)
    table.validate(full=True)
    assert old.num_rows == table.num_rows > 0
    for name in old.column_names:
        assert table[name].to_pylist() == old[name].to_pylist(), name


def test_version_1_of_requests_is_given_number_and_longest_gap_of_its_events():
    odd = read_table(SAMPLES / "requests-1-odd.parquet", "requests")
    assert odd["events"].to_pylist() == [3, 0, 1]
    assert odd["itl_max_ns"].to_pylist() == [30_000_000, None, None]
    first = read_table(SAMPLES / "requests-1-first.parquet", "requests")
    for row in first.to_pylist():
        times = row["event_ns"]
        assert (row["events"], row["itl_max_ns"]) == (64, max(b - a for a, b in itertools.pairwise(times)))
        assert [row[name] for name in FIRST_NEVER_HAD] == [None] * 6
    assert len(read_requests(SAMPLES / "requests-1.parquet")) == 24
    assert read_requests(SAMPLES / "requests-1-first.parquet")[0].seen == ()


def test_times_that_lie_under_a_null_are_in_no_longest_gap():
    table = pq.read_table(SAMPLES / "requests-1-odd.parquet")
    place = table.column_names.index("event_ns")
    hidden = pa.ListArray.from_arrays([0, 2, 5, 5], [0, 900, 1, 5, 7], mask=pa.array([True, False, False]))
    found = current(table.set_column(place, "event_ns", hidden), "requests", "here")
    assert (found["events"].to_pylist(), found["itl_max_ns"].to_pylist()) == ([None, 3, 0], [None, 4, None])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("enginebench.requests/9", "is of version `enginebench.requests/9`, and enginebench .* reads `.*/2` and older"),
        ("enginebench.requests/0", "is `enginebench.requests/0`, not a table `enginebench.requests`"),
        ("enginebench.engine/1", "is `enginebench.engine/1`, not a table `enginebench.requests`"),
        ("enginebench.requests/2x", "is `enginebench.requests/2x`, not a table"),
        ("\udcff", "not a table `enginebench.requests`; name the right file"),
    ],
)
def test_other_formats_are_refused_in_one_sentence(tmp_path, told, words):
    path = tmp_path / "requests.parquet"
    named = told.encode("utf-8", "surrogateescape")
    pq.write_table(requests_table(ODD).replace_schema_metadata({b"format": named}), path)
    for reading in (lambda: read_table(path, "requests"), lambda: read_requests(path)):
        with pytest.raises(UserError, match=words) as refused:
            reading()
        (mistake,) = refused.value.mistakes
        assert mistake.place == str(path)


def test_a_file_that_is_no_table_of_ours_is_refused_by_name(tmp_path):
    path = tmp_path / "requests.parquet"
    pq.write_table(pa.table({"x": [1], "event_ns": [[1]]}), path)
    with pytest.raises(UserError, match="has the column `x`, which is not known"):
        read_table(path, "requests")
    pq.write_table(pa.table({"index": ["no number"], "event_ns": [[1]]}), path)
    with pytest.raises(UserError, match="`index` holds string, not int32"):
        read_table(path, "requests")
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        read_table(path, "requests")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        read_table(tmp_path / "absent.parquet", "requests")


def test_only_the_columns_asked_for_are_given_also_of_older_files(tmp_path):
    write_requests(ODD, tmp_path / "requests.parquet")
    for path in (tmp_path / "requests.parquet", SAMPLES / "requests-1-odd.parquet"):
        table = read_table(path, "requests", columns=["itl_max_ns", "index"])
        assert table.column_names == ["itl_max_ns", "index"]
        assert table.equals(read_table(path, "requests").select(["itl_max_ns", "index"]))


def test_a_column_of_the_trial_stays_ahead():
    table = requests_table(ODD)
    marked = table.add_column(0, "trial", pa.array(["one"] * 3))
    assert current(marked, "requests", "here").column_names == ["trial", *table.column_names]


@pytest.mark.parametrize("chunk_times", [True, False])
def test_pandas_polars_and_duckdb_read_what_is_written(tmp_path, chunk_times):
    path = tmp_path / "requests.parquet"
    table = requests_table(ODD, chunk_times=chunk_times)
    write_table(table, path)
    expected = table.to_pylist()
    assert pl.read_parquet(path).to_dicts() == expected
    found = duckdb.sql(f"from '{path}'")
    assert [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()] == expected
    assert duckdb.sql(f"select max(itl_max_ns) from '{path}' where status = 'ok'").fetchall() == [(30,)]
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    assert pa.Table.from_pandas(frame, schema=table.schema).to_pylist() == expected
    plain = pd.read_parquet(path)
    assert [None if times is None else list(times) for times in plain["event_ns"]] == table["event_ns"].to_pylist()
    assert list(plain["sent_ns"]) == table["sent_ns"].to_pylist()


def test_the_coding_is_the_one_that_was_measured(tmp_path):
    for chunk_times in (True, False):
        path = tmp_path / "requests.parquet"
        write_requests([*ODD] * 50, path, chunk_times=chunk_times)
        group = pq.ParquetFile(path).metadata.row_group(0)
        columns = {group.column(place).path_in_schema: group.column(place) for place in range(group.num_columns)}
        assert {column.compression for column in columns.values()} == {"ZSTD"}
        assert "DELTA_BINARY_PACKED" in columns["sent_ns"].encodings
        assert "RLE_DICTIONARY" in columns["run"].encodings
        split = "BYTE_STREAM_SPLIT" in columns["event_ns.list.element"].encodings
        assert split == chunk_times, "readers that do not know it must not meet it where nothing is kept"
