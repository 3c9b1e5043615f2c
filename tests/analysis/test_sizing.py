"""How many accelerators a traffic needs: by hand, and that nothing is promised beyond what was measured."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enginebench import config
from enginebench.analysis.economics import OwnRate
from enginebench.analysis.sizing import COLUMNS, Demand, capacity, size
from enginebench.config import RateRow, Rates
from enginebench.errors import UserError
from enginebench.records import Limit, Objective

MS = 1_000_000
PARTS = config.parts()
TTFT, TPOT = Limit(metric="ttft", at_most_ns=200 * MS), Limit(metric="tpot", at_most_ns=20 * MS)
BOTH = Objective(name="ours", limits=(TTFT, TPOT))
RATES = Rates(
    rows={
        "h100-sxm": (
            RateRow(
                id="h100-sxm@2026-01-01",
                part="h100-sxm",
                since="2026-01-01",
                usd_per_hour={"neocloud": 2.0},
                all_in_kw=1.5,
                source="a list",
            ),
        )
    }
)
H100 = {"vendor": "nvidia", "product": "NVIDIA H100 80GB HBM3"}


def a_point(load, rps, ttft=100, tpot=10, *, spread=None, **more):
    """A point at so many requests in flight, whose p99 TTFT and TPOT are given in ms."""
    row = {"curve": "k", "host": "h", "load_kind": "closed", "load": f"c{load}", "concurrency": load, "rate_rps": None}
    row |= {"model": "m", "workload": "w", "isl_tokens": 900, "osl_tokens": 100, "devices": 4, "night": "2026-11-24"}
    row |= {"trials": [f"t{load}"], "marks": [], "failed_quality": False, "invalid": False, "reproduces": None, **H100}
    row |= {"success_share": 1.0, "engine": "vllm", "parallelism": "tp4", "precision": "fp8"}
    for name, value in (("requests_rps", rps), ("ttft_p99_all_ns", ttft), ("tpot_p99_all_ns", tpot)):
        value = value * MS if name.endswith("_ns") and value is not None else value
        row[name] = value
        row[f"{name}_low"] = None if spread is None or value is None else value * (1 - spread)
        row[f"{name}_high"] = None if spread is None or value is None else value * (1 + spread)
    return row | more


def a_table(*points):
    return pd.DataFrame(list(points), index=[f"p{index}" for index in range(len(points))])


CURVE = (a_point(1, 1.0), a_point(8, 5.0, 150), a_point(32, 9.0, 250, 15))


def a_demand(**asked):
    return Demand(**{"model": "m", "objective": BOTH, "workload": "w", "rate_rps": 100.0} | asked)


def sized(*points, demand=None, **asked):
    return size(a_table(*points), demand or a_demand(), RATES, parts=PARTS, **asked)


def only(*points, **asked):
    (row,) = sized(*points, **asked).to_dict("records")
    return row


def found(*points, objective=BOTH, requests=None):
    return capacity(a_table(*points), objective, requests)


def test_what_a_traffic_takes_by_hand():
    row = only(a_point(8, 5.0))
    # 100 / (5 × 0.8) = 25 deployments and one to spare, of 4 accelerators each.
    assert (row["replicas"], row["deployments"], row["accelerators"]) == (25, 26, 104)
    assert row["usd_per_month"] == pytest.approx(104 * 2 * 730)
    assert row["kw"] == pytest.approx(156)
    # A month's 100 × 2,628,000 requests of 1,000 tokens.
    assert row["total_usd_per_mtok"] == pytest.approx(104 * 2 * 730 / (100 * 2_628_000 * 1000 / 1e6))
    assert row["output_usd_per_mtok"] == pytest.approx(10 * row["total_usd_per_mtok"])
    assert (row["rate"], row["rate_source"], row["night"]) == ("h100-sxm@2026-01-01", "a list", "2026-11-24")
    assert (row["rests_on"], row["loads"], row["trials"]) == (["p0"], ["c8"], ["t8"])


def test_a_whole_quotient_asks_for_no_further_replica():
    demand = a_demand(rate_rps=12.0, utilisation=0.8, spare=0)
    assert only(a_point(8, 5.0), demand=demand)["replicas"] == 3
    assert only(a_point(8, 5.0), demand=a_demand(rate_rps=12.001, spare=0))["replicas"] == 4


def test_output_tokens_a_second_are_requests_of_that_length():
    row = only(a_point(8, 5.0), demand=a_demand(rate_rps=None, output_tps=10_000.0))
    assert (row["traffic_rps"], row["replicas"]) == (100.0, 25)


def test_the_interval_turns_round():
    row = only(a_point(8, 5.0, spread=0.2))
    assert (row["deployment_rps_low"], row["deployment_rps_high"]) == (4.0, 6.0)
    assert [row[f"replicas{end}"] for end in ("_low", "", "_high")] == [21, 25, 32]
    assert [row[f"accelerators{end}"] for end in ("_low", "", "_high")] == [88, 104, 132]
    assert row["usd_per_month_low"] < row["usd_per_month"] < row["usd_per_month_high"]
    alone = only(a_point(8, 5.0))
    assert pd.isna(alone["accelerators_high"])
    assert alone["absent"]["deployment_rps_low"] == "the load has one run"


def test_the_highest_load_measured_is_no_limit():
    one = found(a_point(1, 1.0), a_point(8, 5.0, 150))
    assert (one.rate_rps, one.basis, one.limited_by, one.on) == (5.0, "measured", "highest load measured", ("p1",))
    assert one.words == "c8 is the highest load measured: more may fit, not measured"


def test_between_two_loads_the_rate_is_read_where_the_limit_is_reached():
    # Of two loads the straight line: TTFT 150 ms at 5/s, 250 ms at 9/s; 200 ms at 7/s.
    one = found(*CURVE[1:])
    assert (one.rate_rps, one.basis, one.limited_by) == (pytest.approx(7.0), "between", "ttft")
    assert one.on == ("p0", "p1")
    assert one.words == "c32: ttft p99 is 250 ms, 1.25 times the limit of 200 ms"
    # With a third it is the curve through all of them: concave, so above the line.
    assert 7.0 < found(*CURVE).rate_rps < 9.0


def test_of_two_limits_the_first_to_be_reached_ends_it():
    one = found(a_point(8, 5.0, 150, 10), a_point(32, 9.0, 250, 50))
    # TTFT would do until 7/s; TPOT, 10 ms at 5/s and 50 ms at 9/s, until 6/s.
    assert (one.rate_rps, one.limited_by) == (pytest.approx(6.0), "tpot")


def test_what_lies_between_has_the_interval_of_both():
    one = found(a_point(8, 5.0, 150, spread=0.1), a_point(32, 9.0, 250, spread=0.1))
    assert one.low < 7.0 * 0.9 < 7.0 * 1.1 < one.high
    assert found(a_point(8, 5.0, 150, spread=0.1), a_point(32, 9.0, 250)).low is None


def test_a_heavier_load_that_is_slower_gives_no_more():
    one = found(a_point(8, 5.0, 150), a_point(32, 4.0, 250))
    assert (one.rate_rps, one.basis, one.limited_by) == (5.0, "measured", "ttft")
    one = found(a_point(8, 5.0, 150), a_point(32, 4.0, 160))
    assert (one.rate_rps, one.limited_by) == (5.0, "throughput peaks")


def test_no_load_meets_it_and_by_how_much_the_lowest_misses():
    one = found(a_point(8, 5.0, 300), a_point(1, 1.0, 230))
    assert (one.rate_rps, one.basis, one.limited_by) == (None, "none", "no load meets it")
    assert one.words == "at the lowest load, c1: ttft p99 is 230 ms, 1.15 times the limit of 200 ms"
    row = only(a_point(1, 1.0, 230))
    assert pd.isna(row["accelerators"])
    assert row["absent"]["usd_per_month"].startswith("no load meets it: at the lowest load")
    assert not row["meets"]


def test_what_can_not_be_judged_is_no_promise():
    one = found(a_point(8, 5.0, 150), a_point(32, 9.0, None))
    assert (one.rate_rps, one.limited_by) == (5.0, "not judged")
    assert "ttft p99 is not known" in one.words
    assert found(a_point(8, 5.0, None)).limited_by == "not judged"
    assert found(a_point(8, None, 150)).limited_by == "not judged"


def test_a_load_that_fails_requests_is_not_read_towards():
    one = found(a_point(8, 5.0, 150), a_point(32, 9.0, None, None, success_share=0.5))
    assert (one.rate_rps, one.basis) == (5.0, "measured")
    assert "only 50 % of the requests ended well" in one.words


def test_the_highest_load_that_keeps_it_counts_and_a_lighter_one_that_does_not_is_told():
    one = found(a_point(1, 1.0), a_point(4, 3.0, 210), a_point(8, 5.0, 150), a_point(32, 9.0, 250))
    assert one.on[0] == "p2"
    assert one.words.endswith("so does the lighter c4")
    assert one.rate_rps == pytest.approx(7.0), "where TTFT does not grow with load it is the straight line of the two"


def test_all_limits_at_once_by_requests():
    joint = Objective(name="ours", limits=(TTFT, TPOT), goodput_share=0.9)
    tables = {
        load: pd.DataFrame(
            {
                "status": "ok",
                "sent_ns": 0,
                "first_token_ns": [100 * MS] * good + [300 * MS] * (10 - good),
                "last_token_ns": [400 * MS] * 10,
                "output_tokens": 101,
            }
        )
        for load, good in (("c8", 9), ("c32", 8))
    }
    by_percentiles = found(*CURVE[1:], objective=joint)
    assert (by_percentiles.rate_rps, by_percentiles.kept.evidence) == (5.0, "percentiles")
    one = found(*CURVE[1:], objective=joint, requests=lambda row: tables[row["load"]])
    assert (one.rate_rps, one.basis, one.limited_by) == (5.0, "measured", "joint")
    assert (one.kept.evidence, one.words) == (
        "requests",
        "c32: 8 of 10 requests keep all limits at once; 90 % are asked for",
    )
    assert not one.kept.sure


def test_points_that_may_not_be_used_are_counted_and_a_curve_of_them_says_so():
    bad = a_point(32, 9.0, 100, failed_quality=True)
    row = only(a_point(8, 5.0), bad)
    assert (row["left_out"], row["limited_by"], row["deployment_rps"]) == (1, "highest load measured", 5.0)
    row = only(bad)
    assert (row["limited_by"], row["meets"], row["left_out"]) == ("left out", False, 1)
    assert row["limit_words"] == "no point may be used: the server gave wrong answers"


def test_the_cheapest_comes_first_and_what_has_no_price_last():
    dear = a_point(8, 2.0, curve="dear")
    unknown = a_point(8, 9.0, curve="unknown", product="Test GPU")
    cheap = a_point(8, 5.0, curve="cheap")
    table = sized(unknown, dear, cheap)
    assert list(table["curve"]) == ["cheap", "dear", "unknown"]
    assert list(table.columns) == [name for name in COLUMNS if name in table]
    assert table["absent"][2]["usd_per_month"] == "the part is not one of configs/hardware"
    assert table["accelerators"][2] == (math.ceil(100 / 7.2) + 1) * 4
    own = sized(unknown, dear, cheap, own={"h100-sxm": OwnRate(usd_per_hour=4.0)})
    assert own["usd_per_month"][0] == pytest.approx(2 * table["usd_per_month"][0])


def test_lengths_find_workloads_of_just_these():
    demand = a_demand(workload=None, isl_tokens=900, osl_tokens=100)
    assert only(a_point(8, 5.0), demand=demand)["replicas"] == 25
    with pytest.raises(
        UserError, match=r"no 901 tokens in and 100 out was measured of m; measured: w \(900 in, 100 out\)"
    ):
        sized(a_point(8, 5.0), demand=a_demand(workload=None, isl_tokens=901, osl_tokens=100))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rate_rps": None}, "traffic is not one rate"),
        ({"output_tps": 5.0}, "traffic is not one rate"),
        ({"rate_rps": 0.0}, "traffic is not one rate"),
        ({"rate_rps": math.inf}, "traffic is not one rate"),
        ({"utilisation": 0.0}, "utilisation is 0"),
        ({"utilisation": 1.1}, "utilisation is 1.1"),
        ({"spare": -1}, "-1 deployments to spare"),
        ({"workload": None}, "is not said once"),
        ({"isl_tokens": 5}, "is not said once"),
        ({"workload": None, "isl_tokens": 5}, "is not said once"),
        ({"model": "other"}, "nothing was measured of model other; measured: m"),
        ({"workload": "other"}, "no workload other was measured of m"),
    ],
)
def test_a_demand_that_can_not_be_is_refused(asked, words):
    with pytest.raises(UserError, match=words):
        sized(a_point(8, 5.0), demand=a_demand(**asked))


_LOADS = st.lists(st.tuples(st.floats(0.5, 50), st.integers(1, 400), st.integers(1, 40)), min_size=1, max_size=6)


@given(loads=_LOADS)
def test_nothing_is_promised_beyond_what_was_measured(loads):
    points = [a_point(2**index, rps, ttft, tpot) for index, (rps, ttft, tpot) in enumerate(loads)]
    one = found(*points)
    keeping = [rps for rps, ttft, tpot in loads if ttft <= 200 and tpot <= 20]
    assert (one.rate_rps is None) == (not keeping)
    if one.rate_rps is not None:
        assert max(keeping) <= one.rate_rps * (1 + 1e-9)
        assert one.rate_rps <= max(rps for rps, _, _ in loads)
        if one.basis == "measured":
            assert one.rate_rps == max(keeping)


@settings(max_examples=20)
@given(rate=st.floats(0.1, 1e4), more=st.floats(1, 10), utilisation=st.floats(0.1, 1), spare=st.integers(0, 3))
def test_more_traffic_takes_no_fewer_and_what_is_had_suffices(rate, more, utilisation, spare):
    few, many = (
        only(a_point(8, 5.0), demand=a_demand(rate_rps=one, utilisation=utilisation, spare=spare))
        for one in (rate, rate * more)
    )
    assert few["accelerators"] <= many["accelerators"]
    assert few["deployments"] == few["replicas"] + spare
    assert rate <= few["replicas"] * 5.0 * utilisation * (1 + 1e-6)
    assert few["replicas"] == 1 or rate > (few["replicas"] - 1) * 5.0 * utilisation * (1 - 1e-6)


def test_another_tool_tells_no_requests_a_second_so_its_tokens_do():
    told = {"tool": "other", "requests_rps": None, "requests_rps_whole_run": None}
    told |= {"ttft_p99_all_ns": None, "tpot_p99_all_ns": None, "ttft_p99_ns": 100 * MS, "tpot_p99_ns": 10 * MS}
    # 125 tok/s of each of 4 accelerators are 5 requests of 100 tokens; of all 1,000 tokens 1,250 are.
    by_output = a_point(8, None, **told, output_tps_per_accelerator_whole_run=125.0)
    by_all = a_point(8, None, **told, total_tps_per_accelerator_whole_run=1250.0, curve="all")
    ours = a_point(8, 5.0, tool="", curve="ours", requests_rps_whole_run=5.0)
    ours["tpot_p99_ns"] = ours["ttft_p99_ns"] = None
    table = sized(by_output, by_all, ours, whole_run=True)
    assert list(table["deployment_rps"]) == [5.0, 5.0, 5.0]
    assert list(table["replicas"]) == [25, 25, 25]
    assert pd.isna(only(a_point(8, None, **told))["deployment_rps"])
