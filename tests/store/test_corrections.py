"""Corrections: a run that counts no more is in no figure, is told with its reason, is due again, and can come back."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import s3fs

import s3_server
import sites
from enginebench import environment
from enginebench.analysis.points import eligible, summarise_points
from enginebench.errors import UserError
from enginebench.records import Invalidation, PointStop, RunKey, Stop, Until
from enginebench.records.files import from_json
from enginebench.site import build
from enginebench.store import Store, export, export_as
from enginebench.store.place import Place
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial, finished

TPS = "output_tps_per_accelerator"
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
WHY = "the fan had failed (Ada)"


def tps(repeat: int, value: float, **more):
    return a_run(repeat, **{TPS: value}, **more)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two trials of one point, the second with a run far off; and a point of another load."""
    job = a_job(loads=(CLOSED, OPEN))
    return a_store(
        tmp_path,
        a_trial("a", [tps(0, 10.0), tps(1, 10.0), tps(0, 5.0, point=1)], job=job),
        a_trial("b", [tps(0, 10.0), tps(1, 90.0)], job=replace(job, start=1)),
    )


def invalidate(store: Store, what: str) -> str:
    return store.invalidate(what, reason="the fan had  failed\n", author=" Ada ").id


def point(store: Store, load: str = "c8") -> dict[str, object]:
    (row,) = [row for row in summarise_points(store.runs()).to_dict("records") if row["load"] == load]
    return row


@pytest.mark.parametrize("compacted", [False, True])
def test_an_invalid_run_is_in_no_figure_and_says_why_until_it_is_withdrawn(store, compacted):
    if compacted:
        store.compact()
    runs = store.runs()
    made = invalidate(store, "b.0.1")
    other = Store(store.url)
    assert dict(zip(other.runs()["run"], other.runs()["invalid"], strict=True))["b.0.1"] == WHY
    assert (other.runs()["invalid"] == "").sum() == len(runs) - 1
    row = point(other)
    assert (row[TPS], row["repeats"], row["left_out"], row["starts"]) == (pytest.approx(10), 3, 1, 2)
    assert (row["invalid"], row["invalid_reasons"]) == (False, [WHY])
    assert len(eligible(summarise_points(other.runs()))) == 2
    store.withdraw(made, reason="it was another fan", author="Ben")
    pd.testing.assert_frame_equal(other.runs(), runs)


def test_a_point_with_nothing_else_has_no_figure_and_stands_in_no_verdict(store):
    invalidate(store, "a")
    row = point(store, "r0.5")
    assert (row["invalid"], row["invalid_reasons"], row["repeats"], row["left_out"]) == (True, [WHY], 0, 1)
    assert (row[f"{TPS}_n"], row["marked"], row["trials"]) == (0, False, ["a"])
    assert pd.isna(row[TPS])
    assert list(eligible(summarise_points(store.runs()))["load"]) == ["c8"]
    assert point(store)["starts"] == 1
    assert list(store.runs(trial="a", columns=["invalid"])["invalid"]) == [WHY] * 3


def test_a_trial_that_counts_no_more_fails_no_quality_gate_of_its_point(store, tmp_path):
    bad = a_trial("c", [tps(0, 3.0, marks=("failed_quality",))], job=a_job(loads=(CLOSED, OPEN), start=2))
    store.ingest(finished(tmp_path / "c", bad))
    assert point(store)["failed_quality"]
    invalidate(store, "c")
    assert not point(store)["failed_quality"]


def test_corrections_make_no_part_look_old(store):
    store.compact()
    invalidate(store, "a")
    assert store.compact().parts == 0
    store.runs()
    manifest = store.view().manifest
    (path,) = [part.path for part in manifest.parts if part.table == "runs"]
    assert "invalid" not in pd.read_parquet(store.local / path).columns


@pytest.mark.parametrize("compacted", [False, True])
def test_what_counts_no_more_is_due_again(store, compacted):
    if compacted:
        store.compact()
    job_id = store.result("a").job_id
    first, second, third = (RunKey(point=0, repeat=0), RunKey(point=0, repeat=1), RunKey(point=1, repeat=0))
    assert store.done(job_id, SINCE) == {first, second, third}
    made = invalidate(store, "a.0.1")
    assert store.done(job_id, SINCE) == {first, third}
    whole = invalidate(store, "a")
    assert store.done(job_id, SINCE) == set()
    for one in (made, whole):
        store.withdraw(one, reason="no", author="Ada")
    assert store.done(job_id, SINCE) == {first, second, third}


