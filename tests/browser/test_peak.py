"""Day 0 to peak in a browser: figures, groups, metrics, links, tools, phone, dark."""

from __future__ import annotations

import csv

import pytest

from browser_look import violations
from enginebench.analysis.peak import best_by_night, day_0_to_peak
from enginebench.analysis.points import summarise_points
from enginebench.site import build
from made_history import TPS, TTFT, history
from stored import a_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return history(tmp_path_factory.mktemp("peak"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("pages") / "site").parent


@pytest.fixture(scope="module")
def peaks(store):
    return {
        metric: day_0_to_peak(best_by_night(summarise_points(store.runs(), [metric]), metric), metric)
        for metric in (TPS, TTFT)
    }


def table(page, caption):
    """The rows of the table of a caption, as text."""
    found = page.get_by_role("table", name=caption)
    return [row.locator("th, td").all_inner_texts() for row in found.locator("tbody tr").all()]


@pytest.mark.parametrize(("metric", "scale"), [(TPS, 1.0), (TTFT, 1e-6)])
def test_days_and_versions_stand_there_as_the_analysis_has_them(opened, site, peaks, metric, scale):
    page = opened(site, f"#/peak?metric={metric}")
    shown = table(page, "Days and versions tried")
    assert len(shown) == len(peaks[metric]) == 2
    for cells, row in zip(shown, peaks[metric].to_dict("records"), strict=True):
        assert cells[0:2] == [row["engine"], row["first_night"]]
        assert float(cells[2].split()[0].replace(",", "")) == pytest.approx(row["value"] * scale, rel=1e-3)
        for place, percent in enumerate((50, 90, 100)):
            days, versions = row[f"days_to_{percent}"], row[f"versions_to_{percent}"]
            assert cells[3 + place] == f"{days} day{'s' * (days != 1)}, {versions} version{'s' * (versions != 1)}"
        assert cells[6] == f"day {row['days_to_tie']}"


def test_the_first_sentence_says_who_leads(opened, site):
    said = opened(site, "#/peak").locator(".lead").inner_text()
    assert "sglang came to 90 % of its best in 15 days and 3 versions" in said
    assert said.endswith("Sglang leads since 2026-11-16.")


def test_another_metric_is_drawn_anew_and_is_in_the_address(opened, site):
    page = opened(site, "#/peak")
    before = page.locator(".lead").inner_text()
    page.locator("select[name=metric]").select_option(TTFT)
    page.get_by_text("TTFT mean (ms), lower is better").wait_for()
    assert page.locator(".lead").inner_text() != before
    assert f"metric={TTFT}" in page.url
    again = opened(site, page.url[page.url.index("#") :])
    assert again.locator("select[name=metric]").input_value() == TTFT
    assert again.locator(".lead").inner_text() == page.locator(".lead").inner_text()


def test_the_envelope_never_falls_and_a_curve_can_be_hidden_by_its_button(opened, site):
    page = opened(site, "#/peak")
    page.wait_for_selector(".plot .main-svg")
    drawn = "document.querySelector('.plot').data.filter((one) => one.mode === 'lines')"
    for line in page.evaluate(f"{drawn}.map((one) => one.y)"):
        assert line == sorted(line)
    button = page.locator(".legend").get_by_role("button", name="vllm")
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    page.wait_for_function("document.querySelector('.plot').data.filter((one) => one.visible).length === 2")


def test_the_chart_is_saved_as_csv_with_every_night(opened, site, store, tmp_path):
    page = opened(site, "#/peak")
    page.wait_for_selector(".plot .main-svg")
    with page.expect_download() as saved:
        page.locator("figure").get_by_role("button", name="CSV").click()
    saved.value.save_as(tmp_path / "best.csv")
    with (tmp_path / "best.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    best = best_by_night(summarise_points(store.runs(), [TPS]), TPS)
    assert len(found) == len(best)
    assert [float(row["best (tok/s/accelerator)"]) for row in found] == pytest.approx(list(best["value"]), rel=1e-5)


def test_who_leads_links_to_the_night(opened, site):
    page = opened(site, "#/peak")
    page.get_by_role("table", name="Who leads when").get_by_role("link", name="2026-11-16").click()
    page.get_by_text("Night 2026-11-16:").wait_for()


def test_a_store_without_a_figure_says_so(opened, tmp_path):
    page = opened(build(a_store(tmp_path), tmp_path / "site").parent, "#/peak")
    assert "no eligible figure" in page.locator("main").inner_text()
    assert violations(page) == []


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_and_fits_a_phone(opened, site, dark):
    page = opened(site, "#/peak", dark=dark, width=390)
    page.wait_for_selector(".plot .main-svg")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
