"""Writers and a compactor that are killed again and again: nothing acknowledged is lost, nothing torn, nothing twice.

The benchmark of the same name, small: `benchmarks/results_store_writers.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import results_store_formats as formats
import results_store_worker as worker
import results_store_writers
from results_store_writers import Plan

import s3_server

SMALL = {"kind": "enginebench", "writers": 4, "commits": 5, "rows": 50, "kills": 4}
NOTHING = {"lost": [], "torn": [], "twice": [], "unacknowledged": 0, "runs_missing": []}


def nothing_is_amiss(plan: Plan, work: Path) -> None:
    work.mkdir()
    done = results_store_writers.fire(plan, work)
    trials = plan.writers * plan.commits
    assert len(done.commit_ms) == trials
    assert (done.kills, done.kills_of_tender) == (4, 1)
    assert done.before == done.after == {"trials": trials, **NOTHING}
    assert done.tend_failures == done.read_failures == []
    assert done.reads_wrong == 0
    assert done.longest_s < plan.age_s, "the collector's grace was too short to prove anything"


def test_on_a_folder(tmp_path):
    nothing_is_amiss(Plan(place=str(tmp_path / "store"), age_s=10, **SMALL), tmp_path / "work")


def test_on_an_object_store_that_fails_now_and_then(tmp_path):
    with s3_server.serving(share=0.01) as environment:
        plan = Plan(place="s3://bench/store", age_s=60, environment=environment, **SMALL | {"writers": 3, "commits": 4})
        nothing_is_amiss(plan, tmp_path / "work")


@pytest.mark.parametrize("amiss", ["lost", "torn", "twice"])
def test_the_check_sees_what_is_amiss(tmp_path, amiss):
    """A trial less, another one's rows, a part named twice."""
    plan = Plan(place=str(tmp_path / "store"), **SMALL | {"writers": 1, "commits": 3})
    results_store_writers.trials(tmp_path, plan)
    (tmp_path / "go").touch()
    store = formats.Ours(plan.place)
    worker.write(store, tmp_path, "0")
    whole = worker.check(formats.Ours(plan.place), tmp_path)
    assert (whole["trials"], whole["lost"], whole["torn"], whole["twice"]) == (3, [], [], [])
    (first,), (other,) = (store.store.local.glob(f"night=*/trial=w0-00{place}") for place in (0, 2))
    if amiss == "lost":
        (first / "result.json").unlink()
    elif amiss == "torn":
        (first / "requests.parquet").write_bytes((other / "requests.parquet").read_bytes())
    else:
        store.store.compact()
        (path,) = store.store.local.glob("manifests/*.json")
        told = json.loads(path.read_text())
        path.write_text(json.dumps(told | {"parts": [part for part in told["parts"] for _ in range(2)]}))
    found = worker.check(formats.Ours(plan.place), tmp_path)
    assert "w0-000" in found[amiss]
    assert found["lost" if amiss != "lost" else "twice"] == []
