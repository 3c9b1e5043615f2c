"""The page Chips: every fact and rate with its source, and measured points against the part's limits."""

from __future__ import annotations

import pandas as pd
import pytest
from playwright.sync_api import expect

from browser_look import violations
from enginebench import config
from enginebench.analysis.chips import rate_table, specifications
from enginebench.analysis.roofline import SHARES, roofline
from enginebench.site import build
from enginebench.site.points import all_points
from enginebench.store import Store
from measured_parts import a_fleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chips")
    store = a_fleet(folder)
    return store, build(store, folder / "site").parent


@pytest.fixture(scope="module")
def site(fleet):
    return fleet[1]


def drawn(page):
    """The chart's traces, points only, by name."""
    plot = page.locator('[aria-label^="Chart: Measured against"]')
    plot.locator(".main-svg").first.wait_for()
    traces = plot.evaluate("(one) => one.data.map(({ name, x, y, error_y }) => ({ name, x, y, error_y }))")
    return {one["name"]: one for one in traces}


def saved(page, button, tmp_path):
    with page.expect_download() as download:
        button.click()
    download.value.save_as(tmp_path / "saved.csv")
    return pd.read_csv(tmp_path / "saved.csv")


def of_python(store):
    """Of ours that stand now, by id."""
    points = all_points(store.runs(), store).query("now and tool == ''").set_index("id")
    return points, roofline(points, config.models())


def note(page):
    expect(page.locator("figcaption .note").first).not_to_be_empty()
    return page.locator("figcaption .note").first.inner_text()


def test_every_fact_stands_with_source_and_date(opened, site, tmp_path):
    page = opened(site, "#/chips")
    page.get_by_text("Every value with its source").click()
    table = page.get_by_role("table", name="Values and sources")
    truth = specifications(config.parts())
    assert table.locator("tbody tr").count() == len(truth)
    section = page.locator("details", has=table)
    told = saved(page, section.get_by_role("button", name="CSV"), tmp_path)
    assert list(told["value"]) == pytest.approx(list(truth["value"]), rel=1e-5)
    assert list(told["source"]) == list(truth["source"])
    assert list(told["read on"]) == list(truth["date"])
    row = page.get_by_role("table", name="Parts: ").locator("tr", has_text="h100-sxm")
    assert row.locator("td").all_inner_texts()[1:5] == ["80", "3.35", "700", "989"]
    assert "datasheet" in row.locator("td").nth(1).get_attribute("title")


def test_every_rate_stands_with_its_days_and_source(opened, site):
    table = opened(site, "#/chips").get_by_role("table", name="Rates: ")
    truth = rate_table(config.rates())
    assert table.locator("tbody tr").count() == len(truth)
    for row, shown in zip(truth.to_dict("records"), table.locator("tbody tr").all(), strict=True):
        cells = shown.locator("th, td").all_inner_texts()
        assert cells[:3] == [
            row["part"],
            row["since"],
            row["before"] if isinstance(row["before"], str) else "still in force",
        ]
        assert cells[4] == ("–" if pd.isna(row["neocloud_usd"]) else f"{row['neocloud_usd']:g}")
        assert cells[7] == row["source"]


@pytest.mark.parametrize("share", SHARES)
def test_points_against_the_limit_are_those_of_python_with_intervals(opened, fleet, share):
    store, site = fleet
    page = opened(site, f"#/chips?share={share}")
    _, truth = of_python(store)
    traces = drawn(page)
    told = sorted(y for name, one in traces.items() if name != "limit of the part" for y in one["y"] if y is not None)
    expected = truth[share].dropna() * 100
    assert told == pytest.approx(sorted(expected), rel=1e-4)
    assert len(told) > 5
    assert set(traces["limit of the part"]["y"]) == {100}
    reach = sum(sum(one["error_y"].get("array", [])) for name, one in traces.items() if name != "limit of the part")
    assert reach == pytest.approx(((truth[f"{share}_high"] - truth[share]) * 100).sum(), rel=1e-3)


def test_a_point_without_the_figure_says_why_and_is_counted(opened, fleet):
    store, site = fleet
    page = opened(site, "#/chips")
    drawn(page)
    _, truth = of_python(store)
    known = int(truth[SHARES[0]].notna().sum())
    text = page.locator("main").inner_text()
    # Three of another tool have no mean TPOT.
    assert f"{known} points, {len(truth) - known + 3} without the figure" in note(page)
    assert "the part is not one of configs/hardware (27 points)" in text
    assert "model llama-3.1-8b-instruct is not described in fp8 (12 points)" in text


def test_choices_of_points_figure_and_axis_are_kept_in_the_address(opened, site):
    page = opened(site, "#/chips")
    drawn(page)
    page.locator("select[name=share]").select_option("flops_share")
    page.locator("select[name=x]").select_option("speed")
    page.get_by_text("Engine: all").click()
    page.get_by_role("checkbox", name="sglang").check()
    page.get_by_text("Workload: all").click()
    page.get_by_role("checkbox", name="chat-8192").check()
    expect(page.locator("figcaption .note").first).to_contain_text("not chosen")
    traces = drawn(page)
    assert all("sglang" in name or name == "limit of the part" for name in traces)
    address = page.url.partition("#")[2]
    again = opened(site, f"#{address}")
    assert drawn(again) == traces
    plot = again.locator('[aria-label^="Chart: Measured against"]')
    layout = plot.evaluate("(one) => [one.layout.xaxis.title.text, one.layout.yaxis.title.text]")
    assert layout == ["interactivity, mean (tok/s/user)", "Prefill and decode: FLOP/s used (MFU) (%)"]


def test_the_table_twin_holds_every_point_and_leads_to_the_frontier(opened, fleet, tmp_path):
    store, site = fleet
    page = opened(site, "#/chips")
    drawn(page)
    points, truth = of_python(store)
    told = saved(page, page.locator("figcaption").get_by_role("button", name="CSV"), tmp_path)
    assert len(told) == len(points) + 3
    ours = told[told["measured by"] == "enginebench"]
    assert sorted(ours["binds"].dropna()) == sorted(truth["binds"].dropna())
    assert set(ours["binds"].dropna()) == {"memory bandwidth", "compute"}
    page.locator("summary", has_text="The same as a table").click()
    twin = page.get_by_role("table", name="Measured against the part's limit")
    expect(twin.locator("tbody tr")).to_have_count(len(told))
    assert "#/frontier?model=" in twin.get_by_role("link").first.get_attribute("href")


def test_a_store_without_points_shows_facts_and_says_so(opened, tmp_path):
    page = opened(build(Store(tmp_path / "empty"), tmp_path / "site").parent, "#/chips")
    assert "nothing is measured against these limits" in page.locator("main").inner_text()
    assert page.get_by_role("table", name="Rates: ").locator("tbody tr").count() == len(rate_table(config.rates()))


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"width": 390}])
def test_it_is_accessible_and_fits_a_phone(opened, site, look):
    page = opened(site, "#/chips", **look)
    drawn(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
