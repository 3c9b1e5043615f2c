"""Parts: tables of every version in one file, cut as they come, one trial's rows found again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_request
from enginebench import tables
from enginebench.errors import UserError
from enginebench.store import Store, parts
from enginebench.store.place import Place
from enginebench.tables import content_digest, requests_table
from stored import a_run, a_trial, finished

SAMPLES = Path(__file__).parents[1] / "tables" / "samples"
NAMES = ("requests-1-first", "requests-1", "requests-1-odd")


def numbered(trial, count):
    table = requests_table([a_request(run=f"{trial}.0.0", index=index) for index in range(count)])
    return table.add_column(0, "trial", pa.array([trial] * count, pa.string()))


@settings(max_examples=30)
@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=8), cut=st.integers(1, 12))
def test_each_trial_is_found_with_the_rows_that_it_had(tmp_path_factory, counts, cut):
    folder = tmp_path_factory.mktemp("parts")
    given_tables = {f"t{number}": numbered(f"t{number}", count) for number, count in enumerate(counts)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "GROUP_ROWS", cut)
        rows = parts.write(given_tables.values(), given_tables["t0"].schema, folder / "part.parquet")
    assert rows == sum(counts)
    place = Place(folder)
    for trial, table in given_tables.items():
        assert parts.select(place, ["part.parquet"], where={"trial": trial}).equals(table)
    assert parts.equal(parts.groups(place, "part.parquet"), given_tables.values())
    changed = [table.slice(1) for table in given_tables.values()]
    assert parts.equal(parts.groups(place, "part.parquet"), changed) == (rows == 0)


def test_a_changed_value_is_seen_when_a_part_is_held_against_what_it_was_made_from(tmp_path):
    table = numbered("t", 5)
    parts.write([table], table.schema, tmp_path / "part.parquet")
    place = Place(tmp_path)
    assert parts.equal(parts.groups(place, "part.parquet"), [table])
    column = table.schema.get_field_index("end_ns")
    later = table.set_column(column, table.schema.field(column), pa.array([*table["end_ns"].to_pylist()[:-1], 0]))
    assert not parts.equal(parts.groups(place, "part.parquet"), [later])
    assert not parts.equal(parts.groups(place, "part.parquet"), [table, table])
    assert not parts.equal(parts.groups(place, "part.parquet"), [])


def test_tables_of_every_version_lie_in_one_part_and_come_back_as_they_were(tmp_path):
    store = Store(tmp_path / "store")
    for name in NAMES:
        folder = finished(tmp_path / name, a_trial(name, [a_run(0)]))
        shutil.copy(SAMPLES / f"{name}.parquet", folder / "requests.parquet")
        store.ingest(folder)
    before = {name: store.requests(name) for name in NAMES}
    store.compact()
    (part,) = [part.path for part in store.view().manifest.parts if part.table == "requests"]
    assert pq.read_schema(store.local / part).equals(tables.schema("requests", trial=True), check_metadata=True)
    for name in NAMES:
        assert store.requests(name).equals(before[name])
        store.fetch(name, tmp_path / "again" / name)
        again = tmp_path / "again" / name / "requests.parquet"
        old, again = (pq.read_table(path) for path in (SAMPLES / f"{name}.parquet", again))
        assert content_digest(again) == content_digest(old)


def test_a_trial_with_a_table_of_a_later_version_is_refused_at_the_door(tmp_path):
    folder = finished(tmp_path / "t", a_trial("t", [a_run(0)]))
    table = pq.read_table(folder / "requests.parquet")
    pq.write_table(table.replace_schema_metadata({"format": "enginebench.requests/99"}), folder / "requests.parquet")
    with pytest.raises(UserError, match=r"requests\.parquet: is of version `enginebench\.requests/99`"):
        Store(tmp_path / "store").ingest(folder)
    assert not (tmp_path / "store").exists()


def test_rows_of_one_trial_are_read_without_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_ROWS", 10)
    trials = [numbered(f"{number:02}", 10) for number in range(20)]
    parts.write(trials, trials[0].schema, tmp_path / "part.parquet")
    with pq.ParquetFile(tmp_path / "part.parquet") as file:
        told = [file.metadata.row_group(group).column(0).statistics for group in range(file.num_row_groups)]
    assert [(one.min, one.max) for one in told] == [(f"{number:02}",) * 2 for number in range(20)]
