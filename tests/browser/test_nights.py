"""Nights in a browser: what ran, what did not, how long it took, calibrations."""

from __future__ import annotations

import pytest

from browser_look import violations
from enginebench.site import build
from made_history import HOSTILE, history
from stored import a_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return history(tmp_path_factory.mktemp("nights"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("pages") / "site").parent


def rows(page, caption):
    found = page.get_by_role("table", name=caption)
    heads = found.locator("thead th").all_inner_texts()
    cells = [row.locator("th, td").all_inner_texts() for row in found.locator("tbody tr").all()]
    return [dict(zip(heads, one, strict=True)) for one in cells]


def test_the_newest_night_is_shown_first_with_what_failed_and_why(opened, site):
    page = opened(site, "#/nights")
    said = page.locator(".lead").inner_text()
    assert said.startswith("Night 2026-11-20: 8 runs of 2 trials in 0.04278 accelerator-hours; 1 failed, 0 interrupted")
    assert "4 runs asked for and not measured" in said
    shown = {row["trial"]: row for row in rows(page, "Trials of night 2026-11-20")}
    assert shown["vllm-20"]["ended"] == "failed at measure"
    assert shown["vllm-20"]["runs"] == "2 of 6"
    assert shown["vllm-20"]["why, and what to know"] == f"crashed: {HOSTILE}"
    assert shown["sglang-20"]["why, and what to know"] == "short c8: known well enough after 3 runs"
    assert page.evaluate("window.broken") is None


def test_each_night_of_a_store_can_be_chosen_and_is_in_the_address(opened, site, store):
    page = opened(site, "#/nights")
    page.locator("select[name=night]").select_option("2026-11-12")
    page.get_by_role("table", name="Trials of night 2026-11-12").wait_for()
    assert "night=2026-11-12" in page.url
    shown = {row["trial"]: row for row in rows(page, "Trials of night 2026-11-12")}
    assert shown["sglang-12"]["answers"] == "wrong"
    assert {one.trial for one in store.results(night="2026-11-12")} == set(shown)
    link = page.get_by_role("table", name="Trials of night").get_by_role("link", name="sglang-12")
    assert link.get_attribute("href") == "#/run?night=2026-11-12&trial=sglang-12"


def test_the_first_night_after_a_gap_says_what_was_not_tried(opened, site):
    page = opened(site, "#/nights?night=2026-11-15")
    assert (
        "vllm on Test GPU of grid test was not tried between 2026-11-12 and 2026-11-15"
        in page.locator("main").inner_text()
    )


def test_a_host_is_chosen_and_the_others_are_counted(opened, site):
    page = opened(site, "#/nights")
    page.locator("select[name=host]").select_option("lab-a")
    page.get_by_text("18 of 36 rows are of other grids or hosts").wait_for()
    assert {row["host"] for row in rows(page, "Nights, newest first")} == {"lab-a"}
    assert {row["host"] for row in rows(page, "Trials of night")} == {"lab-a"}


def test_accelerator_hours_of_a_night_are_those_of_its_trials(opened, site, store):
    page = opened(site, "#/nights")
    page.wait_for_selector(".plot .main-svg")
    bars = page.evaluate("document.querySelector('.plot').data.map(({x, y}) => ({x, y}))")
    place = bars[0]["x"].index("2026-11-05")
    spent = [one.stage_ns for one in store.results(night="2026-11-05")]
    assert bars[0]["y"][place] == pytest.approx(sum(one["measure"] for one in spent) / 3.6e12)
    assert bars[1]["y"][place] == pytest.approx(sum(one["start"] for one in spent) / 3.6e12)


def test_calibrations_say_whether_the_client_was_exact(opened, site):
    late, exact = rows(opened(site, "#/nights"), "Calibrations")
    assert (late["in flight"], late["exact"], late["mean TTFT off by"]) == ("64", "no", "400 µs")
    assert (exact["in flight"], exact["exact"], exact["TPOT off by"]) == ("1", "yes", "0.02 %")


def test_a_store_without_a_night_says_so(opened, tmp_path):
    page = opened(build(a_store(tmp_path), tmp_path / "site").parent, "#/nights")
    assert "No night is stored yet" in page.locator("main").inner_text()
    assert "No calibration is stored" in page.locator("main").inner_text()


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_and_fits_a_phone(opened, site, dark):
    page = opened(site, "#/nights", dark=dark, width=390)
    page.wait_for_selector(".plot .main-svg")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
