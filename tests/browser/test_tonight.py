"""The first page: the night in a sentence, what changed and failed, the grid, what is missing, each with evidence."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser_look import violations
from enginebench.site import build
from enginebench.store import Store
from histories import B200, H100, a_history, day, told
from sites import piece, rows

RATE = "output_tps_per_accelerator"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tonight")
    return build(a_history(folder), folder / "site").parent


def text(page, place="main"):
    return page.locator(place).inner_text()


def test_the_night_stands_in_one_sentence(opened, site):
    assert text(opened(site), "#sentence") == (
        f"Night {day(27)}: 1 change for the worse, 1 trial failed, 3 curves measured, 1 stale for more than 7 days."
    )


def test_what_changed_leads_to_its_comparison(opened, site):
    page = opened(site)
    item = page.get_by_role("listitem").filter(has_text="Worse:")
    assert "vllm 2.1 against vllm 2.0, 6 and 3 server starts" in item.inner_text()
    assert "Output throughput −1" in item.inner_text()
    item.get_by_role("link").click()
    page.locator("main[data-page=compare] #outcome").wait_for()
    assert text(page, "#outcome").startswith("worse")


def test_a_failure_has_its_class_and_message_and_its_words_stay_text(opened, site):
    page = opened(site)
    failure = page.locator("#failures li")
    assert "crashed: tiny on other 2.1, failed at measure: CUDA <b>out</b> of memory</script>" in failure.inner_text()
    assert failure.get_by_role("link").get_attribute("href") == f"#/run?night={day(27)}&trial=dead"
    assert page.evaluate("window.broken") is None
    assert page.locator("main b").count() == 0


def shown(page):
    """Engine to the text of its cell, of one row."""
    names = page.locator(".grid thead th").all_inner_texts()[2:]
    found = {}
    for row in page.locator(".grid tbody tr").all():
        part = row.locator("th").last.inner_text()
        for name, cell in zip(names, row.locator("td").all_inner_texts(), strict=True):
            found[part, name] = cell
    return found


def test_every_cell_shows_the_figure_of_the_data_in_the_readers_metric(opened, site):
    data = piece(site, "tonight")
    page = opened(site)
    for metric in ("output_tps_per_accelerator", "ttft_mean_ns"):
        page.get_by_label("Metric").select_option(metric)
        page.locator(".grid caption").filter(has_text="TTFT" if "ttft" in metric else "Output").wait_for()
        cells, told_of = shown(page), 0
        for row in rows(data["figures"]):
            cell = data["cells"][row["cell"]]
            if (row["metric"], row["workload"]) != (metric, "short"):
                continue
            words = cells[cell["product"], cell["engine"]].split()
            assert float(words[0].replace(",", "")) == pytest.approx(row["value"], rel=1e-3)
            assert f"n = {row['n']}" in cells[cell["product"], cell["engine"]]
            told_of += 1
        assert told_of == 3
    assert "metric=ttft_mean_ns" in page.url


def test_a_cell_tells_change_freshness_quality_failures_and_what_is_missing(opened, site):
    cells = shown(opened(site))
    main, other, once = cells[H100, "scripted"], cells[B200, "other"], cells[H100, "once"]
    assert f"since {day(20)}" in main
    assert "worse −6" in main
    assert "newest night" in main
    assert "against vllm 2.0" in other
    assert "1 of 10 trials failed in 30 days, last crashed" in other
    assert "1 load missing of the newest version" in other
    assert f"stale: {day(12)}, 15 days older" in once
    assert "no verdict yet: 1 night, one version" in once


def test_cells_without_the_figure_are_counted(opened, site):
    told_ = text(opened(site))
    assert "2 cells of 5 have no figure of this metric and workload" in told_
    assert "left out: liar, vllm, told by elsewhere" in told_


def test_a_figure_and_a_verdict_lead_to_their_evidence(opened, site):
    page = opened(site)
    cell = page.locator(".grid td").filter(has_text="vllm 1.1")
    links = [one.get_attribute("href") for one in cell.get_by_role("link").all()]
    assert links[0].startswith("#/frontier?model=tiny&workload=short&part=NVIDIA+H100")
    assert links[1].startswith("#/trends?model=tiny&engine=scripted&curve=")
    assert links[2] == f"#/nights?night={day(27)}"
    cell.get_by_role("link").nth(1).click()
    page.locator("main[data-page=trends] .lead").filter(has_text="scripted on 1 ×").wait_for()


def test_a_workload_of_other_tools_shows_their_grid(opened, site):
    page = opened(site, "#/tonight?workload=1024/1024")
    ((of, words),) = shown(page).items()
    assert of == ("h200", "vllm, told by elsewhere")
    assert words.startswith("2,345")
    assert "[" not in words
    page.get_by_label("Metric").select_option("ttft_mean_ns")
    expect(page.get_by_text("≈ not of our definition: its clock starts later.")).to_be_visible()


def test_a_store_of_other_tools_alone_shows_its_grid(opened, tmp_path):
    store = Store(tmp_path / "store")
    store.add_foreign([told()])
    page = opened(build(store, tmp_path / "site").parent)
    assert "has no nights of its own. It holds 1 point that other tools measured, up to 2026-08-05" in text(page)
    assert list(shown(page)) == [("h200", "vllm, told by elsewhere")]
    assert violations(page) == []


def test_an_empty_store_says_so(opened, tmp_path):
    page = opened(build(Store(tmp_path / "none"), tmp_path / "site").parent)
    assert "The store is empty" in text(page)
    assert violations(page) == []


def test_what_is_missing_is_listed(opened, site):
    tables = opened(site).get_by_role("table")
    curves = tables.filter(has_text="Curves that the newest night did not measure").inner_text()
    assert day(12) in curves
    loads = tables.filter(has_text="Loads that the newest version has not measured").inner_text()
    assert f"c64 by vllm 2.0 on {day(26)}" in loads
    nights = tables.filter(has_text="Nights that were missed").inner_text()
    assert f"{day(7)} and {day(10)}" in nights


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_and_fits_a_phone(opened, site, dark):
    assert violations(opened(site, dark=dark)) == []
    page = opened(site, dark=dark, width=390)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
