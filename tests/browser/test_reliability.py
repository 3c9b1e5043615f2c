"""Reliability in a browser: rates by each cut, classes, outages, gaps, another tool's jobs."""

from __future__ import annotations

import pytest

from browser_look import violations
from enginebench.analysis.reliability import TRIAL, success, trials
from enginebench.site import build
from made_history import HOSTILE, foreign, history
from stored import a_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return history(tmp_path_factory.mktemp("reliability"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("pages") / "site").parent


def table(page, caption):
    found = page.get_by_role("table", name=caption)
    return [row.locator("th, td").all_inner_texts() for row in found.locator("tbody tr").all()]


def percent(share):
    return f"{share:.1%}".replace("%", " %")


@pytest.mark.parametrize("by", ["product", "engine", "host", "month"])
def test_rates_with_their_intervals_by_each_cut(opened, site, store, by):
    page = opened(site, f"#/reliability?by={by}")
    page.wait_for_selector(".plot .main-svg")
    word = {"product": "part"}.get(by, by)
    expected = success(trials(store.runs((*TRIAL, "marks")), store.failures()), [by]).to_dict("records")
    shown = table(page, f"Trials by {word}")
    assert [cells[0] for cells in shown] == [row[by] for row in expected]
    for cells, row in zip(shown, expected, strict=True):
        assert cells[1] == f"{percent(row['rate'])} [{percent(row['low'])}, {percent(row['high'])}]"
        assert cells[4:8] == [str(row[name]) for name in ("trials", "complete", "failed", "interrupted")]
    drawn = page.evaluate("document.querySelector('.plot').data[0].x")
    assert sorted(drawn) == pytest.approx(sorted(100 * row["rate"] for row in expected))


def test_the_cut_is_chosen_on_the_page(opened, site):
    page = opened(site, "#/reliability")
    page.locator("select[name=by]").select_option("engine")
    page.get_by_role("table", name="Trials by engine").wait_for()
    assert "by=engine" in page.url


def test_failures_link_to_their_trial_and_can_be_cut_by_class(opened, site):
    page = opened(site, "#/reliability")
    failed = page.get_by_role("table", name="Trials that failed")
    assert failed.locator("tbody tr").count() == 3
    assert HOSTILE in failed.inner_text()
    assert page.evaluate("window.broken") is None
    link = failed.get_by_role("link", name="sglang-08")
    assert link.get_attribute("href") == "#/run?night=2026-11-08&trial=sglang-08"
    page.locator("select[name=class]").select_option("crashed")
    page.get_by_role("table", name="Trials that failed or were interrupted: crashed").wait_for()


def test_outages_and_missing_nights_are_told(opened, site):
    page = opened(site, "#/reliability")
    open_, *others = table(page, "Outages")
    assert (open_[1:4], open_[8]) == (["test", "lab-a", "2026-11-20"], "still failing")
    assert [cells[8] for cells in others] == ["recovered after 1 day, with 1.1"] * 2
    assert "3 outages, 1 of them open" in page.locator("main").inner_text()
    assert [cells[3:6] for cells in table(page, "Gaps between")] == [["2", "2026-11-12", "2026-11-15"]] * 2


def test_what_another_tool_tells_stands_apart_and_flagged(opened, site):
    page = opened(site, "#/reliability")
    section = page.locator("section", has=page.get_by_role("heading", name="As told by inferencex"))
    assert "Not measured here: 56 of 60 jobs" in section.inner_text()
    shown = {cells[0]: cells for cells in table(page, "Jobs by part, as told by inferencex")}
    assert shown["h100"][1:6] == ["90.0 % [76.9 %, 96.0 %]", "76.9 %", "96.0 %", "40", "36"]
    assert shown["mi300x"][1:6] == ["–", "–", "–", "0", "0"]
    assert "h100" not in page.get_by_role("table", name="Trials by part").inner_text()


def test_another_tools_rows_alone_are_shown_with_the_word_that_ours_are_missing(opened, tmp_path):
    store = a_store(tmp_path)
    store.add_foreign(foreign())
    page = opened(build(store, tmp_path / "site").parent, "#/reliability?by=month")
    assert "No trial of ours is stored" in page.locator("main").inner_text()
    assert [cells[0] for cells in table(page, "Jobs by month")] == ["2026-10", "2026-11"]


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_and_fits_a_phone(opened, site, dark):
    page = opened(site, "#/reliability", dark=dark, width=390)
    page.wait_for_selector(".plot .main-svg")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
