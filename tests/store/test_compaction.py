"""Compaction: what is read stays the same, other programs read it too, and the folders may go."""

from __future__ import annotations

import ast
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from enginebench.errors import UserError
from enginebench.records import ItemOutcome, RunKey
from enginebench.store import Store, collect, compact, rows
from enginebench.tables import write_quality
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial, finished

TPS = "output_tps_per_accelerator"
DAY_S = 86400


def three(tmp_path: Path) -> Store:
    """A store of two nights: two trials, one of them failed; and one with a gate's outcome."""
    job = a_job(loads=(CLOSED, OPEN))
    return a_store(
        tmp_path,
        a_trial("a", [a_run(0, **{TPS: 12.5}), a_run(1, point=1, marks=("stolen", "convoy"))], job=job),
        a_trial("b", [], failure="the server ended"),
        a_trial("c", [a_run(0, day=25)], night="2026-11-25"),
    )


def seen(store: Store) -> tuple[object, ...]:
    """All that a reader can ask of it."""
    trials = [result.trial for result in store.results()]
    tables = [
        getattr(store, name)(trial) for trial in trials for name in ("requests", "telemetry", "engine", "quality")
    ]
    return (list(store.results()), store.runs(), store.failures(), *tables)


def same(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert one[0] == other[0]
    for left, right in zip(one[1:], other[1:], strict=True):
        pd.testing.assert_frame_equal(left, right)


@pytest.fixture
def later(monkeypatch):
    """Sets the collector's clock forward by so many seconds."""
    now = time.time()
    return lambda seconds: monkeypatch.setattr(collect.time, "time", lambda: now + seconds)


def test_what_is_read_stays_the_same_and_is_counted_once(tmp_path, later):
    store = three(tmp_path)
    before = seen(store)
    done = store.compact()
    assert (done.trials, done.sequence) == (3, 1)
    same(seen(Store(store.url)), before)
    later(DAY_S + 60)
    assert sorted(store.collect()) == [f"night=2026-11-2{day}/trial={trial}" for day, trial in ("4a", "4b", "5c")]
    assert not list(store.local.glob("night=*")), "no folder is left"
    same(seen(Store(store.url)), before)
    assert store.collect() == ()
    assert store.compact().parts == 0, "nothing is left to do"


def test_columns_and_filters_are_those_of_folders(tmp_path):
    store = three(tmp_path)
    chosen = ["series", "started_utc", TPS, "marks"]
    before = store.runs(columns=chosen, night="2026-11-24")
    store.compact()
    after = store.runs(columns=chosen, night="2026-11-24")
    pd.testing.assert_frame_equal(before, after)
    assert list(after) == chosen
    assert after["marks"].tolist() == [[], ["stolen", "convoy"]]
    assert store.runs(trial="none").empty


def test_what_comes_later_is_read_with_it_and_taken_over_by_the_next(tmp_path):
    store = three(tmp_path)
    store.compact()
    store.ingest(finished(tmp_path / "d", a_trial("d", [a_run(0), a_run(1)])))
    before = seen(store)
    assert len(before[1]) == 5
    assert store.compact().trials == 1
    same(seen(store), before)
    tables = [(part.table, part.nights) for part in store.view().manifest.parts]
    assert len(tables) == len(set(tables)), "one part a table and night"


def test_rows_are_in_order_however_nights_came_into_parts(tmp_path):
    """Parts behind each other, one night in two parts, a night's folders before, in and behind those of parts."""
    nights = ("2026-11-20", "2026-11-22", "2026-11-24", "2026-11-22", "2026-11-21", "2026-11-25")
    trials = [a_trial(f"t{place}", [a_run(1), a_run(0)], night=night) for place, night in enumerate(nights)]
    folders = a_store(tmp_path / "folders", *trials)
    store = Store(tmp_path / "parts")
    for place, trial in enumerate(trials):
        store.ingest(tmp_path / "folders" / "finished" / trial.trial)
        so_far = [run.id for one in trials[: place + 1] for run in one.runs]
        wanted = folders.runs()["run"][lambda run, so_far=so_far: run.isin(so_far)].tolist()
        assert store.runs(columns=["run"])["run"].tolist() == wanted, "with one trial in a folder"
        store.compact()
        assert store.runs(columns=["run"])["run"].tolist() == wanted
    one_night = [each.runs(columns=["run"], night="2026-11-22")["run"].tolist() for each in (store, folders)]
    assert one_night[0] == one_night[1] != []


def test_an_unknown_column_is_refused(tmp_path):
    store = three(tmp_path)
    for _ in ("folders", "parts"):
        with pytest.raises(UserError, match="column `ttft`: the table of runs has none of the name"):
            store.runs(columns=["run", "ttft"])
        store.compact()


def test_months_that_are_over_become_one_part_a_small_table(tmp_path):
    nights = ("2026-09-29", "2026-09-30", "2026-10-01", "2026-11-01", "2026-11-02", "odd")
    store = a_store(tmp_path, *(a_trial(f"t{index}", [a_run(0)], night=night) for index, night in enumerate(nights)))
    before = seen(store)
    compact.compact(store, datetime(2026, 11, 24, tzinfo=UTC))
    same(seen(store), before)
    spans = {table: [] for table in ("runs", "requests")}
    for part in store.view().manifest.parts:
        spans.get(part.table, []).append(part.nights)
    assert sorted(spans["runs"]) == [nights[:2], nights[2:3], nights[3:4], nights[4:5], nights[5:]]
    assert sorted(spans["requests"]) == [(night,) for night in nights]


def test_the_same_trial_again_changes_nothing_once_its_folder_is_gone(tmp_path, later):
    store = three(tmp_path)
    store.compact()
    later(DAY_S + 60)
    store.collect()
    folder = tmp_path / "finished" / "a"
    assert not Store(store.url).ingest(folder).taken
    text = (folder / "result.json").read_text()
    (folder / "result.json").write_text(text.replace('"duration_ns": 3000000000', '"duration_ns": 2000000000'))
    with pytest.raises(UserError, match="trial a is stored with other content"):
        store.ingest(folder)
    assert not list(store.local.glob("night=*"))


def test_a_trial_comes_back_as_it_was(tmp_path, later):
    store = three(tmp_path)
    store.compact()
    later(DAY_S + 60)
    store.collect()
    store.fetch("a", tmp_path / "again")
    folder = tmp_path / "finished" / "a"
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(
        path.name for path in folder.iterdir()
    )
    for path in folder.iterdir():
        if path.suffix == ".parquet":
            assert pq.read_table(tmp_path / "again" / path.name).equals(pq.read_table(path)), path.name
        else:
            assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    other = Store(tmp_path / "other")
    assert other.ingest(tmp_path / "again").taken
    assert other.result("a") == store.result("a")


def test_what_is_due_is_told_from_parts_as_from_folders(tmp_path):
    store = three(tmp_path)
    job_id, since = store.result("a").job_id, datetime(2026, 11, 1, tzinfo=UTC)
    before = store.done(job_id, since)
    assert before == {RunKey(point=0, repeat=0), RunKey(point=1, repeat=1)}
    store.compact()
    assert store.done(job_id, since) == before


def test_of_two_compactors_one_is_first_and_the_other_leaves_nothing(tmp_path):
    store = three(tmp_path)
    view = store.view()
    work = compact.Work(view, tmp_path, "2026-11")
    work.take_in()
    store.compact()
    assert work.commit() is None
    named = {part.path for part in store.view().manifest.parts}
    assert {str(path.relative_to(store.local)) for path in store.local.glob("parts/*/*")} == named


def test_earlier_manifests_and_parts_go_when_a_day_old(tmp_path, later):
    store = three(tmp_path)
    store.compact()
    store.ingest(finished(tmp_path / "d", a_trial("d", [a_run(0)])))
    first = {part.path for part in store.view().manifest.parts}
    store.compact()
    second = {part.path for part in store.view().manifest.parts}
    assert store.collect() == ()
    later(DAY_S + 60)
    removed = set(store.collect())
    assert removed >= (first - second) | {"manifests/00000001.json"}
    assert not removed & second
    assert [path.name for path in store.local.glob("manifests/*")] == ["00000002.json"]


def test_a_part_of_before_a_column_is_read_in_full_and_made_anew(tmp_path, monkeypatch):
    store = three(tmp_path)
    derived = rows.derived

    def older(table, results):
        found = derived(table, results)
        (made,) = found.tables()
        made = made.drop_columns([name for name in ("series", "recipe", TPS) if name in made.column_names])
        return rows.Rows(schema=made.schema, tables=lambda: iter([made]))

    before = seen(store)
    monkeypatch.setattr(rows, "derived", older)
    store.compact()
    monkeypatch.undo()
    same(seen(store), before)
    assert store.compact().parts > 0
    assert all("series" in pq.read_schema(path).names for path in store.local.glob("parts/runs/*")) is False
    named = [store.local / part.path for part in store.view().manifest.parts if part.table == "runs"]
    assert all("series" in pq.read_schema(path).names for path in named)
    same(seen(store), before)


def test_a_manifest_of_an_unknown_version_is_refused(tmp_path):
    store = three(tmp_path)
    store.compact()
    path = store.local / "manifests" / "00000001.json"
    path.with_name("00000002.json").write_text(path.read_text().replace("manifest/1", "manifest/2"))
    with pytest.raises(UserError, match=r"00000002\.json: is of version `enginebench\.manifest/2`.*newer enginebench"):
        Store(store.url).runs()


def readme_blocks() -> list[str]:
    """The README's programs that read a store."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    return [block for block in blocks if "manifests" in block]


def value_of(program: str) -> Any:
    """What a program's last expression gives."""
    *body, last = ast.parse(program).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(ast.Module(body, []), "README.md", "exec"), names)
    return eval(compile(ast.Expression(last.value), "README.md", "eval"), names)


