"""Charts of a notebook: what is drawn is what the table holds, and that is what the analysis says of the store."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enginebench.analysis import figures
from enginebench.analysis.compare import compare
from enginebench.analysis.peak import best_by_night, envelope
from enginebench.analysis.points import summarise_points
from enginebench.analysis.slices import parse
from enginebench.analysis.snapshot import snapshot
from enginebench.errors import UserError
from made_history import SPEED, TPS, TTFT, history
from stored import a_store

A, B = "engine=vllm,night=2026-11-01..2026-11-12", "engine=sglang,night=2026-11-09..2026-11-20"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return history(tmp_path_factory.mktemp("figures"))


def drawn(chart):
    """Every mark of the chart, as (name, x, y)."""
    return [
        (trace.name, x, y)
        for trace in chart.figure.data
        if "markers" in trace.mode
        for x, y in zip(trace.x, trace.y, strict=True)
    ]


def bars(trace):
    return np.array([trace.error_y.array, trace.error_y.arrayminus])


def test_the_frontier_draws_what_stands_now(store):
    chart = figures.frontier(store)
    points = snapshot(summarise_points(store.runs(), [SPEED, TPS]))
    assert drawn(chart) == list(zip(chart.data["curve_words"], chart.data[SPEED], chart.data[TPS], strict=True))
    assert sorted(chart.data[TPS]) == sorted(points[TPS])
    assert len(drawn(chart)) == 4
    best = chart.data[chart.data["on_frontier"]]
    assert set(best["engine"]) == {"sglang"}
    first = chart.figure.data[0]
    own = chart.data[chart.data["curve_words"] == first.name]
    assert bars(first)[0] == pytest.approx((own[f"{TPS}_high"] - own[TPS]).to_numpy())
    assert bars(first)[1] == pytest.approx((own[TPS] - own[f"{TPS}_low"]).to_numpy())
    assert chart.figure.layout.yaxis.title.text == "Output throughput (tok/s/accelerator)"


def test_a_latency_is_in_ms_and_less_is_better(store):
    chart = figures.frontier(store, x=TTFT)
    assert chart.data[TTFT].max() == pytest.approx(4e3 / 100, rel=0.01)
    assert set(chart.data[chart.data["on_frontier"]]["engine"]) == {"sglang"}


def test_a_trend_has_every_night_and_wrong_answers_are_hollow(store):
    chart = figures.trend(store, engine="sglang")
    assert drawn(chart) == list(zip(chart.data["curve_words"], chart.data["night"], chart.data[TPS], strict=True))
    points = summarise_points(store.runs(engine="sglang"), [TPS])
    assert len(chart.data) == points[TPS].notna().sum()
    for trace in chart.figure.data:
        hollow = [night for night, symbol in zip(trace.x, trace.marker.symbol, strict=True) if symbol.endswith("-open")]
        assert hollow in (["2026-11-12"], [])
    assert "2026-11-13" not in set(chart.data["night"])


def test_a_comparison_draws_every_ratio_and_lists_every_verdict(store):
    chart = figures.comparison(store, A, B, metrics=[TPS, TTFT])
    found = compare(store.runs(), parse(A), parse(B), metrics=[TPS, TTFT])
    assert list(chart.data["verdict"]) == [one.verdict for one in found.judged()]
    ratios = [one.estimate.ratio for one in found.judged() if one.estimate and one.estimate.ratio is not None]
    assert sorted(x for _, x, _ in drawn(chart)) == sorted(ratios)
    assert ratios


def test_the_peak_is_that_of_the_analysis(store):
    chart = figures.peak(store, metric=TTFT)
    best = best_by_night(summarise_points(store.runs(), [TTFT]), TTFT)
    assert sorted(chart.data["value"]) == pytest.approx(sorted(value * 1e-6 for value in best["value"]))
    steps = envelope(best, TTFT)
    for engine, own in chart.data.groupby("engine"):
        values = [value * 1e-6 for value in steps[steps["engine"] == engine]["value"]]
        assert list(dict.fromkeys(own["so_far"])) == pytest.approx(values)
    lines = [trace for trace in chart.figure.data if trace.mode == "lines"]
    assert [list(trace.y) for trace in lines] == [list(own["so_far"]) for _, own in chart.data.groupby("engine")]


def test_an_unknown_metric_and_a_store_without_figures_are_told(store, tmp_path):
    with pytest.raises(UserError, match="metric `speed`: no such metric; see `enginebench metrics`"):
        figures.trend(store, metric="speed")
    with pytest.raises(UserError, match="holds no point with tpot_mean_ns of these filters"):
        figures.trend(store, metric="tpot_mean_ns")
    for made in (figures.frontier, figures.trend, figures.peak):
        with pytest.raises(UserError, match="holds no point with"):
            made(a_store(tmp_path))


def test_without_plotly_the_remedy_is_told(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(UserError, match=r"needs plotly, which is not installed; pip install 'enginebench\[notebook\]'"):
        figures.trend(store)


def test_the_snippet_of_the_page_works(store, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "notebook.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    monkeypatch.chdir(store.local)
    names = {}
    exec(code.replace('Store("results")', 'Store(".")'), names)
    assert isinstance(names["now"].data, pd.DataFrame)
    assert names["now"].figure.to_plotly_json()["data"]
    for name in re.findall(r"^\| `(\w+)\(", page.read_text(), re.MULTILINE):
        assert callable(getattr(figures, name))
