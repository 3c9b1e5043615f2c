"""Cost, power and energy of points: by hand, and the laws that hold whatever the figures."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench import config
from enginebench.analysis.economics import COLUMNS, FIGURES, KINDS, OwnRate, economics, priced
from enginebench.analysis.parts import part_names
from enginebench.analysis.points import summarise_points
from enginebench.config import RateRow, Rates
from enginebench.errors import UserError
from enginebench.store.frames import runs_frame
from stored import a_run, a_trial

PARTS = config.parts()
POSITIVE = st.floats(1e-3, 1e6)


def a_row(since, usd, kw, part="h100-sxm"):
    prices = {"neocloud": usd, "rental": usd * 2}
    return RateRow(
        id=f"{part}@{since}", part=part, since=since, usd_per_hour=prices, all_in_kw=kw, source=f"list of {since}"
    )


OLD, NEW = a_row("2026-04-01", 3.6, 2.0), a_row("2026-08-01", 1.8, 1.0)
RATES = Rates(rows={"h100-sxm": (OLD, NEW)})


def a_point(night="2026-11-24", **figures):
    return {"night": night, "vendor": "nvidia", "product": "NVIDIA H100 80GB HBM3", "isl_tokens": 300, **figures}


def found(*points, rates=RATES, **asked):
    return economics(pd.DataFrame(list(points)), rates, parts=PARTS, **asked)


def only(*points, **asked):
    (row,) = found(*points, **asked).to_dict("records")
    return row


def test_cost_and_power_by_hand():
    row = only(a_point(output_tps_per_accelerator=100.0, total_tps_per_accelerator=500.0))
    # 1.8 $/h over 100 × 3600 tokens an hour: 5 $ a million. 1 kW: 100 tok/s of it, 10 J a token.
    assert row["output_usd_per_mtok"] == pytest.approx(5.0)
    assert row["total_usd_per_mtok"] == pytest.approx(1.0)
    assert row["output_provisioned_tps_per_mw"] == pytest.approx(100_000)
    assert row["output_provisioned_j_per_token"] == pytest.approx(10.0)
    assert (row["part"], row["rate"], row["rate_since"], row["rate_source"]) == (
        "h100-sxm",
        "h100-sxm@2026-08-01",
        "2026-08-01",
        "list of 2026-08-01",
    )
    assert math.isnan(row["input_usd_per_mtok"])
    assert row["absent"]["input_usd_per_mtok"] == "no input throughput of the steady window"


def test_measured_energy_is_of_the_tokens_that_it_was_spent_on():
    row = only(a_point(energy_j_per_output_token=8.0, output_tokens_mean=100.0))
    # 300 tokens in and 100 out take 800 J.
    assert [row[f"{kind}_measured_j_per_token"] for kind in KINDS] == pytest.approx([2.0, 800 / 300, 8.0])
    assert row["output_measured_tps_per_mw"] == pytest.approx(125_000)
    assert math.isnan(row["output_provisioned_j_per_token"]), "what was measured is never taken for what is provisioned"


def test_no_energy_is_no_zero():
    row = only(a_point(output_tps_per_accelerator=100.0))
    for kind in KINDS:
        assert math.isnan(row[f"{kind}_measured_j_per_token"])
        assert row["absent"][f"{kind}_measured_tps_per_mw"] == "energy was not measured"
    row = only(a_point(energy_j_per_output_token=8.0))
    assert row["absent"]["total_measured_j_per_token"] == "input or output tokens of a request are not known"
    assert row["output_measured_j_per_token"] == 8.0


def test_both_ends_of_an_interval_turn_round():
    ends = {"output_tps_per_accelerator_low": 50.0, "output_tps_per_accelerator_high": 200.0}
    row = only(a_point(output_tps_per_accelerator=100.0, **ends))
    assert [row[f"output_usd_per_mtok{end}"] for end in ("_low", "", "_high")] == pytest.approx([2.5, 5.0, 10.0])
    assert [row[f"output_provisioned_tps_per_mw{end}"] for end in ("_low", "", "_high")] == pytest.approx(
        [5e4, 1e5, 2e5]
    )


def test_no_interval_stays_none_and_an_endless_one_says_so():
    row = only(a_point(output_tps_per_accelerator=100.0))
    assert math.isnan(row["output_usd_per_mtok_low"])
    row = only(
        a_point(
            output_tps_per_accelerator=100.0, output_tps_per_accelerator_low=-5.0, output_tps_per_accelerator_high=205.0
        )
    )
    assert row["output_usd_per_mtok_low"] == pytest.approx(500 / 205)
    assert math.isnan(row["output_usd_per_mtok_high"])
    assert "reaches 0" in row["absent"]["output_usd_per_mtok_high"]


def test_no_throughput_costs_no_zero():
    row = only(a_point(output_tps_per_accelerator=0.0))
    assert math.isnan(row["output_usd_per_mtok"])
    assert row["absent"]["output_usd_per_mtok"] == "the figure it is divided by is 0"
    assert row["output_provisioned_tps_per_mw"] == 0.0


def test_a_night_has_the_rate_of_its_day_and_a_later_row_changes_no_older_night():
    nights = [a_point(night, output_tps_per_accelerator=100.0) for night in ("2026-03-31", "2026-07-31", "2026-08-01")]
    before = found(*nights, rates=Rates(rows={"h100-sxm": (OLD,)}))
    after = found(*nights)
    assert list(after["rate"][1:]) == ["h100-sxm@2026-04-01", "h100-sxm@2026-08-01"]
    pd.testing.assert_frame_equal(before.iloc[:2], after.iloc[:2])
    assert list(after["output_usd_per_mtok"][1:]) == pytest.approx([10.0, 5.0])
    assert after["absent"][0]["output_usd_per_mtok"] == "no rate for h100-sxm before 2026-04-01"


def test_another_day_and_another_seller_where_the_reader_asks():
    point = a_point("2026-07-31", output_tps_per_accelerator=100.0)
    assert only(point, on="2026-11-01")["output_usd_per_mtok"] == pytest.approx(5.0)
    assert only(point, price_class="rental")["output_usd_per_mtok"] == pytest.approx(20.0)
    row = only(point, price_class="hyperscaler")
    assert row["absent"]["output_usd_per_mtok"] == "rate h100-sxm@2026-04-01 has no hyperscaler price"
    assert row["output_provisioned_j_per_token"] == pytest.approx(20.0)
    for wrong in ({"on": "August"}, {"price_class": "spot"}):
        with pytest.raises(UserError):
            only(point, **wrong)


def test_prices_of_ones_own_go_before_and_say_what_is_still_the_files():
    point = a_point(output_tps_per_accelerator=100.0)
    row = only(point, own={"h100-sxm": OwnRate(usd_per_hour=3.6)})
    assert (row["rate"], row["rate_source"]) == ("own", "the reader's own, power of h100-sxm@2026-08-01")
    assert (row["output_usd_per_mtok"], row["all_in_kw"]) == (pytest.approx(10.0), 1.0)
    row = only(a_point("2026-01-01", output_tps_per_accelerator=100.0), own={"h100-sxm": OwnRate(usd_per_hour=3.6)})
    assert (row["rate_source"], row["output_usd_per_mtok"]) == ("the reader's own", pytest.approx(10.0))
    assert row["absent"]["output_provisioned_j_per_token"] == "no rate for h100-sxm before 2026-04-01"
    assert only(point, own={"b200": OwnRate(usd_per_hour=9.0)})["rate"] == "h100-sxm@2026-08-01"


def test_the_whole_run_is_asked_for():
    point = a_point(output_tps_per_accelerator=100.0, output_tps_per_accelerator_whole_run=50.0)
    assert only(point, whole_run=True)["output_usd_per_mtok"] == pytest.approx(10.0)
    assert only(a_point(), whole_run=True)["absent"]["output_usd_per_mtok"] == "no output throughput of the whole run"


def test_an_unknown_part_costs_nothing_known():
    row = only(a_point(output_tps_per_accelerator=1.0) | {"product": "Test GPU"})
    assert row["part"] is None
    assert row["absent"]["output_usd_per_mtok"] == "the part is not one of configs/hardware"
    row = only(a_point(output_tps_per_accelerator=1.0) | {"vendor": "cpu", "product": "AMD EPYC"})
    assert (row["part"], row["absent"]["output_usd_per_mtok"]) == ("cpu", "no rate for cpu")


def test_parts_by_name_go_before_products():
    named = [{}, {"part": "b200"}, {"part": "a100"}, {"part": "h200"}, {"part": "tpu"}]
    points = pd.DataFrame([a_point() | one for one in named])
    assert list(part_names(points)) == ["h100-sxm", "b200", None, "h200-sxm", None]


def test_points_of_a_store_keep_their_index():
    runs = [a_run(index, output_tps_per_accelerator=90.0 + index) for index in range(3)]
    points = summarise_points(runs_frame([a_trial("t", runs)])).set_index(pd.Index([7]))
    table = economics(points, RATES)
    assert list(table.columns) == list(COLUMNS)
    assert list(table.index) == [7]
    both = priced(points.assign(part="b200"), RATES)
    assert list(both["output_tps_per_accelerator"]) == list(points["output_tps_per_accelerator"])
    assert list(both["part"]) == ["b200"]
    assert both.columns.is_unique
    assert list(economics(points.iloc[:0], RATES).columns) == list(COLUMNS)


@settings(max_examples=30)
@given(tps=POSITIVE, more=st.floats(1.001, 100), usd=POSITIVE, kw=st.floats(0.01, 100))
def test_more_throughput_never_costs_more(tps, more, usd, kw):
    rates = Rates(rows={"h100-sxm": (a_row("2026-04-01", usd, kw),)})
    slow, fast = found(
        a_point(total_tps_per_accelerator=tps), a_point(total_tps_per_accelerator=tps * more), rates=rates
    ).to_dict("records")
    assert fast["total_usd_per_mtok"] < slow["total_usd_per_mtok"]
    assert fast["total_provisioned_tps_per_mw"] > slow["total_provisioned_tps_per_mw"]
    # What a MW yields and what a token takes are one figure, told in two ways.
    assert slow["total_provisioned_tps_per_mw"] * slow["total_provisioned_j_per_token"] == pytest.approx(1e6)


@settings(max_examples=30)
@given(low=POSITIVE, centre=st.floats(1, 10), high=st.floats(1, 10))
def test_a_figure_lies_in_its_interval(low, centre, high):
    ends = {"": low * centre, "_low": low, "_high": low * centre * high}
    figures = {
        f"{name}{end}": value
        for end, value in ends.items()
        for name in ("total_tps_per_accelerator", "output_tps_per_accelerator", "energy_j_per_output_token")
    }
    row = only(a_point(output_tokens_mean=50.0, **figures))
    known = [name for name in FIGURES if not math.isnan(row[name])]
    assert len(known) == 12
    for name in known:
        assert row[f"{name}_low"] <= row[name] * (1 + 1e-9)
        assert row[name] <= row[f"{name}_high"] * (1 + 1e-9)


def test_every_figure_that_is_null_has_a_reason():
    for point in (a_point(), a_point("x"), a_point(output_tps_per_accelerator=0.0), {"night": "x"}):
        row = only(point)
        for name in FIGURES:
            assert math.isnan(row[name]) == (name in row["absent"]), name
