"""The page Size it: what a traffic takes, under whose limits and prices, what sets the limit and what it rests on."""

from __future__ import annotations

import pandas as pd
import pytest
from playwright.sync_api import expect

from browser_look import violations
from enginebench import config
from enginebench.analysis.economics import OwnRate
from enginebench.analysis.sizing import Demand, size
from enginebench.records import Limit, Objective
from enginebench.site import build
from enginebench.site.points import all_points
from enginebench.store import Store
from measured_parts import MODEL, MS, a_fleet
from stored import a_run, a_store, a_trial

OWN = "own $ an accelerator-hour of h100-sxm"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("size")
    store = a_fleet(folder)
    return store, build(store, folder / "site").parent


@pytest.fixture(scope="module")
def site(fleet):
    return fleet[1]


def shown(opened, site, view="", **look):
    page = opened(site, f"#/size{view}", **look)
    expect(lead(page)).not_to_be_empty()
    return page


def lead(page):
    return page.get_by_role("status")


def typed(page, label, value):
    page.get_by_label(label, exact=True).fill(value)
    page.get_by_label(label, exact=True).press("Enter")


def saved(page, tmp_path):
    """The table of answers, as its CSV says it."""
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").first.click()
    download.value.save_as(tmp_path / "size.csv")
    return pd.read_csv(tmp_path / "size.csv")


def of_python(store, limits, *, rate_rps=200.0, own=None, price_class="neocloud", on=None, **asked):
    """The same by Python from the store, ours by the steady window and another tool's by the whole run."""
    points = all_points(store.runs(), store).query("now").set_index("id")
    objective = Objective(
        name="ours",
        limits=tuple(Limit(metric=metric, at_most_ns=ms * MS, share=share) for metric, ms, share in limits),
        goodput_share=asked.pop("together", None),
    )
    demand = Demand(model=MODEL, objective=objective, workload="chat-1024", rate_rps=rate_rps, **asked)
    found = size(points[points["tool"] == ""], demand, config.rates(), own=own or {}, price_class=price_class, on=on)
    return found[found["meets"]]


STANDARD = (("ttft", 2000, 0.99), ("tpot", 50, 0.99))
COLUMNS = {
    "accelerators": "accelerators",
    "$/month": "usd_per_month",
    "$/Mtok, total": "total_usd_per_mtok",
    "kW": "kw",
    "measured rate of one (requests/s)": "deployment_rps",
}


def check(told, truth):
    assert len(told) == len(truth) > 0
    for title, name in COLUMNS.items():
        for end in ("", "low", "high"):
            mine, theirs = told[f"{title}, {end}" if end else title], truth[f"{name}_{end}" if end else name]
            # The page has six digits of every figure.
            assert list(mine) == pytest.approx(list(theirs.astype(float)), rel=1e-4, nan_ok=True), (title, end)


def test_every_deployments_figures_and_intervals_are_those_of_python(opened, fleet, tmp_path):
    store, site = fleet
    page = shown(opened, site, "?traffic=200&workload=chat-1024&all=1")
    told, truth = saved(page, tmp_path), of_python(store, STANDARD)
    check(told, truth)
    assert list(told["points"]) == [" ".join(one) for one in truth["rests_on"]]
    first = truth.iloc[0]
    assert f"{first['accelerators']} accelerators" in lead(page).inner_text()
    assert "h200-sxm" in lead(page).inner_text()
    assert set(told["arrivals"]) == {"closed loop", "Poisson"}


