"""A served dashboard in a browser: a running night is told on every page, new results come in, the view stays."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from playwright.sync_api import expect

import builders
from browser_look import violations
from enginebench.site.serve import Dashboard, Server
from enginebench.trial.workdir import State, Workdir
from stored import a_job, a_run, a_store, a_trial, finished

HOSTILE = "<img src=x onerror=window.broken=1>"
SCROLLED = "new Promise((yes) => { const look = () => (scrollY === 200 ? yes(true) : setTimeout(look, 20)); look(); })"


@pytest.fixture
def store(tmp_path):
    return a_store(tmp_path, *(a_trial(f"t{day}", [a_run(0, day=day)], night=f"2026-11-{day}") for day in (22, 23, 24)))


@pytest.fixture
def dashboard(store, tmp_path):
    made = Dashboard(store, tmp_path / "site", tmp_path / "work")
    made.refresh()
    return made


@pytest.fixture
def url(dashboard):
    with Server(dashboard, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.fixture
def trial(tmp_path):
    """Measures on the host `lab` while the test lasts."""
    job = a_job()
    job = replace(job, deployment=replace(job.deployment, engine=HOSTILE))
    state = State(
        trial="now",
        attempt=builders.an_attempt(job=job),
        environment=builders.an_environment(),
        started_utc="2026-11-25T02:10:00+00:00",
        stage="start",
    )
    made = Workdir(tmp_path / "work" / "lab" / "job", state)
    yield made
    made._lock.close()


@pytest.mark.parametrize("address", ["#/methods", "#/nights", "#/quality"])
def test_a_running_night_is_told_in_a_line_of_every_page_and_goes_on(url, opened, trial, address):
    page = opened(url, address)
    line = page.get_by_role("status")
    expect(line).to_contain_text(f"Measuring now: lab: tiny on {HOSTILE} 1.0")
    expect(line).to_contain_text("starting the server, 0 of 9 runs done, since 2026-11-25 02:10 UTC")
    trial.update(stage="measure")
    trial.add(a_run(0), [])
    expect(line).to_contain_text("measuring, 1 of 9 runs done")
    assert page.evaluate("window.broken") is None
    assert violations(page) == []


def test_the_page_of_nights_tells_it_in_full_and_says_when_it_was_killed(url, opened, trial):
    page = opened(url, "#/nights")
    row = page.get_by_role("table", name="Under way now").locator("tbody tr")
    expect(row).to_contain_text("0 of 9")
    expect(row).to_contain_text("starting the server")
    trial._lock.close()
    expect(row).to_contain_text("killed: the next night of its host takes in what it measured")
    expect(page.get_by_role("status")).to_be_hidden()


def test_nothing_is_told_where_nothing_runs(url, opened):
    page = opened(url, "#/nights")
    with page.expect_response("**/stamp.json"):
        pass
    expect(page.locator("#live")).to_be_hidden()
    assert page.get_by_role("table", name="Under way now").count() == 0


def test_new_results_come_in_and_the_view_stays(url, opened, dashboard, store, tmp_path):
    page = opened(url, "#/nights?night=2026-11-23")
    page.wait_for_selector(".plot .main-svg")
    page.locator("figure details summary").click()
    page.locator("select[name=night]").focus()
    page.evaluate("scrollTo(0, 200)")
    new = a_trial("new", [a_run(0, day=25)], night="2026-11-25")
    store.ingest(finished(tmp_path / "f" / "new", new))
    dashboard.refresh()
    expect(page.get_by_role("table", name="Nights, newest first")).to_contain_text("2026-11-25")
    assert page.url.endswith("#/nights?night=2026-11-23")
    expect(page.locator(".lead")).to_contain_text("Night 2026-11-23:")
    assert page.locator("select[name=night]").input_value() == "2026-11-23"
    expect(page.locator("select[name=night]")).to_be_focused()
    assert page.locator("figure details").get_attribute("open") is not None
    assert page.evaluate(SCROLLED)


def test_from_a_disk_nothing_is_asked(opened, dashboard):
    page = opened(dashboard.folder, "#/nights")
    assert page.evaluate("performance.getEntriesByType('resource').filter((one) => /stamp/.test(one.name)).length") == 0