def test_a_point_that_ended_on_a_run_that_counts_no_more_has_not_ended(tmp_path):
    until = Until(figure=TPS, within=0.02, at_least=2, at_most=9, seconds=None)
    stop = Stop(why="known", figure=TPS, within=0.02, half_width=0.0, repeats=2, spent_s=1.0)
    trial = replace(a_trial("t", [tps(0, 1.0), tps(1, 1.0)]), stops=(PointStop(point=0, stop=stop),))
    store = a_store(tmp_path, trial)
    job_id = trial.job_id
    assert len(store.done(job_id, SINCE, until)) == 9
    invalidate(store, "t.0.0")
    assert store.done(job_id, SINCE, until) == {RunKey(point=0, repeat=1)}


def test_the_record_is_a_file_that_is_never_changed(store):
    made = invalidate(store, "a.0.0")
    path = store.local / "invalidations" / f"{made}.json"
    read = from_json(Invalidation, path.read_bytes(), "")
    assert (read.what, read.reason, read.author, read.id) == ("a.0.0", "the fan had failed", "Ada", made)
    before = path.read_bytes()
    store.withdraw(made, reason="no", author="Ben")
    assert path.read_bytes() == before
    (one,) = Store(store.url).corrections()
    assert (one.invalidation, one.withdrawal.reason, one.withdrawal.author) == (read, "no", "Ben")


def test_what_is_unknown_or_says_nothing_is_refused_in_one_sentence(store):
    for what in ("c", "a.0.7", "a.0", "", "../a"):
        with pytest.raises(UserError, match=r"no trial or run `.*`; see `enginebench results list`"):
            invalidate(store, what)
    with pytest.raises(UserError, match="no invalidation `x`; see"):
        store.withdraw("x", reason="no", author="Ada")
    for words in ({"reason": " ", "author": "Ada"}, {"reason": "r", "author": ""}):
        with pytest.raises(UserError, match=r"--(reason|author) ` ?`: says nothing; write it in words"):
            store.invalidate("a", **words)
    made = invalidate(store, "a")
    store.withdraw(made, reason="no", author="Ada")
    for one in (store, Store(store.url)):
        with pytest.raises(UserError, match=f"the invalidation {made} is withdrawn already; invalidate the trial"):
            one.withdraw(made, reason="no", author="Ada")


def test_a_record_of_an_unknown_version_is_refused(store):
    made = invalidate(store, "a")
    path = store.local / "invalidations" / f"{made}.json"
    path.write_text(path.read_text().replace("invalidation/1", "invalidation/2"))
    with pytest.raises(UserError, match=r"is of version `enginebench\.invalidation/2`"):
        Store(store.url).runs()


def test_several_reasons_stand_side_by_side_and_each_is_withdrawn_by_itself(store):
    first = invalidate(store, "b")
    second = store.invalidate("b.0.1", reason="[red]slow[/red]", author="Ben").id
    invalid = dict(zip(store.runs()["run"], store.runs()["invalid"], strict=True))
    assert (invalid["b.0.0"], invalid["b.0.1"]) == (WHY, f"{WHY}; [red]slow[/red] (Ben)")
    store.withdraw(first, reason="no", author="Ada")
    assert set(store.runs(trial="b")["invalid"]) == {"", "[red]slow[/red] (Ben)"}
    store.withdraw(second, reason="no", author="Ada")
    assert set(store.runs()["invalid"]) == {""}