def test_the_readme_s_programs_read_a_store_without_us(tmp_path, monkeypatch):
    made = three(tmp_path)
    made.local.rename(tmp_path / "results")
    store = Store(tmp_path / "results")
    store.compact()
    monkeypatch.chdir(tmp_path)
    with_duckdb, with_pandas = map(value_of, readme_blocks())
    for frame in (with_duckdb.df(), with_pandas):
        assert sorted(frame["run"]) == sorted(store.runs()["run"])
        assert frame[TPS].dropna().tolist() == [12.5]


def test_duckdb_and_polars_read_the_rows_of_requests(tmp_path):
    store = three(tmp_path)
    store.compact()
    parts = [str(store.local / part.path) for part in store.view().manifest.parts if part.table == "requests"]
    counted = duckdb.sql(f"select trial, count(*) from read_parquet({parts}) group by 1 order by 1").fetchall()
    assert counted == [("a", 4), ("c", 2)]
    assert pl.read_parquet(parts)["trial"].to_list() == ["a"] * 4 + ["c"] * 2


def test_a_gate_s_outcomes_are_compacted_too(tmp_path):
    store = three(tmp_path)
    folder = finished(tmp_path / "g", a_trial("g", [a_run(0)]))
    outcome = ItemOutcome(when="before", item=0, family="sums", right=True, answer="4", error=None)
    write_quality([outcome], folder / "quality.parquet")
    store.ingest(folder)
    before = seen(store)
    store.compact()
    same(seen(store), before)
    assert store.quality("g")["answer"].tolist() == ["4"]
    assert store.quality("a").empty
