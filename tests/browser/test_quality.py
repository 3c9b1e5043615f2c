"""Quality in a browser: verdicts, scores with intervals, failed ones with their reasons, other tools' evaluations."""

from __future__ import annotations

import pytest

from browser_look import violations
from enginebench.site import build
from made_history import history
from stored import a_run, a_store, a_trial


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return history(tmp_path_factory.mktemp("quality"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("pages") / "site").parent


def rows(page, caption):
    found = page.get_by_role("table", name=caption)
    heads = found.locator("thead th").all_inner_texts()
    cells = [row.locator("th, td").all_inner_texts() for row in found.locator("tbody tr").all()]
    return [dict(zip(heads, one, strict=True)) for one in cells]


def test_every_server_stands_there_with_its_score_and_verdict(opened, site, store):
    page = opened(site, "#/quality")
    shown = {row["trial"]: row for row in rows(page, "Quality of tiny")}
    asked = {one.trial: one.quality for one in store.results() if one.quality is not None}
    assert set(shown) == set(asked)
    for trial, row in shown.items():
        every = asked[trial].checks[0].scores[0]
        share = every.right / every.asked * 100
        assert row["questions answered right (%)"] == f"{share:g} [0, 100] of {every.asked}"
        assert row["verdict"] == ("passed" if asked[trial].passed else "failed")
    assert "33 server starts passed the gate, 1 failed it" in page.locator(".lead").inner_text()


def test_a_score_of_0_is_0_and_the_failed_one_says_why_and_links_to_its_run(opened, site):
    page = opened(site, "#/quality")
    (failed,) = rows(page, "Server starts of tiny that gave wrong answers")
    assert failed["questions answered right (%)"] == "0 [0, 100] of 50"
    assert "strict-match 0 [0, 0.4] of 200, floor 0.3 failed" in failed["lm-eval"]
    assert "0 of 50 right" in failed["why"]
    link = page.get_by_role("table", name="Server starts of tiny").get_by_role("link", name="sglang-12")
    assert link.get_attribute("href") == "#/run?night=2026-11-12&trial=sglang-12"


def test_a_failed_server_is_drawn_hollow_at_0(opened, site):
    page = opened(site, "#/quality")
    page.wait_for_selector(".plot .main-svg")
    trace = page.evaluate(
        "(({x, y, marker}) => ({x, y, symbol: marker.symbol}))(document.querySelector('.plot').data[0])"
    )
    place = trace["x"].index("2026-11-12")
    assert (trace["y"][place], trace["symbol"][place]) == (0, "circle-open")
    assert trace["symbol"].count("circle-open") == 1


def test_a_task_of_lm_eval_is_shown_with_its_interval(opened, site):
    page = opened(site, "#/quality")
    page.locator("select[name=measure]").select_option(label="lm-eval gsm8k exact_match,strict-match")
    page.wait_for_function("document.querySelector('.plot').layout.yaxis.title.text.startsWith('lm-eval')")
    first = page.evaluate("document.querySelector('.plot').data[1]")
    assert first["y"][0] == pytest.approx(0.345)
    assert first["error_y"]["array"][0] == pytest.approx(0.055)
    assert first["error_y"]["arrayminus"][0] == pytest.approx(0.345)
    page.locator("select[name=measure]").select_option("kl_nats")
    page.get_by_text("34 server starts without this figure are in the table alone").wait_for()


def test_evaluations_of_another_tool_are_flagged_and_one_of_0_is_0(opened, site):
    page = opened(site, "#/quality")
    assert "Not measured here: 3 scores as inferencex tells them" in page.locator("main").inner_text()
    shown = rows(page, "gsm8k em_strict, as told by inferencex")
    assert [row["score"] for row in shown] == [
        "0.97 [0.9155, 0.9897] of 100",
        "0.96 [0.9016, 0.9843] of 100",
        "0 [0, 0.03699] of 100",
    ]
    assert {row["told by"] for row in shown} == {"inferencex"}
    page.wait_for_function("document.querySelectorAll('.plot .main-svg').length > 3")
    assert 0 in page.evaluate("[...document.querySelectorAll('.plot')].at(-1).data[0].y")


def test_a_store_that_asked_nothing_says_so(opened, tmp_path):
    page = opened(build(a_store(tmp_path, a_trial("t", [a_run(0)])), tmp_path / "site").parent, "#/quality")
    assert "No server of this store was asked" in page.locator("main").inner_text()
    assert "1 were not asked" in page.locator("main").inner_text()


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_and_fits_a_phone(opened, site, dark):
    page = opened(site, "#/quality", dark=dark, width=390)
    page.wait_for_selector(".plot .main-svg")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
