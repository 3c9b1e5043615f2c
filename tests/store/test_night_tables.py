"""A night's tables read at once are the same as trial by trial, in folders, compacted, and some of both."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import builders
from enginebench.records import Retention
from enginebench.store import Store, parts, prune
from enginebench.tables import write_requests
from stored import a_run, a_store, a_trial, finished

NIGHT = "2026-11-24"
COLUMNS = ("run", "sent_ns", "first_token_ns", "event_ns")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three trials of one night with another number of requests each, and one of another night."""
    store = Store(tmp_path / "store")
    for index, night in enumerate([NIGHT, NIGHT, NIGHT, "2026-11-25"]):
        result = a_trial(f"t{index}", [a_run(0), a_run(1)], night=night)
        folder = finished(tmp_path / "finished" / f"t{index}", result, requests=2)
        rows = [
            builders.a_request(run=run.id, index=at, sent_ns=1000 * index + at)
            for run in result.runs
            for at in range(index + 1)
        ]
        write_requests(rows, folder / "requests.parquet")
        (folder / "server.log").write_text(f"log of t{index}\n")
        store.ingest(folder)
    return store


def at_once(store: Store) -> dict[str, object]:
    return {trial: table.to_pylist() for trial, table in store.night_tables(NIGHT, "requests", COLUMNS)}


def one_by_one(store: Store) -> dict[str, object]:
    found = {}
    for trial in ("t0", "t1", "t2"):
        night_table = store.view().table(NIGHT, trial, "requests")
        found[trial] = night_table.select(list(COLUMNS)).to_pylist()
    return found


def test_all_at_once_is_trial_by_trial(store, tmp_path):
    truth = one_by_one(store)
    assert [len(rows) for rows in truth.values()] == [2, 4, 6]
    assert at_once(store) == truth
    store.compact()
    assert at_once(store) == truth, "compacted"
    store.ingest(finished(tmp_path / "finished" / "late", a_trial("late", [a_run(0)], night=NIGHT)))
    found = at_once(store)
    assert len(found.pop("late")) == 2, "a folder beside parts"
    assert found == truth


def test_a_trial_whose_rows_lie_in_two_row_groups_is_one(store, monkeypatch):
    truth = one_by_one(store)
    monkeypatch.setattr(parts, "GROUP_ROWS", 3)
    store.compact()
    (path,) = store.view().parts("requests", NIGHT)
    with parts.as_file(store.place, path) as file:
        assert file.num_row_groups == 4
    assert at_once(store) == truth


def test_a_column_that_a_table_lacks_is_left_out(store):
    for _ in range(2):
        for _, table in store.night_tables(NIGHT, "requests", ["run", "nonsense"]):
            assert table.column_names == ["run"]
        store.compact()


def test_logs_come_of_one_night_and_what_is_dropped_does_not(store):
    truth = {f"t{index}": f"log of t{index}\n".encode() for index in range(3)}
    assert dict(store.night_logs(NIGHT)) == truth
    store.compact()
    assert dict(store.night_logs(NIGHT)) == truth
    assert store.dropped(NIGHT) == frozenset()
    prune.prune(store, Retention(requests_days=1, logs_days=1), today=date(2027, 11, 24))
    assert at_once(store) == {}
    assert dict(store.night_logs(NIGHT)) == {}
    assert store.dropped(NIGHT) == {"requests", "logs"}


def test_a_store_that_is_not_there_has_none(tmp_path):
    assert list(a_store(tmp_path).night_tables(NIGHT, "requests", COLUMNS)) == []
