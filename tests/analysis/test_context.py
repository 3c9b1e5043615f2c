"""Figures over input length, along which nothing else changes; and what a prefix cache saves."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

import builders
from enginebench import config
from enginebench.analysis.context import COLUMNS, SAVING_COLUMNS, cache_saving, context, recipes
from enginebench.analysis.points import summarise_points
from enginebench.store.frames import runs_frame
from stored import CLOSED, a_job, a_run, a_trial

TPS, TTFT = "total_tps_per_accelerator", "ttft_p50_ns"


def a_point(isl, **more):
    row = {"model": "m", "precision": "fp8", "engine_kind": "vllm", "engine_version": "1", "vendor": "nvidia"}
    row |= {"product": "NVIDIA H200", "devices": 1, "parallelism": "tp1", "host": "h", "recipe": "r", "api": "chat"}
    row |= {"load_kind": "closed", "load": "c8", "workload": f"w{isl}", "isl_tokens": isl, "osl_tokens": 100}
    row |= {"night": "2026-11-24", "marks": [], "failed_quality": False, "invalid": False, "reproduces": None}
    return row | {TTFT: isl * 1e5, TPS: 1e6 / isl} | more


def a_table(*points):
    return pd.DataFrame(list(points), index=[f"p{index}" for index in range(len(points))])


def shown(*points, **asked):
    return context(a_table(*points), config.rates(), **asked)


def test_along_a_line_only_the_input_length_changes():
    others = [
        a_point(512, **{name: value})
        for name, value in (("load", "c1"), ("osl_tokens", 7), ("recipe", "s"), ("host", "g"), ("engine_version", "2"))
    ]
    table = shown(a_point(8192), a_point(1024), *others)
    assert list(table.columns) == list(COLUMNS)
    assert table.columns.is_unique
    own = table[table["line"] == table["line"]["p0"]]
    assert list(own.index) == ["p1", "p0"], "the shorter first"
    assert set(own["contexts"]) == {2}
    assert table["line"].nunique() == 6
    assert list(own["ttft_p50_ns_per_input_token"]) == [1e5, 1e5]


def test_cost_over_context_by_hand():
    table = shown(a_point(1000), a_point(2000, **{f"{TPS}_low": 400.0, f"{TPS}_high": 600.0}))
    assert list(table["total_usd_per_mtok"]) == pytest.approx([1.59e6 / 3600 / 1000, 1.59e6 / 3600 / 500])
    assert table["total_usd_per_mtok_high"]["p1"] == pytest.approx(1.59e6 / 3600 / 400)
    assert table["rate"]["p1"] == "h200-sxm@2026-08-01"
    assert math.isnan(table["output_usd_per_mtok"]["p0"])


def test_what_may_not_be_used_says_why_and_is_no_context_of_its_line():
    table = shown(a_point(1000), a_point(2000, failed_quality=True))
    assert list(table["contexts"]) == [1, 1]
    assert list(table["left_out"]) == ["", "the server gave wrong answers"]
    assert list(shown(a_point(9)).iloc[:0].columns) == list(COLUMNS)


def a_start(trial, *, hits=None, tps=100.0, **recipe):
    job = a_job(loads=(CLOSED,))
    job = replace(job, deployment=replace(job.deployment, **recipe))
    runs = [
        a_run(index, prefix_hit_share=hits, **{TPS: tps * (1 + index / 100), TTFT: 1e11 / tps}) for index in range(3)
    ]
    return a_trial(trial, runs, job=job)


def test_grids_of_other_contexts_are_one_line_where_recipes_are_known():
    results = [a_start("a", context_tokens=1024), a_start("b", context_tokens=2048), a_start("c", max_sequences=5)]
    points = summarise_points(runs_frame(results))
    assert context(points, config.rates())["line"].nunique() == 3
    assert context(points, config.rates(), known=recipes(results))["line"].nunique() == 2


def test_a_cache_is_held_against_the_same_recipe_without_it():
    results = [
        a_start("with", hits=0.8, tps=200.0, prefix_cache=True),
        a_start("without", tps=100.0, prefix_cache=False),
        a_start("other", tps=50.0, prefix_cache=False, max_sequences=5),
    ]
    points = summarise_points(runs_frame(results))
    (row,) = cache_saving(points, recipes(results)).to_dict("records")
    by_label = points["trials"].map(lambda trials: trials[0])
    assert (by_label[row["with_cache"]], by_label[row["without_cache"]], row["by"]) == ("with", "without", "recipe")
    assert (row["throughput_ratio"], row["cost_ratio"], row["ttft_ratio"]) == (
        pytest.approx(2),
        pytest.approx(0.5),
        pytest.approx(0.5),
    )
    assert row["hit_share"] == pytest.approx(0.8)
    assert row["throughput_ratio_low"] < 2 < row["throughput_ratio_high"]
    assert row["cost_ratio_low"] == pytest.approx(1 / row["throughput_ratio_high"])
    # By hits alone the third stands for a bare one as well.
    assert list(cache_saving(points)["by"]) == ["hits", "hits"]


def test_no_pair_no_saving_and_no_made_up_ratio():
    results = [a_start("without", tps=100.0)]
    points = summarise_points(runs_frame(results))
    for known in (None, recipes(results)):
        assert list(cache_saving(points, known).columns) == list(SAVING_COLUMNS)
        assert cache_saving(points, known).empty
    pair = a_table(a_point(9, prefix_hit_share=0.5), a_point(9, **{TPS: None}))
    (row,) = cache_saving(pair).to_dict("records")
    assert row["cost_ratio"] is None or math.isnan(row["cost_ratio"])
    assert row["ttft_ratio"] == 1.0


def test_a_recipe_is_what_the_points_call_it():
    result = a_start("a", prefix_cache=True)
    (recipe,) = runs_frame([result])["recipe"].unique()
    assert recipes([result])[recipe].prefix_cache
    assert builders.a_deployment().prefix_cache is False