@pytest.mark.parametrize(
    ("view", "limits", "asked"),
    [
        ("ttft=100&ttft_p=p50&tpot=&tpot_p=p99", (("ttft", 100, 0.5),), {}),
        (
            "ttft=150&ttft_p=p99&tpot=9&tpot_p=p90&e2el=9000&spare=2",
            (("ttft", 150, 0.99), ("tpot", 9, 0.9), ("e2el", 9000, 0.99)),
            {"spare": 2},
        ),
        (
            "ttft=200&tpot=10&together=90&utilisation=50",
            (("ttft", 200, 0.99), ("tpot", 10, 0.99)),
            {"together": 0.9, "utilisation": 0.5},
        ),
        (
            "slo=mlperf-llama3.1-8b-interactive&price=rental",
            (("ttft", 500, 0.99), ("tpot", 30, 0.99)),
            {"price_class": "rental"},
        ),
        (
            "rates_on=2026-05-05&usd=h100-sxm:0.5&kw=h100-sxm:3",
            STANDARD,
            {"on": "2026-05-05", "own": {"h100-sxm": OwnRate(usd_per_hour=0.5, all_in_kw=3.0)}},
        ),
    ],
)
def test_limits_headroom_and_prices_are_taken_from_the_address(opened, fleet, tmp_path, view, limits, asked):
    store, site = fleet
    page = shown(opened, site, f"?traffic=200&workload=chat-1024&all=1&{view}")
    check(saved(page, tmp_path), of_python(store, limits, **asked))


def test_what_is_typed_changes_the_answer_and_the_address(opened, site):
    page = shown(opened, site, "?traffic=200&workload=chat-1024")
    before = lead(page).inner_text()
    typed(page, "traffic", "4000")
    expect(lead(page)).not_to_have_text(before)
    expect(lead(page)).to_contain_text("for 4,000 requests/s")
    page.locator("select[name=unit]").select_option("tps")
    expect(lead(page)).to_contain_text("for 15.63 requests/s")
    typed(page, "spare deployments (N + …)", "3")
    expect(lead(page)).to_contain_text("and 3 to spare")
    page.get_by_label("requests like").select_option("chat-8192")
    typed(page, "utilisation (% of the measured rate)", "60")
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    address = page.url.partition("#/size")[2]
    words = lead(page).inner_text()
    for part in ("traffic=4000", "unit=tps", "spare=3", "workload=chat-8192", "utilisation=60"):
        assert part in address
    assert lead(shown(opened, site, address)).inner_text() == words


def test_a_named_objective_fills_the_limits_and_one_that_is_changed_is_the_readers_own(opened, site):
    page = shown(opened, site)
    page.locator("select[name=slo]").select_option("mlperf-llama3.1-8b-interactive")
    expect(page.get_by_label("TTFT at most (ms)")).to_have_value("500")
    expect(page.locator("main")).to_contain_text("Objective: MLPerf Inference, loadgen/mlperf.conf")
    assert "slo=mlperf-llama3.1-8b-interactive" in page.url
    typed(page, "TPOT at most (ms)", "7")
    expect(page.locator("select[name=slo]")).to_have_value("own")
    expect(page.get_by_label("TTFT at most (ms)")).to_have_value("500")
    assert "tpot=7" in page.url
    expect(page.locator("main")).to_contain_text("TPOT")
    page.locator("select[name=ttft_p]").select_option("p50")
    assert "ttft_p=p50" in page.url


def test_own_prices_in_the_page_stand_in_the_address_and_beside_the_figures(opened, site):
    page = shown(opened, site, "?traffic=200&workload=chat-1024")
    page.get_by_label(OWN).fill("0.1")
    page.get_by_label(OWN).press("Enter")
    expect(lead(page)).to_contain_text("h100-sxm")
    assert "usd=h100-sxm%3A0.1" in page.url
    expect(page.get_by_role("table").first).to_contain_text("the reader's own")
    page.get_by_label("price of a").select_option("hyperscaler")
    expect(page.locator("main")).to_contain_text("$/accelerator-hour, hyperscaler")


def test_the_cheapest_of_each_part_and_engine_stands_until_all_are_asked_for_and_the_rest_is_counted(opened, site):
    page = shown(opened, site, "?traffic=200&workload=chat-1024")
    rows = page.get_by_role("table").first.locator("tbody tr")
    few = rows.count()
    pairs = [row.locator("th").inner_text() + row.locator("td").first.inner_text().split("\n")[0] for row in rows.all()]
    assert len(set(pairs)) == few == 6
    expect(page.locator("main")).to_contain_text("dearer of the same part and engine")
    page.get_by_label("every deployment").check()
    expect(rows).not_to_have_count(few)
    assert "Not shown" not in page.locator("main").inner_text()


