"""The dashboard in a real headless browser, opened from disk without a network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from enginebench.site import build
from enginebench.store import Store
from scripted_night import ScriptedNight
from stored import a_job, a_quality, a_run, a_store, a_trial, an_lm_eval_score

pytestmark = [
    pytest.mark.browser,
    # One browser for all of them.
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not shutil.which("chromedriver"), reason="no Chromium here: `make browser` installs it"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for word in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-component-update"),
        *("disable-background-networking", "disable-sync", "window-size=1280,1600"),
        "host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dashboard of a night with 20 requests a run, and of one that failed."""
    folder = tmp_path_factory.mktemp("night")
    night = ScriptedNight(folder)
    assert night.night()[0] == 0
    night.write_engine(str(folder / "engine"), crash_words="RuntimeError: <b>scripted</b> crash")
    assert night.night("--again")[0] == 1
    return night.store / "site" / "index.html"


def opened(browser: webdriver.Chrome, page: Path, view: str = "") -> webdriver.Chrome:
    browser.get("about:blank")
    browser.get(page.as_uri() + view)
    WebDriverWait(browser, 20).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#frontier .main-svg"))
    return browser


def text(browser: webdriver.Chrome, name: str) -> str:
    return browser.find_element(By.ID, name).text


def test_it_opens_from_disk_without_a_word_on_the_console_or_the_network(browser, pages):
    opened(browser, pages)
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    loaded = browser.execute_script(
        "return [...document.querySelectorAll('[src], link[href]')].map((one) => one.src ?? one.href)"
    )
    assert loaded
    assert all(name.startswith("file:") for name in loaded)


def test_every_point_is_in_the_chart_with_its_interval_and_in_the_table_with_its_unit(browser, pages):
    opened(browser, pages)
    points = json.loads((pages.parent / "data.json").read_text())["points"]
    drawn = browser.execute_script(
        "return document.getElementById('frontier').data.filter((one) => one.mode.includes('markers'))"
        ".flatMap((one) => one.x.map((x, i) => [x, one.y[i], one.error_y.array[i], one.error_y.arrayminus[i]]))"
    )
    values = [[p["values"][name] for name in ("interactivity_mean_tps", "output_tps_per_accelerator")] for p in points]
    assert [point[:2] for point in sorted(drawn)] == [[x[0], y[0]] for x, y in sorted(values)]
    for (*_, above, below), (_, y) in zip(sorted(drawn), sorted(values), strict=True):
        # A busy machine can leave one run of a point that counts: it has no interval.
        known = None not in y
        assert [above, below] == ([pytest.approx(y[2] - y[0]), pytest.approx(y[0] - y[1])] if known else [0, 0])
    table = browser.find_element(By.ID, "table")
    assert len(table.find_elements(By.CSS_SELECTOR, "tbody tr")) == len(points) == 2
    assert "Output throughput (tok/s/accelerator)" in table.text
    assert "TTFT mean (ms)" in table.text
    assert f"{len(points)} of {len(points)} points of this night shown; 0 filtered out" in text(
        browser, "frontier-note"
    )


def test_the_view_lives_in_the_link(browser, pages):
    opened(browser, pages)
    Select(browser.find_element(By.ID, "x")).select_by_value("ttft_mean_ns")
    browser.find_element(By.ID, "xlog").click()
    link = browser.current_url
    assert "x=ttft_mean_ns" in link
    opened(browser, pages, "#" + link.partition("#")[2])
    axis = browser.execute_script(
        "const a = document.getElementById('frontier').layout.xaxis; return [a.type, a.title.text]"
    )
    assert axis == ["log", "TTFT mean (ms)"]


def test_details_show_the_command_that_repeats_the_run_and_why_figures_are_missing(browser, pages):
    opened(browser, pages)
    browser.find_element(By.CSS_SELECTOR, "#table tbody a").click()
    shown = text(browser, "run")
    assert "enginebench reproduce " in shown
    assert f" --store {pages.parent.parent}" in shown
    assert "serve " in shown
    assert "dummy weights: random, made by the engine" in shown
    assert "Not given, and why" in shown
    assert "p99 needs 299 requests to have an interval; this run has 4" in shown


