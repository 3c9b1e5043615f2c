"""The page of one trial: commands, environment, failure, quality, runs, distributions, times and log; and why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

import builders
from browser_look import violations
from enginebench.records import EngineSample
from enginebench.site import build
from enginebench.store import Store
from enginebench.tables import write_engine, write_requests, write_telemetry
from stored import CLOSED, OPEN, a_job, a_quality, a_run, a_trial, an_lm_eval_score, finished

NIGHT = "2026-11-24"
HOSTILE = "<img src=x onerror=window.broken=1><i>log</i>"
BEGAN_NS = 1_795_485_600_000_000_000
"""2026-11-24 02:00 UTC, when the runs of `stored.a_run` begin."""


def measured(folder):
    """A trial with requests, telemetry of two devices, what the engine told, and a long log."""
    job = a_job(loads=(CLOSED, OPEN))
    first = a_run(0, output_tps_per_accelerator=100.0, ttft_mean_ns=5e7)
    second = a_run(0, point=1, marks=("neighbour",), output_tps_per_accelerator=20.0)
    result = a_trial("whole", [first, a_run(1, output_tps_per_accelerator=120.0), second], job=job)
    reason = "before the load: KL divergence <i>too high</i>"
    quality = replace(
        a_quality(passed=False, right=0, reasons=(reason,)),
        lm_eval=(an_lm_eval_score(value=0.0, low=0.0, high=0.0188, passed=False),),
    )
    folder = finished(folder / "whole", replace(result, quality=quality))
    rows = [
        builders.a_request(run=run.id, index=index, first_token_ns=10_000_000 * (index + 1))
        for run in result.runs
        for index in range(4)
    ]
    write_requests(rows, folder / "requests.parquet")
    times = [BEGAN_NS + second * 10**9 for second in range(10)]
    devices = [{"t_ns": t_ns, "device": device, "power_w": 300.0} for t_ns in times for device in (0, 1)]
    machine = [{"t_ns": t_ns, "cpu_busy_cores": 4.0} for t_ns in times]
    write_telemetry([*devices, *machine], folder / "telemetry.parquet")
    write_engine([EngineSample(t_ns=t_ns, requests_running=8.0) for t_ns in times], folder / "engine.parquet")
    (folder / "server.log").write_text("".join(f"line {index}\n" for index in range(99)) + HOSTILE + "\n")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    store = Store(folder / "store")
    store.ingest(measured(folder))
    store.ingest(finished(folder / "bad", a_trial("bad", failure=f"the server ended {HOSTILE}")))
    gone = finished(
        folder / "gone", a_trial("gone", [a_run(0, output_tps_per_accelerator=1.0)], job=a_job(version="2"))
    )
    (gone / "requests.parquet").unlink()
    store.ingest(gone)
    store.invalidate("gone", reason=f"the fan {HOSTILE}", author="Ada")
    return build(store, folder / "site").parent


def the_run(opened, site, trial="whole", **look):
    page = opened(site, f"#/run?trial={trial}&night={NIGHT}", **look)
    page.get_by_role("heading", name="Log", exact=True).wait_for()
    return page


def chart(page, label):
    """What plotly drew of a chart."""
    plot = page.locator(f'[aria-label^="Chart: {label}"]')
    plot.locator(".main-svg").first.wait_for()
    return plot.evaluate("(one) => one.data.map(({ name, x, y }) => ({ name, x, y }))")


def test_commands_that_start_and_repeat_it_and_where_it_ran(opened, site):
    text = the_run(opened, site).locator("main").inner_text()
    assert "enginebench reproduce whole --store " in text
    assert "engine serve 'two words'" in text
    assert "Test CPU" in text
    assert "complete (reached: done)" in text


def test_each_run_with_its_figures_and_marks_and_why_others_are_missing(opened, site):
    page = the_run(opened, site)
    rows = page.locator("section", has=page.get_by_role("heading", name="Runs", exact=True)).locator("tbody tr")
    assert rows.count() == 3
    assert "120" in rows.nth(1).inner_text()
    assert "neighbour" in rows.nth(2).inner_text() or "other programs" in rows.nth(2).inner_text()
    missing = page.locator("section", has=page.get_by_role("heading", name="Not given, and why"))
    assert "not measured: " in missing.inner_text()
    assert "Goodput" in missing.inner_text()


def test_a_gate_that_failed_says_so_with_its_questions_and_tasks(opened, site):
    text = the_run(opened, site).locator("main").inner_text()
    assert "before the load: KL divergence <i>too high</i>" in text
    assert "all 0/50" in text
    assert "0 [0, 0.0188]" in text
    assert "0.3 failed" in text


def test_distributions_of_the_chosen_point_hold_every_request_of_each_repeat(opened, site):
    page = the_run(opened, site)
    drawn = chart(page, "TTFT")
    assert [one["name"] for one in drawn] == ["c8, repeat 0", "c8, repeat 1"]
    assert [sum(one["y"]) for one in drawn] == [pytest.approx(100)] * 2, "shares of all requests"
    assert drawn[0]["x"][0] <= 10 < drawn[0]["x"][1] * 1.0001, "10 ms in the first bin"
    assert all(sum(one["y"]) == pytest.approx(100) for one in chart(page, "ITL"))
    page.get_by_label("distributions of").select_option(index=1)
    page.locator('[aria-label^="Chart: TTFT, 1 run"]').wait_for()
    assert [one["name"] for one in chart(page, "TTFT")] == ["r0.5, repeat 0"]


def test_telemetry_and_the_engines_own_figures_over_time_and_their_table(opened, site):
    page = the_run(opened, site)
    series = {one["name"]: one for one in chart(page, "Accelerators and machine")}
    assert set(series) == {"power (W, 2 together)", "busy CPU cores"}
    assert series["power (W, 2 together)"]["y"] == [600] * 10
    assert series["busy CPU cores"]["x"] == list(range(10))
    assert chart(page, "What the engine told")[0]["y"] == [8] * 10
    over_time = page.locator("section", has=page.get_by_role("heading", name="Over time"))
    over_time.get_by_text("The same as a table").first.click()
    expect(over_time.locator("tbody tr")).to_have_count(10)
    assert "3 runs" in over_time.inner_text()


def test_the_end_of_the_log_is_text(opened, site):
    page = the_run(opened, site)
    log = page.get_by_role("region", name="The end of the server's log").inner_text()
    assert log.splitlines()[-1] == HOSTILE
    assert log.splitlines()[0] == "line 20"
    assert "The last 80 of 100 lines." in page.locator("main").inner_text()
    assert page.evaluate("window.broken") is None
    assert page.locator("main i").count() == 0


def test_a_failed_trial_shows_its_failure_first_and_its_log(opened, site):
    page = the_run(opened, site, "bad")
    text = page.locator("main").inner_text()
    assert f"crashed: the server ended {HOSTILE}" in text
    assert "last words" in text
    assert "No run was finished." in text
    assert "No point holds a run of it" in text
    assert page.locator("main i").count() == 0


def test_a_trial_that_counts_no_more_says_why_and_what_it_has_not(opened, site):
    text = the_run(opened, site, "gone").locator("main").inner_text()
    assert f"the fan {HOSTILE} (Ada)" in text
    assert "No distribution: the trial left no row of a request." in text
    assert "None: the engine told nothing of itself while the load ran." in text


def test_it_leads_to_its_points_on_the_frontier_and_over_the_nights(opened, site):
    page = the_run(opened, site)
    links = page.locator("section", has=page.get_by_role("heading", name="Its points")).locator("a")
    assert links.all_inner_texts() == ["on the frontier", "over the nights"] * 2
    assert f"night={NIGHT}" in links.first.get_attribute("href")
    links.first.click()
    page.locator('main[data-page="frontier"]').wait_for()
    expect(page.locator("main")).to_contain_text("The run whole")
    page.get_by_role("link", name="The run whole").click()
    page.locator('main[data-page="run"]').wait_for()
    expect(page.locator("main")).to_contain_text("trial whole")


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("", "No run is chosen"),
        (f"?trial=nonsense&night={NIGHT}", f"Night {NIGHT} has no trial “nonsense”."),
        ("?trial=whole&night=2020-01-01", "The store has no night “2020-01-01” with trials."),
    ],
)
def test_a_run_that_is_not_there_is_told(opened, site, view, words):
    page = opened(site, f"#/run{view}")
    expect(page.locator("main")).to_contain_text(words)


def test_another_address_draws_another_trial(opened, site):
    page = the_run(opened, site, "bad")
    page.evaluate(f"location.hash = '#/run?trial=whole&night={NIGHT}'")
    expect(page.locator("main")).to_contain_text("trial whole: complete")


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"width": 390}])
def test_it_is_accessible_and_fits(opened, site, look):
    page = the_run(opened, site, **look)
    chart(page, "What the engine told")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
