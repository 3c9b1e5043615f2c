"""Cost, interpolation and sizing on InferenceX's published figures, where ../shared has them: nothing of it is ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enginebench import config, importers
from enginebench.analysis.economics import FIGURES, economics
from enginebench.analysis.interpolation import at_target
from enginebench.analysis.sizing import Demand, size
from enginebench.records import Limit, Objective

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "inferencex" / "benchmarks.jsonl"
pytestmark = pytest.mark.skipif(not REAL.exists(), reason="no ../shared/data/inferencex here")
X, Y = "interactivity_p50_tps", "output_tps_per_accelerator_whole_run"
MS = 1_000_000


@pytest.fixture(scope="module")
def points():
    """Benchmarks of one server as a table like ours; latencies and interactivity by its own definitions."""
    rows = []
    for one in importers.points("inferencex", REAL):
        said, devices = one.said, int(one.said["decode_tp"])
        if one.kind != "benchmark" or said["disagg"] or Y not in {same.metric for same in one.same_as.values()}:
            continue
        row = {
            "night": one.date,
            "part": said["hardware"],
            "model": one.model,
            "engine": one.engine,
            "devices": devices,
        }
        row |= {same.metric: one.figures[name] * same.factor for name, same in one.same_as.items()}
        row |= {"isl_tokens": said["isl"], "osl_tokens": said["osl"], "concurrency": one.concurrency}
        row |= {"load": f"c{one.concurrency:g}", "load_kind": "closed", X: one.figures["median_intvty"]}
        for metric in ("ttft", "tpot"):
            row |= {f"{metric}_p99_ns": one.figures[f"p99_{metric}"] * 1e9}
        row |= {"requests_rps_whole_run": row[Y] * devices / said["osl"], "workload": f"{said['isl']}-{said['osl']}"}
        left = ("precision", "spec_method", "decode_tp", "decode_ep", "decode_dp_attention", "image", "isl", "osl")
        key = [said["hardware"], one.engine, one.date, *(said[name] for name in left)]
        row |= {"curve": json.dumps(key), "marks": [], "failed_quality": False, "invalid": False, "reproduces": None}
        rows.append(row)
    assert len(rows) > 50
    return pd.DataFrame(rows)


def test_cost_is_what_the_formula_says_by_other_code(points):
    rates = config.rates()
    table = economics(points, rates, whole_run=True, price_class="rental", on="2026-11-24")
    rental = {part.partition("-")[0]: rows[-1].usd_per_hour["rental"] for part, rows in rates.rows.items()}
    kw = {part.partition("-")[0]: rows[-1].all_in_kw for part, rows in rates.rows.items()}
    assert table["part"].notna().all()
    for row, own in zip(table.to_dict("records"), points.to_dict("records"), strict=True):
        tokens_an_hour = own["total_tps_per_accelerator_whole_run"] * 3600
        assert row["total_usd_per_mtok"] == pytest.approx(rental[own["part"]] / (tokens_an_hour / 1e6))
        assert row["output_provisioned_j_per_token"] == pytest.approx(kw[own["part"]] * 1e3 / own[Y])
        assert all(np.isnan(row[name]) for name in FIGURES if "measured" in name)


def test_a_night_before_all_rates_of_its_part_has_no_cost(points):
    table = economics(points, config.rates(), whole_run=True)
    assert 0 < table["total_usd_per_mtok"].isna().sum() < len(table)
    for row, night in zip(table.to_dict("records"), points["night"], strict=True):
        assert (row["rate_since"] or "9999") <= night or np.isnan(row["total_usd_per_mtok"])
        assert np.isnan(row["total_usd_per_mtok"]) == ("total_usd_per_mtok" in row["absent"])


def test_between_points_lies_between_them_and_cost_with_it(points):
    target = 50.0
    table = at_target(points, X, [Y], target)
    inside = table[table[Y].notna()]
    assert len(inside) > 5
    for row in inside.to_dict("records"):
        around = points.loc[row["between"]]
        assert around[X].min() <= target <= around[X].max()
        assert around[Y].min() <= row[Y] <= around[Y].max()
    for row in table[table[Y].isna()].to_dict("records"):
        curve = points[points["curve"] == row["curve"]]
        assert target < curve[X].min() or target > curve[X].max()
    costs = economics(inside, config.rates(), whole_run=True, on="2026-11-24")
    assert costs["output_usd_per_mtok"].notna().all()


def test_sizing_rests_on_loads_that_keep_the_limits(points):
    limits = (Limit(metric="ttft", at_most_ns=5000 * MS), Limit(metric="tpot", at_most_ns=30 * MS))
    objective = Objective(name="ours", limits=limits)
    demand = Demand(model="dsr1", objective=objective, isl_tokens=1024, osl_tokens=1024, rate_rps=100.0)
    table = size(points, demand, config.rates(), whole_run=True, on="2026-11-24")
    met = table[table["meets"]]
    assert len(met) > 3
    assert met["usd_per_month"].is_monotonic_increasing
    for row in met.to_dict("records"):
        first = points.loc[row["rests_on"][0]]
        assert first["ttft_p99_ns"] <= 5000 * MS
        assert first["tpot_p99_ns"] <= 30 * MS
        assert row["deployment_rps"] >= first["requests_rps_whole_run"] * (1 - 1e-9)
        assert row["replicas"] * row["deployment_rps"] * 0.8 >= 100 * (1 - 1e-6)
    for row in table[~table["meets"]].to_dict("records"):
        assert row["limited_by"] == "no load meets it"
        assert "times the limit" in row["limit_words"]
