"""Many trials' rows in one file: nothing lost, nothing changed, each trial found again, and any reader can."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_request
from enginebench.errors import UserError
from enginebench.tables import (
    compacted,
    content_digest,
    read_table,
    read_trial,
    requests_table,
    schema,
    write_compacted,
)

SAMPLES = Path(__file__).with_name("samples")


def rows_of(trial, count, **changes):
    return requests_table([a_request(run=f"{trial}.0.0", index=index, **changes) for index in range(count)])


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 9), max_size=8),
    st.integers(1, 12),
)
def test_each_trial_is_found_with_the_rows_that_it_had(trials, group_rows):
    given_tables = {trial: rows_of(trial, count) for trial, count in trials.items()}
    file = io.BytesIO()
    told = write_compacted("requests", given_tables.items(), file, group_rows=group_rows)
    assert told.rows == sum(trials.values())
    assert told.bytes == len(file.getvalue())
    assert told.trials == tuple(trials)
    metadata = pq.ParquetFile(file).metadata
    groups = [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]
    assert (sum(groups), max(groups, default=0) <= group_rows) == (told.rows, True)
    for trial, table in given_tables.items():
        found = read_trial(file, "requests", trial)
        assert found.equals(table)
        assert content_digest(found) == content_digest(table)
    assert read_trial(file, "requests", "b b").num_rows == 0


def test_tables_of_every_version_lie_in_one_file_and_lose_nothing(tmp_path):
    path = tmp_path / "requests.parquet"
    names = ["requests-1-first", "requests-1", "requests-1-odd"]
    olds = {name: pq.read_table(SAMPLES / f"{name}.parquet") for name in names}
    told = write_compacted("requests", [*olds.items(), ("new", rows_of("new", 5))], path)
    assert told.bytes == path.stat().st_size
    assert pq.read_schema(path).equals(schema("requests", trial=True), check_metadata=True)
    for name, old in olds.items():
        found = read_trial(path, "requests", name)
        assert found.equals(read_table(SAMPLES / f"{name}.parquet", "requests"))
        assert content_digest(found.select(old.column_names)) == content_digest(old)
    asked = read_trial(path, "requests", "new", columns=["index", "itl_max_ns"])
    assert asked.to_pydict() == {"index": [0, 1, 2, 3, 4], "itl_max_ns": [10_000_000] * 5}


@pytest.mark.parametrize("kind", ["telemetry", "engine", "quality"])
def test_the_other_tables_too(tmp_path, kind):
    old = pq.read_table(SAMPLES / f"{kind}-1.parquet")
    write_compacted(kind, [("a", old), ("b", old.slice(1))], tmp_path / "all.parquet")
    assert content_digest(read_trial(tmp_path / "all.parquet", kind, "a")) == content_digest(old)
    assert content_digest(read_trial(tmp_path / "all.parquet", kind, "b")) == content_digest(old.slice(1))


def test_a_file_of_no_trial_is_a_table_too(tmp_path):
    told = write_compacted("requests", [], tmp_path / "all.parquet")
    assert (told.rows, told.trials) == (0, ())
    assert pl.read_parquet(tmp_path / "all.parquet").columns == schema("requests", trial=True).names
    assert read_trial(tmp_path / "all.parquet", "requests", "a").num_rows == 0


def test_no_more_is_in_memory_than_a_row_group(monkeypatch):
    """Each trial's table is made when it is asked for; by then those of groups that are written are gone."""
    monkeypatch.setattr(compacted, "BYTES", 40_000)
    one = rows_of("t", 100).nbytes
    most = 0

    def tables():
        nonlocal most
        for number in range(60):
            table = rows_of(f"{number:03}", 100)
            yield f"{number:03}", table
            most = max(most, pa.total_allocated_bytes() - before)
            del table

    before = pa.total_allocated_bytes()
    file = io.BytesIO()
    assert write_compacted("requests", tables(), file).rows == 6000
    assert most < 8 * one + 400_000
    metadata = pq.ParquetFile(file).metadata
    assert metadata.num_row_groups > 10
    # A trial that is larger than a group alone is cut.
    write_compacted("requests", [("big", rows_of("big", 1000))], big := io.BytesIO())
    assert pq.ParquetFile(big).metadata.num_row_groups > 2
    assert read_trial(big, "requests", "big").equals(rows_of("big", 1000))


def test_only_the_row_groups_that_can_hold_a_trial_are_read(monkeypatch):
    file = io.BytesIO()
    write_compacted("requests", [(f"{n:02}", rows_of("t", 10)) for n in range(20)], file, group_rows=40)
    read = []
    true = pq.ParquetFile.read_row_group

    def watched(self, group, *rest):
        read.append(group)
        return true(self, group, *rest)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    assert read_trial(file, "requests", "13").num_rows == 10
    assert set(read) == {3}


def test_any_filesystem_and_any_reader_will_do(tmp_path):
    memory = fsspec.filesystem("memory")
    tables = [("a", rows_of("a", 3)), ("b", rows_of("b", 2, event_ns=()))]
    with memory.open("/night/requests.parquet", "wb") as file:
        told = write_compacted("requests", tables, file)
    assert memory.size("/night/requests.parquet") == told.bytes
    with memory.open("/night/requests.parquet", "rb") as file:
        assert read_trial(file, "requests", "b").equals(tables[1][1])
    path = tmp_path / "requests.parquet"
    path.write_bytes(memory.cat("/night/requests.parquet"))
    memory.rm("/night", recursive=True)
    expected = [{"trial": trial, **row} for trial, table in tables for row in table.to_pylist()]
    assert pl.read_parquet(path).to_dicts() == expected
    assert duckdb.sql(f"select trial, max(events), count(*) from '{path}' group by 1 order by 1").fetchall() == [
        ("a", 3, 3),
        ("b", 0, 2),
    ]
    assert list(pd.read_parquet(path)["trial"]) == ["a"] * 3 + ["b"] * 2


def test_what_cannot_be_read_is_named(tmp_path):
    strange = rows_of("t", 1).replace_schema_metadata({b"format": b"enginebench.requests/9"})
    with pytest.raises(UserError, match=r"trial odd: is of version `enginebench\.requests/9`"):
        write_compacted("requests", [("odd", strange)], io.BytesIO())
    with pytest.raises(AssertionError, match="a is given twice"):
        write_compacted("requests", [("a", rows_of("a", 1)), ("a", rows_of("a", 1))], io.BytesIO())
    with pytest.raises(UserError, match="has no column `trial` ahead; name a compacted file"):
        read_trial(SAMPLES / "requests-1.parquet", "requests", "a")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(UserError, match=r"torn\.parquet: cannot be read as Parquet"):
        read_trial(tmp_path / "torn.parquet", "requests", "a")
    write_compacted("engine", [], tmp_path / "engine.parquet")
    with pytest.raises(UserError, match=r"is `enginebench\.engine/1`, not a table `enginebench\.requests`"):
        read_trial(tmp_path / "engine.parquet", "requests", "a")
