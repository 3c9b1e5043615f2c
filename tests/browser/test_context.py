"""The page Context: figures over input length on lines where nothing else changes, and what a prefix cache saves."""

from __future__ import annotations

import pandas as pd
import pytest
from playwright.sync_api import expect

from browser_look import violations
from enginebench import config
from enginebench.analysis.context import cache_saving, context, recipes
from enginebench.site import build
from enginebench.site.points import all_points
from enginebench.store import Store
from measured_parts import a_fleet
from stored import a_run, a_store, a_trial

CHARTS = {"TTFT": "ttft_p50_ns", "Throughput": "total_tps_per_accelerator", "Cost": "total_usd_per_mtok"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("context")
    store = a_fleet(folder)
    return store, build(store, folder / "site").parent


@pytest.fixture(scope="module")
def site(fleet):
    return fleet[1]


def shown(opened, site, view="", **look):
    page = opened(site, f"#/context{view}", **look)
    expect(page.get_by_role("status").first).not_to_be_empty()
    return page


def traces(page, title):
    """A chart's traces, by name."""
    plot = page.locator(f'[aria-label^="Chart: {title} over input length"]')
    plot.locator(".main-svg").first.wait_for()
    found = plot.evaluate("(one) => one.data.map(({ name, x, y, error_y, line }) => ({ name, x, y, error_y, line }))")
    return {one["name"]: one for one in found}


def note(page, title):
    section = page.locator("section", has=page.get_by_role("heading", name=title, exact=True))
    expect(section.locator("figcaption .note")).not_to_be_empty()
    return section.locator("figcaption .note").inner_text()


def of_python(store, load, **asked):
    """The lines of a load, of points that may be used."""
    points = all_points(store.runs(), store).query("now and tool == ''").set_index("id")
    found = context(points, config.rates(), known=recipes(store.results()), **asked)
    return found[(found["load"] == load) & (found["left_out"] == "")]


def flat(found, axis):
    return [one for trace in found.values() for one in trace[axis]]


@pytest.mark.parametrize(("title", "name"), CHARTS.items())
def test_lines_are_those_of_python_with_intervals_and_holes_between(opened, fleet, title, name):
    store, site = fleet
    page = shown(opened, site, "?load=c32 in flight")
    found, truth = traces(page, title), of_python(store, "c32").dropna(subset=[name])
    scale = 1e-6 if name.endswith("_ns") else 1
    told = sorted((x, y) for one in found.values() for x, y in zip(one["x"], one["y"], strict=True) if y is not None)
    expected = sorted(zip(truth["isl_tokens"], truth[name] * scale, strict=True))
    assert [x for x, _ in told] == [x for x, _ in expected]
    assert [y for _, y in told] == [pytest.approx(y, rel=1e-4) for _, y in expected]
    for one in found.values():
        assert one["x"] == sorted(one["x"]), "from the shortest input to the longest"
    reach = sum(sum(one["error_y"]["array"]) for one in found.values())
    assert reach == pytest.approx(((truth[f"{name}_high"] - truth[name]) * scale).sum(), rel=1e-3)
    assert f"{len(truth)} points on {truth['line'].nunique()} lines." in note(page, title)


def test_a_line_has_one_colour_in_all_charts_and_a_cache_is_named(opened, site):
    page = shown(opened, site)
    found = [traces(page, title) for title in CHARTS]
    for name, one in found[2].items():
        assert one["line"]["color"] == found[0][name]["line"]["color"] == found[1][name]["line"]["color"]
    assert any(name.endswith("prefix cache") for name in found[0])
    assert len(found[0]) > len(found[2]), "the part without a price has no cost"
    assert "6 without the figure: the part is not one of configs/hardware." in note(page, "Cost")
    assert "2 the server gave wrong answers" in note(page, "TTFT")


def test_choices_change_the_charts_and_stay_in_the_address(opened, fleet):
    store, site = fleet
    page = shown(opened, site)
    page.locator("select[name=load]").select_option("c128 in flight")
    page.locator("select[name=ttft]").select_option("ttft_p99_ns")
    page.locator("select[name=kind]").select_option("output")
    page.get_by_text("Engine: all").click()
    page.get_by_role("checkbox", name="sglang").check()
    page.get_by_label("logarithmic y").check()
    page.get_by_label("price of a").select_option("rental")
    expect(page.locator("figcaption .note").first).to_contain_text("not chosen")
    truth = of_python(store, "c128", price_class="rental").query("engine_kind == 'sglang'")
    address = page.url.partition("#/context")[2]
    again = shown(opened, site, address)
    for one in (page, again):
        cost = [y for y in flat(traces(one, "Cost"), "y") if y is not None]
        assert sorted(cost) == pytest.approx(sorted(truth["output_usd_per_mtok"].dropna()), rel=1e-4)
        ttft = [y for y in flat(traces(one, "TTFT"), "y") if y is not None]
        assert sorted(ttft) == pytest.approx(sorted(truth["ttft_p99_ns"] / 1e6), rel=1e-4)
        speed = [y for y in flat(traces(one, "Throughput"), "y") if y is not None]
        assert sorted(speed) == pytest.approx(sorted(truth["output_tps_per_accelerator"]), rel=1e-4)
    plot = again.locator('[aria-label^="Chart: TTFT"]')
    assert plot.evaluate("(one) => [one.layout.yaxis.type, one.layout.yaxis.title.text]") == [
        "log",
        "TTFT 99th percentile (ms)",
    ]


def test_points_of_other_loads_and_lone_ones_are_counted_and_shown_if_asked_for(opened, site):
    page = shown(opened, site, "?load=c16 in flight&kind=output")
    assert "No line here was measured at more than one input length" in page.get_by_role("status").first.inner_text()
    assert "1 stand alone: one input length of their line." in note(page, "Throughput")
    assert "Throughput of other tools is of the whole run." in note(page, "Throughput")
    page = shown(opened, site, "?load=c32 in flight")
    assert "at other loads or output lengths." in note(page, "TTFT")


def test_a_readers_own_price_is_in_the_cost(opened, site):
    page = shown(opened, site, "?usd=h100-sxm:31&load=c32 in flight&part=h100-sxm")
    dear = [y for y in flat(traces(page, "Cost"), "y") if y is not None]
    other = shown(opened, site, "?usd=h100-sxm:3.1&load=c32 in flight&part=h100-sxm")
    cheap = [y for y in flat(traces(other, "Cost"), "y") if y is not None]
    assert sorted(dear) == pytest.approx([10 * one for one in sorted(cheap)])


def test_the_cache_saves_what_python_says(opened, fleet, tmp_path):
    store, site = fleet
    page = shown(opened, site)
    points = all_points(store.runs(), store).query("now and tool == ''").set_index("id")
    truth = cache_saving(points, recipes(store.results()))
    section = page.locator("section", has=page.get_by_role("heading", name="Cache reuse"))
    expect(section).to_contain_text(f"over {len(truth)} pairs of points")
    with page.expect_download() as download:
        section.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "cache.csv")
    told = pd.read_csv(tmp_path / "cache.csv")
    assert list(told["points"]) == [
        f"{a} {b}" for a, b in zip(truth["with_cache"], truth["without_cache"], strict=True)
    ]
    for title, name in (
        ("TTFT, median (times)", "ttft_ratio"),
        ("throughput, total tokens (times)", "throughput_ratio"),
        ("cost a token (times)", "cost_ratio"),
    ):
        assert list(told[title]) == pytest.approx(list(truth[name]), rel=1e-4)
        assert list(told[f"{title}, low"]) == pytest.approx(list(truth[f"{name}_low"]), rel=1e-4)
    assert list(told["input tokens found in the cache (%)"]) == [50] * len(truth)
    assert section.get_by_role("link", name="c1 with", exact=True).count() > 0


def test_a_store_without_points_or_lines_says_what_is_missing(opened, tmp_path):
    none = build(Store(tmp_path / "empty"), tmp_path / "a").parent
    assert "The store has no points" in opened(none, "#/context").locator("main").inner_text()
    page = shown(opened, build(a_store(tmp_path, a_trial("t", [a_run(0)])), tmp_path / "b").parent)
    assert "nothing tells what a longer context costs" in page.get_by_role("status").first.inner_text()
    assert "No deployment was measured both with a prefix cache and without" in page.locator("main").inner_text()


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"width": 390}])
def test_it_is_accessible_and_fits_a_phone(opened, site, look):
    page = shown(opened, site, **look)
    traces(page, "Cost")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