def test_each_answer_leads_to_its_points_and_runs(opened, site):
    page = shown(opened, site, "?traffic=200&workload=chat-1024&ttft=100&tpot=20&ttft_p=p99&tpot_p=p99")
    row = page.get_by_role("table").first.locator("tbody tr").first
    expect(row).to_contain_text("TPOT")
    assert row.get_by_role("link", name="run").count() == 2, "between two loads"
    assert "1.259 times the limit of 100 ms" in row.inner_text()
    href = row.get_by_role("link").first.get_attribute("href")
    assert href.startswith(f"#/frontier?model={MODEL}")
    assert "point=" in href
    assert row.get_by_role("link", name="run").first.get_attribute("href").startswith("#/run?trial=")


def test_the_page_says_what_it_does_not_know(opened, site):
    page = shown(opened, site, "?traffic=200&workload=chat-1024")
    text = page.locator("main").inner_text()
    assert "Nothing is extrapolated" in text
    assert "highest load measured" in text
    assert "optimistic in the tails" in text
    assert "the part is not one of configs/hardware" in text
    assert "5 points left out (wrong answers, invalidated, late client)" in text
    strict = shown(opened, site, "?traffic=200&ttft=1&ttft_p=p99&tpot=1&tpot_p=p99")
    assert lead(strict).inner_text() == "No deployment that was measured is known to keep this objective."
    why = strict.get_by_role("table", name="Deployments without an answer").inner_text()
    assert "no load meets it" in why
    assert "times the limit of 1 ms" in why
    expect(strict.get_by_role("heading", name="Side by side")).to_be_hidden()


def test_another_tools_points_are_sized_by_their_tokens_and_flagged(opened, site):
    page = shown(opened, site, "?workload=1024/256&traffic=10")
    expect(page.get_by_role("table").first).to_contain_text("othertool")
    # 100 × 9 tok/s of each of 8 accelerators, in requests of 256 tokens.
    assert "28.13" in page.get_by_role("table").first.inner_text()
    expect(page.locator("main")).to_contain_text("requests/s are made of their tokens over the whole run")
    expect(page.locator("main")).to_contain_text("1 answer without an interval")


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("traffic=0", "The traffic is no rate above 0"),
        ("utilisation=130", "The utilisation is 130 %"),
        ("spare=-1", "-1 deployments to spare"),
        ("together=100", "All limits at once for 100 %"),
        ("slo=own", "No limit is given"),
    ],
)
def test_what_can_not_be_asked_is_said_in_a_sentence(opened, site, view, words):
    page = shown(opened, site, f"?{view}")
    assert words in lead(page).inner_text()
    assert page.get_by_role("table").first.inner_text().startswith("Rates in force")


def test_the_chart_shows_the_figure_chosen_with_its_intervals(opened, fleet):
    store, site = fleet
    page = shown(opened, site, "?traffic=200&workload=chat-1024&all=1&show=kw")
    plot = page.locator('[aria-label^="Chart: What the traffic takes"]')
    plot.locator(".main-svg").first.wait_for()
    traces = plot.evaluate("(one) => one.data.map(({ x, error_x, name }) => ({ x, error_x, name }))")
    truth = of_python(store, STANDARD).dropna(subset=["kw"])
    assert sorted(x for one in traces for x in one["x"]) == pytest.approx(sorted(truth["kw"]))
    reach = [one for trace in traces for one in trace["error_x"].get("array", [])]
    assert sum(reach) == pytest.approx((truth["kw_high"] - truth["kw"]).sum())
    page.get_by_label("shown").select_option("accelerators")
    expect(plot).to_contain_text("Accelerators")


def test_a_store_without_points_or_lengths_says_what_is_missing(opened, tmp_path):
    none = build(Store(tmp_path / "empty"), tmp_path / "a").parent
    assert "The store has no points" in opened(none, "#/size").locator("main").inner_text()
    bare = build(a_store(tmp_path, a_trial("t", [a_run(0)])), tmp_path / "b").parent
    page = shown(opened, bare)
    assert lead(page).inner_text() == "No deployment that was measured is known to keep this objective."
    assert "can't be told" in page.locator("main").inner_text()


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"width": 390}])
def test_it_is_accessible_and_fits_a_phone(opened, site, look):
    page = shown(opened, site, "?traffic=200&workload=chat-1024", **look)
    page.locator(".plot .main-svg").first.wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