def test_a_server_with_wrong_answers_is_hollow_off_the_frontier_and_says_why(browser, tmp_path):
    """The wrong one is the fastest by far, and beats nobody."""
    axes = ("output_tps_per_accelerator", "interactivity_mean_tps")
    slow = a_trial("slow", [a_run(0, **dict.fromkeys(axes, 10.0))], job=a_job(version="1.0"))
    fast = a_run(0, marks=("failed_quality",), **dict.fromkeys(axes, 99.0))
    reason = "before the load: KL divergence <i>too high</i>"
    wrong = replace(
        a_trial("wrong", [fast], job=a_job(version="2.0")),
        quality=replace(
            a_quality(passed=False, right=0, reasons=(reason,)),
            lm_eval=(an_lm_eval_score(value=0.0, low=0.0, high=0.0188, passed=False),),
        ),
    )
    opened(browser, build(a_store(tmp_path, slow, wrong), tmp_path / "site"))
    drawn = browser.execute_script("return document.getElementById('frontier').data")
    (best,) = (one for one in drawn if one["name"] == "frontier")
    assert best["x"] == [10]
    marked = {one["marker"]["symbol"][0]: one for one in drawn if one["name"] != "frontier"}
    assert len(marked) == 2
    (hollow,) = (one for symbol, one in marked.items() if symbol.endswith("-open"))
    (full,) = (one for symbol, one in marked.items() if not symbol.endswith("-open"))
    assert (hollow["x"], full["x"]) == ([99], [10])
    assert full["marker"]["opacity"] == [1], "the wrong one does not make it paler"
    assert "KL divergence" in hollow["hovertext"][0]
    assert "1 here, kept off the frontier" in text(browser, "frontier-note")
    assert "0 failed" in text(browser, "table")
    opened(browser, tmp_path / "site" / "index.html", "#run=wrong")
    assert reason in text(browser, "run")
    assert "all 0/50" in text(browser, "run")
    assert "gsm8k 3.0 exact_match,strict-match 5 200 0 [0, 0.0188] 0.3 failed" in text(browser, "run")
    assert browser.find_elements(By.CSS_SELECTOR, "#run i") == []


def test_what_counts_no_more_and_what_reproduces_another_is_told_where_it_stands(browser, tmp_path):
    axes = ("output_tps_per_accelerator", "interactivity_mean_tps")
    good, bad = (a_run(index, **dict.fromkeys(axes, 10.0 + index)) for index in range(2))
    again = a_trial("again", [a_run(0, **dict.fromkeys(axes, 99.0))])
    again = replace(again, attempt=replace(again.attempt, reproduces="t"))
    store = a_store(tmp_path, a_trial("t", [good, bad]), a_trial("gone", [bad], job=a_job(version="2.0")), again)
    store.invalidate("t.0.1", reason="the fan <i>had failed</i>", author="Ada")
    store.invalidate("gone", reason="wrong machine", author="Ben")
    opened(browser, build(store, tmp_path / "site"))
    drawn = browser.execute_script("return document.getElementById('frontier').data")
    (best,) = (one for one in drawn if one["name"] == "frontier")
    assert best["x"] == [10], "neither the reproduction nor what counts no more"
    assert sorted(x for one in drawn if one["name"] != "frontier" for x in one["x"]) == [10, 99]
    table = text(browser, "table")
    assert "invalid runs left out: the fan <i>had failed</i> (Ada)" in table
    assert "invalid: wrong machine (Ben)" in table
    assert "reproduces t: no verdict" in table
    assert browser.find_elements(By.CSS_SELECTOR, "#table i") == []
    opened(browser, tmp_path / "site" / "index.html", "#run=t")
    assert "invalid: the fan <i>had failed</i> (Ada)" in text(browser, "run")
    opened(browser, tmp_path / "site" / "index.html", "#run=gone")
    assert "wrong machine (Ben)" in text(browser, "run")
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def test_a_failure_is_on_the_first_screen_and_its_log_cannot_become_markup(browser, pages):
    opened(browser, pages)
    assert "crashed" in text(browser, "failures")
    assert "<b>scripted</b>" in text(browser, "failures")
    assert browser.find_elements(By.CSS_SELECTOR, "#failures b") == []


def test_an_empty_store_says_so(browser, tmp_path):
    page = build(Store(tmp_path / "none"), tmp_path / "site")
    browser.get(page.as_uri())
    assert "The store is empty" in text(browser, "sentence")


def test_nothing_is_cut_off_on_a_narrow_screen(browser, pages):
    browser.set_window_size(500, 900)
    try:
        opened(browser, pages)
        wide = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
    finally:
        browser.set_window_size(1280, 1600)
