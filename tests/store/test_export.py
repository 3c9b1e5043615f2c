"""Exports: each format read back equals the table, nulls and lists included."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pyarrow import feather

from enginebench.errors import UserError
from enginebench.metrics import METRICS
from enginebench.store import Store, export
from enginebench.store.columns import COLUMNS, OVERLAID
from enginebench.store.export import units
from enginebench.store.openmetrics import FIGURES
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
    assert list(found) == list(runs) == [*COLUMNS, *OVERLAID, *METRICS]
    assert list(found[TPS]) == pytest.approx([PRECISE, float("nan")], nan_ok=True, rel=1e-15)
    assert list(found["goodput_rps"].isna()) == [True, False]
    assert found["goodput_rps"][1] == 0
    assert list(found["marks"].fillna("")) == ["", "neighbour;short_output"]
    assert list(found["duration_ns"]) == [3_000_000_000] * 2
    assert list(found["concurrency"].isna()) == [False, True]
    assert found["engine_version"].astype(str)[0] == "1.0"


def test_parquet(runs, tmp_path):
    export(runs, tmp_path / "runs.parquet")
    same_table(pd.read_parquet(tmp_path / "runs.parquet"), runs)


def test_arrow(runs, tmp_path):
    export(runs, tmp_path / "runs.arrow")
    same_table(pd.read_feather(tmp_path / "runs.arrow"), runs)
    with pa.OSFile(str(tmp_path / "runs.arrow")) as file:
        assert pa.ipc.open_file(file).read_all().num_rows == 2


def same_table(found, runs):
    # These are null in every run: pandas took their type from what they hold, the file has the declared one.
    runs = runs.astype(dict.fromkeys(("lock_hash", "harness_commit", "driver", "reproduces"), "str"))
    pd.testing.assert_frame_equal(found.drop(columns="marks"), runs.drop(columns="marks"))
    assert [list(marks) for marks in found["marks"]] == list(runs["marks"])


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_units_and_meanings_are_in_the_metadata_of_arrows_fields(runs, tmp_path, kind):
    schema = written(runs, tmp_path / f"runs.{kind}").schema
    assert schema.field("duration_ns").metadata == {b"unit": b"ns", b"meaning": b"first send to last end, ns"}
    assert schema.field(TPS).metadata == {b"unit": b"tok/s/accelerator", b"meaning": b"Output throughput"}
    assert schema.field("success_share").metadata[b"unit"] == b"1"
    assert schema.field("engine").metadata == {b"meaning": b"engine configuration"}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_types_do_not_depend_on_what_is_in_the_table(runs, tmp_path, kind):
    none = written(Store(tmp_path / "none").runs(), tmp_path / f"none.{kind}").schema
    assert written(runs, tmp_path / f"runs.{kind}").schema.equals(none)
    assert none.field("marks").type.value_type == pa.string()
    assert none.field("lock_hash").type == pa.string()
    assert none.field("started_utc").type == pa.timestamp("us", "UTC")
    assert none.field("quality_passed").type == pa.bool_()
    assert none.field("concurrency").type == pa.int64()


def written(frame, path):
    export(frame, path)
    return pq.read_table(path) if path.suffix == ".parquet" else feather.read_table(path)


def test_openmetrics(runs, tmp_path):
    export(runs, tmp_path / "runs.prom")
    families = {one.name: one for one in text_string_to_metric_families((tmp_path / "runs.prom").read_text())}
    assert {one.type for one in families.values()} == {"gauge"}
    (closed,) = families[f"enginebench_{TPS}"].samples
    assert closed.value == PRECISE
    assert float(closed.timestamp) == runs["started_utc"][0].timestamp() == 1795485600.0
    assert {key: closed.labels[key] for key in ("run", "engine", "engine_version", "load", "repeat", "marks")} == {
        "run": "t.0.0",
        "engine": "scripted",
        "engine_version": "1.0",
        "load": "c8",
        "repeat": "0",
        "marks": "",
    }
    (opened,) = families["enginebench_goodput_rps"].samples
    assert (opened.value, opened.labels["load"], opened.labels["marks"]) == (0, "r0.5", "neighbour;short_output")
    assert [one.value for one in families["enginebench_duration_ns"].samples] == [3e9, 3e9]
    assert families["enginebench_duration_ns"].unit == "ns"
    assert families["enginebench_duration_ns"].documentation == "first send to last end, ns"
    assert "enginebench_ttft_p99_ns" not in families, "a null is no sample"


def test_openmetrics_escapes_what_a_label_may_hold(runs, tmp_path):
    host = 'a "host"\\with\na line'
    export(runs.assign(host=host), tmp_path / "runs.prom")
    families = list(text_string_to_metric_families((tmp_path / "runs.prom").read_text()))
    assert {sample.labels["host"] for one in families for sample in one.samples} == {host}


def test_every_metric_has_a_unit_as_it_is_stored():
    found = units([*METRICS, *COLUMNS])
    assert set(METRICS) < set(found)
    assert {
        "ttft_p99_all_ns": "ns",
        "success_share": "1",
        "energy_j_per_output_token": "J/token",
    }.items() <= found.items()
    assert found["goodput_rps"] == found["rate_rps"] == "1/s"
    assert not {"engine", "repeat", "marks", "started_utc"} & set(found)


def test_every_figure_of_the_table_is_a_gauge_or_says_what_was_measured(runs):
    figures = {name for name, kind in runs.dtypes.astype(str).items() if kind in ("float64", "Int64", "int64")}
    asked = {"rate_rps", "concurrency", "isl_tokens", "osl_tokens", "devices", "start", "block", "repeat", "position"}
    assert figures - asked == set(FIGURES)


def test_json(runs, tmp_path):
    export(runs, tmp_path / "runs.json")
    document = json.loads((tmp_path / "runs.json").read_text(), parse_constant=pytest.fail)
    assert document["format"] == "enginebench.export/1"
    assert document["columns"] == list(runs)
    assert document["units"] == units(runs)
    assert document["units"]["duration_ns"] == "ns"
    closed, opened = document["rows"]
    assert list(closed) == list(opened) == list(runs)
    assert closed[TPS] == pytest.approx(PRECISE, rel=1e-14)
    assert (closed["goodput_rps"], opened["goodput_rps"]) == (None, 0)
    assert (closed["concurrency"], closed["rate_rps"]) == (8, None)
    assert (opened["concurrency"], opened["rate_rps"]) == (None, 0.5)
    assert (closed["marks"], opened["marks"]) == ([], ["neighbour", "short_output"])
    assert closed["started_utc"] == "2026-11-24T02:00:00.000Z"
    assert closed["duration_ns"] == 3_000_000_000


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "json"])
def test_an_empty_table_has_its_columns(tmp_path, kind):
    path = tmp_path / f"runs.{kind}"
    export(Store(tmp_path / "none").runs(), path)
    if kind == "json":
        document = json.loads(path.read_text())
        assert document["rows"] == []
        assert document["columns"] == [*COLUMNS, *OVERLAID, *METRICS]
    else:
        readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "arrow": pd.read_feather}
        found = readers[kind](path)
        assert found.empty
        assert list(found) == [*COLUMNS, *OVERLAID, *METRICS]


def test_openmetrics_of_an_empty_table_ends_as_it_has_to(tmp_path):
    export(Store(tmp_path / "none").runs(), tmp_path / "runs.prom")
    text = (tmp_path / "runs.prom").read_text()
    assert list(text_string_to_metric_families(text)) == []
    assert text == "# EOF\n"


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "json", "prom"])
def test_the_table_is_not_changed(runs, tmp_path, kind):
    kept = runs.copy(deep=True)
    export(runs, tmp_path / f"runs.{kind}")
    pd.testing.assert_frame_equal(runs, kept)


@pytest.mark.parametrize("name", ["runs.xlsx", "runs"])
def test_another_format_is_refused_with_those_there_are(runs, tmp_path, name):
    with pytest.raises(UserError, match="no format") as refusal:
        export(runs, tmp_path / name)
    assert str(refusal.value).endswith("; end the name with one of .csv, .parquet, .arrow, .json, .prom")
    assert not (tmp_path / name).exists()