def test_exports_say_it(store, tmp_path):
    invalidate(store, "a.0.0")
    for kind in ("csv", "parquet", "json", "prom"):
        export(store.runs(), tmp_path / f"runs.{kind}")
    assert pd.read_csv(tmp_path / "runs.csv")["invalid"].fillna("").tolist().count(WHY) == 1
    assert pd.read_parquet(tmp_path / "runs.parquet")["invalid"].tolist().count(WHY) == 1
    assert [row["invalid"] for row in json.loads((tmp_path / "runs.json").read_text())["rows"]].count(WHY) == 1
    assert f'invalid="{WHY}"' in (tmp_path / "runs.prom").read_text()
    export_as("vllm_bench", store, store.runs(), tmp_path / "runs.jsonl")
    lines = [json.loads(line)["enginebench"] for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert {one["run"]: one["invalid"] for one in lines if one["invalid"]} == {"a.0.0": WHY}


def test_the_dashboard_s_data_say_it(store, tmp_path):
    invalidate(store, "a")
    site = build(store, tmp_path / "site").parent
    points = {one["load"]: one for one in sites.points(site)}
    assert (points["r0.5"]["invalid"], points["r0.5"]["invalid_reasons"]) == (True, [WHY])
    assert points["r0.5"]["values"][TPS] == [None, None, None, 0]
    assert points["c8"]["invalid"] is False
    told = {
        one["trial"]: (one["invalid"], {run["invalid"] for run in one["runs"]}) for one in sites.trials(site).values()
    }
    assert told == {"a": ([WHY], {WHY}), "b": ([], {""})}


def test_terminal_tables_and_commands_say_it(store, tmp_path):
    def command(*words):
        argv = [sys.executable, "-m", "enginebench", "results", *words, "--store", str(store.url)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=tmp_path)

    done = command("invalidate", "a", "--reason", "the fan [had] failed", "--author", "Ada")
    assert (done.returncode, done.stderr) == (0, "")
    made = done.stdout.split("results withdraw ")[1].split("`")[0]
    listed = " ".join(command("list").stdout.split())
    assert f"invalidation {made} of a, " in listed
    assert ": the fan [had] failed (Ada)" in listed
    points = command("points").stdout
    assert "  invalid, all runs of short r0.5, scripted 1.0: the fan [had] failed (Ada)" in points
    assert "  invalid, short c8, scripted 1.0: the fan [had] failed (Ada)" in points
    assert command("withdraw", made, "--reason", "it was another fan").returncode == 0
    assert command("withdraw", made, "--reason", "again").returncode == 2
    assert "withdrawn" in command("list").stdout
    assert "invalid" not in command("points").stdout


def test_duckdb_reads_them_as_the_page_says(store, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "results.md"
    query = page.read_text(encoding="utf-8").split("```sql\n")[1].split("```")[0]
    monkeypatch.chdir(store.local.parent)
    query = query.replace("'results/", f"'{store.local.name}/")
    made = invalidate(store, "a")
    store.invalidate("b.0.1", reason="slow", author="Ben")
    assert sorted(duckdb.sql(query).fetchall()) == [("a", "the fan had failed", "Ada"), ("b.0.1", "slow", "Ben")]
    store.withdraw(made, reason="no", author="Ada")
    assert duckdb.sql(query).fetchall() == [("b.0.1", "slow", "Ben")]


def test_the_author_is_never_empty(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(environment.platform, "node", lambda: "lab")
    (tmp_path / ".gitconfig").write_text("[user]\nname = Ada Lovelace\n")
    assert environment.person() == "Ada Lovelace"
    (tmp_path / ".gitconfig").write_text("[user]\nname = \n")
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert environment.person() == "ada@lab"

    def nobody():
        raise OSError("no name")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert environment.person().endswith("@lab")
    assert len(environment.person()) > len("@lab")


TOGETHER = """
import sys, time
from pathlib import Path
from enginebench.errors import UserError
from enginebench.store import Store

root, ready, go, made = sys.argv[1:]
store = Store(root)
store.corrections()
Path(ready).touch()
while not Path(go).exists():
    time.sleep(0.001)
for number in range(20):
    store.invalidate("a", reason=f"{ready} {number}", author="Ada")
try:
    store.withdraw(made, reason=ready, author="Ada")
    print("withdrawn")
except UserError:
    print("refused")
"""


def test_many_writers_lose_nothing_and_one_of_them_withdraws(store, tmp_path):
    made = invalidate(store, "b")
    go = tmp_path / "go"
    writers = []
    for number in range(4):
        argv = [sys.executable, "-c", TOGETHER, store.url, str(tmp_path / f"ready{number}"), str(go), made]
        writers.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
    while len(list(tmp_path.glob("ready*"))) < 4:
        assert all(one.poll() is None for one in writers)
    go.touch()
    said = sorted(one.communicate(timeout=60)[0].strip() for one in writers)
    assert said == ["refused"] * 3 + ["withdrawn"]
    assert len(store.corrections()) == 81
    assert len({one.invalidation.reason for one in store.corrections()}) == 81


def test_a_writer_knows_its_own_record_again_whose_answer_was_lost(store, monkeypatch):
    def lost(self, name, content):
        create(self, name, content)
        return False

    create = Place.create
    monkeypatch.setattr(Place, "create", lost)
    made = invalidate(store, "a")
    store.withdraw(made, reason="no", author="Ada")
    (one,) = Store(store.url).corrections()
    assert one.withdrawal is not None
    with pytest.raises(UserError, match="withdrawn already"):
        Store(store.url).withdraw(made, reason="no", author="Ada")


def test_on_an_object_store_too(tmp_path, monkeypatch):
    with s3_server.serving() as client:
        for name, value in client.items():
            monkeypatch.setenv(name, value)
        # One made for another test's server would be taken again.
        s3fs.S3FileSystem.clear_instance_cache()
        store = Store("s3://bench/corrected")
        store.ingest(finished(tmp_path / "t", a_trial("t", [tps(0, 1.0), tps(1, 2.0)])))
        made = invalidate(store, "t.0.0")
        store.compact()
        assert list(Store(store.url).runs()["invalid"]) == [WHY, ""]
        store.withdraw(made, reason="no", author="Ada")
        assert list(Store(store.url).runs()["invalid"]) == ["", ""]
        with pytest.raises(UserError, match="withdrawn already"):
            Store(store.url).withdraw(made, reason="no", author="Ada")
