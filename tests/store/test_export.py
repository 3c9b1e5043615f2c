"""Exports: each format read back equals the table, nulls and lists included."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.store import Store, export
from enginebench.store.frames import COLUMNS
from stored import CLOSED, OPEN, a_job, a_run, a_store, a_trial

TPS = "output_tps_per_accelerator"
PRECISE = 123.45678901234567


@pytest.fixture
def runs(tmp_path):
    """Two runs with a 0, nulls, a closed and an open loop, marks and none."""
    marked = a_run(1, point=1, marks=("neighbour", "short_output"), goodput_rps=0.0)
    trial = a_trial("t", [a_run(0, **{TPS: PRECISE}), marked], job=a_job(loads=(CLOSED, OPEN)))
    return a_store(tmp_path, trial).runs()


def test_csv(runs, tmp_path):
    export(runs, tmp_path / "runs.csv")
    found = pd.read_csv(tmp_path / "runs.csv")
    assert list(found) == list(runs) == [*COLUMNS, *METRICS]
    assert list(found[TPS]) == pytest.approx([PRECISE, float("nan")], nan_ok=True, rel=1e-15)
    assert list(found["goodput_rps"].isna()) == [True, False]
    assert found["goodput_rps"][1] == 0
    assert list(found["marks"].fillna("")) == ["", "neighbour;short_output"]
    assert list(found["duration_ns"]) == [3_000_000_000] * 2
    assert list(found["concurrency"].isna()) == [False, True]
    assert found["engine_version"].astype(str)[0] == "1.0"


def test_parquet(runs, tmp_path):
    export(runs, tmp_path / "runs.parquet")
    found = pd.read_parquet(tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(found.drop(columns="marks"), runs.drop(columns="marks"))
    assert [list(marks) for marks in found["marks"]] == list(runs["marks"])


def test_json(runs, tmp_path):
    export(runs, tmp_path / "runs.json")
    document = json.loads((tmp_path / "runs.json").read_text(), parse_constant=pytest.fail)
    assert document["format"] == "enginebench.export/1"
    assert document["columns"] == list(runs)
    closed, opened = document["rows"]
    assert list(closed) == list(opened) == list(runs)
    assert closed[TPS] == pytest.approx(PRECISE, rel=1e-14)
    assert (closed["goodput_rps"], opened["goodput_rps"]) == (None, 0)
    assert (closed["concurrency"], closed["rate_rps"]) == (8, None)
    assert (opened["concurrency"], opened["rate_rps"]) == (None, 0.5)
    assert (closed["marks"], opened["marks"]) == ([], ["neighbour", "short_output"])
    assert closed["started_utc"] == "2026-11-24T02:00:00.000Z"
    assert closed["duration_ns"] == 3_000_000_000


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_an_empty_table_has_its_columns(tmp_path, kind):
    path = tmp_path / f"runs.{kind}"
    export(Store(tmp_path / "none").runs(), path)
    if kind == "json":
        document = json.loads(path.read_text())
        assert document["rows"] == []
        assert document["columns"] == [*COLUMNS, *METRICS]
    else:
        found = pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
        assert found.empty
        assert list(found) == [*COLUMNS, *METRICS]


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_the_table_is_not_changed(runs, tmp_path, kind):
    kept = runs.copy(deep=True)
    export(runs, tmp_path / f"runs.{kind}")
    pd.testing.assert_frame_equal(runs, kept)


@pytest.mark.parametrize("name", ["runs.xlsx", "runs"])
def test_another_format_is_refused_with_those_there_are(runs, tmp_path, name):
    with pytest.raises(UserError, match=r"no format .*; end the name with one of \.csv, \.parquet, \.json"):
        export(runs, tmp_path / name)
    assert not (tmp_path / name).exists()
