"""Trends: points with intervals, levels and band, marks, gaps, and the way from a step to its comparison."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from browser_look import violations
from enginebench.analysis.changes import find_changes
from enginebench.analysis.points import summarise_points
from enginebench.site import build
from histories import B200, GAPS, LONE, NIGHTS, STEP, a_history, day

RATE = "output_tps_per_accelerator"
VIEW = "#/trends?model=tiny&engine=scripted&load=c64"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return a_history(tmp_path_factory.mktemp("trends"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("site") / "site").parent


@pytest.fixture
def drawn(opened, site):
    """The page with its chart, and the chart's traces by name."""

    def go(view=VIEW, **look):
        page = opened(site, view, **look)
        page.locator(".plot .main-svg").first.wait_for()
        return page, traces(page)

    return go


def traces(page):
    found = json.loads(
        page.evaluate(
            "JSON.stringify(document.querySelector('.plot').data.map((one) => ({ name: one.name, x: one.x, y: one.y,"
            " hovertext: one.hovertext, gaps: one.connectgaps,"
            " array: one.error_y?.array, arrayminus: one.error_y?.arrayminus })))"
        )
    )
    return {one["name"]: one for one in found}


def test_every_night_is_a_point_with_its_interval(drawn, store):
    _, found = drawn()
    points = summarise_points(store.runs(), [RATE])
    points = points[(points["engine"] == "scripted") & (points["load"] == "c64")].sort_values("night")
    measured = found["measured"]
    assert measured["x"] == list(points["night"])
    for value, up, down, row in zip(
        measured["y"], measured["array"], measured["arrayminus"], points.to_dict("records"), strict=True
    ):
        wanted = [row[RATE], row[f"{RATE}_low"], row[f"{RATE}_high"]]
        assert [value, value - down, value + up] == pytest.approx(wanted, rel=1e-5)


def test_gaps_stay_gaps(drawn):
    page, found = drawn()
    line = found["night by night"]
    assert line["gaps"] is False
    at = {night: place for place, night in enumerate(line["x"]) if night}
    # On one night of its grid only another engine ran; on two there was no night at all.
    assert line["y"][at[day(LONE)]] is None
    assert not {day(night) for night in GAPS} & at.keys()
    assert line["y"][at[day(GAPS[-1] + 1)] - 1] is None
    assert sum(value is not None for value in line["y"]) == NIGHTS - len(GAPS) - 1
    words = page.locator("figure .note").inner_text()
    assert f"1 night of its grid without this figure, left as gaps: {day(LONE)}" in words


def test_levels_lie_between_the_confirmed_steps_and_the_band_about_them(drawn, store):
    _, found = drawn()
    values = dict(zip(found["measured"]["x"], found["measured"]["y"], strict=True))
    before, after = (
        float(np.median([value for night, value in values.items() if (night < day(STEP)) == early]))
        for early in (True, False)
    )
    steps = found["level between steps"]
    assert steps["x"] == [day(0), day(STEP - 1), None, day(STEP), day(NIGHTS - 1), None]
    assert [value for value in steps["y"] if value] == pytest.approx([before, before, after, after], rel=1e-4)
    band = [value for value in found["noise band"]["y"] if value is not None]
    assert len(band) == 10
    assert band[2] / band[0] == pytest.approx((band[2] / before) ** 2)
    assert 1.002 < band[2] / before < 1.02


def test_what_else_changed_is_marked_on_the_axis_with_its_words(drawn):
    page, found = drawn()
    assert found["change of engine version"]["x"] == [day(STEP)]
    assert found["change of engine version"]["hovertext"] == [f"{day(STEP)}: engine version<br>vllm 1.0 → vllm 1.1"]
    assert found["change of price of the part"]["x"] == ["2026-08-01"]
    assert "$/h (rental)" in found["change of price of the part"]["hovertext"][0]
    marks = page.get_by_role("table", name="What changed, by night").inner_text()
    assert "vllm 1.0 → vllm 1.1" in marks


def test_a_step_says_what_is_known_and_leads_to_its_comparison(drawn, store):
    page, _ = drawn()
    (ours,) = (one for one in find_changes(store.runs()).changes if one.metric == RATE and not one.load)
    step = page.locator(".steps > li")
    assert step.count() == 1
    size = f"−{(1 - ours.ratio) * 100:.1f}% [−{(1 - ours.low) * 100:.1f}%, −{(1 - ours.high) * 100:.1f}%]"
    assert f"Output throughput {size}, confirmed on {ours.found}." in step.inner_text()
    assert "What differed: version_label vllm 1.0 → vllm 1.1." in step.inner_text()
    step.get_by_role("link", name=f"Compare {day(STEP)}..{day(NIGHTS - 1)}").press("Enter")
    expect(page.locator("#outcome")).to_have_text("worse: B against A")
    expect(page.locator("input[name=a]")).to_have_value(page.locator("input[name=a]").input_value())
    assert f"night={day(0)}..{day(STEP - 1)}" in page.locator("input[name=a]").input_value()


def test_a_step_pressed_in_the_chart_leads_there_too(drawn):
    page, _ = drawn()
    place = page.evaluate(
        """() => {
          const plot = document.querySelector(".plot"), at = plot.data.findIndex((one) => one.name.startsWith("step"));
          const one = plot.data[at], box = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
          return [box.x + xaxis._offset + xaxis.d2p(one.x[0]), box.y + yaxis._offset + yaxis.d2p(one.y[0])];
        }"""
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    expect(page.locator("#outcome")).to_have_text("worse: B against A")


def test_the_commands_that_bisect_and_measure_again_are_there(drawn, store):
    page, _ = drawn()
    page.get_by_text("Find the version between").click()
    bisect, again = (shlex.split(one) for one in page.locator(".steps pre").all_inner_texts())
    assert bisect[:5] == ["enginebench", "bisect", "configs/grids/test.yaml", "--range", "1.0..1.1"]
    assert bisect[-4:] == ["--metric", RATE, "--store", store.url]
    assert "workload=short" in bisect
    assert again[:2] == ["enginebench", "compare"]
    assert again[4:] == ["--run", "configs/grids/test.yaml", "--store", store.url]
    assert [one.rpartition("=")[2] for one in again[2:4]] == ["1.0", "1.1"]


def test_the_reader_chooses_and_the_view_lives_in_the_address(opened, drawn, site):
    page, _ = drawn()
    page.get_by_label("Metric").select_option("goodput_rps")
    expect(page.locator(".lead")).to_contain_text("Goodput is not followed by the change detector")
    page.locator("select[name=load]").select_option("c8")
    page.get_by_label("Part").select_option(B200)
    expect(page.locator(".lead")).to_contain_text(f"other on 1 × {B200}")
    assert "load=c8" in page.url
    again = opened(site, "#" + page.url.partition("#")[2])
    expect(again.locator(".lead")).to_have_text(page.locator(".lead").inner_text())


def test_figures_kept_out_of_verdicts_are_drawn_apart(drawn):
    _, found = drawn("#/trends?model=tiny&engine=liar&load=c8")
    assert len(found["kept out of verdicts"]["x"]) == 1
    assert found["measured"]["x"] == []
    assert "KL &lt;i&gt;too high" in found["kept out of verdicts"]["hovertext"][0]


def test_other_tools_figures_are_followed_without_a_verdict(drawn):
    page, found = drawn("#/trends?model=giant")
    assert found["measured"]["y"] == [2345]
    assert "1 day, one run each, so no interval and no verdict" in page.locator(".lead").inner_text()


def test_the_table_twin_holds_the_same(drawn, tmp_path):
    page, found = drawn()
    with page.expect_download() as saved:
        page.locator("figure").get_by_role("button", name="CSV").click()
    saved.value.save_as(tmp_path / "trends.csv")
    frame = pd.read_csv(tmp_path / "trends.csv")
    assert list(frame["Output throughput (tok/s/accelerator)"]) == found["measured"]["y"]
    page.get_by_text("The same as a table").click()
    link = page.get_by_role("table", name="One load of a curve over nights").get_by_role("link").first
    assert link.get_attribute("href") == f"#/run?night={day(0)}&trial=main0s0"


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_and_fits_a_phone(drawn, dark):
    page, _ = drawn(dark=dark)
    assert violations(page) == []
    page, _ = drawn(dark=dark, width=390)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
