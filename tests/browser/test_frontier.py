"""The page Frontier: what stands on it and what does not, every choice, intervals, prices, figures of other tools."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pandas as pd
import pytest
from playwright.sync_api import expect

import builders
from browser_look import violations
from enginebench import config
from enginebench.analysis.economics import economics
from enginebench.analysis.frontier import frontier
from enginebench.records import ForeignPoint, SameAs
from enginebench.site import build
from enginebench.store import Store
from sites import piece, rows
from stored import a_job, a_quality, a_run, a_store, a_trial

RATE, SPEED = "output_tps_per_accelerator", "interactivity_mean_tps"
LOADS = tuple(map(builders.closed, (1, 4, 16)))
HOSTILE = "<i>too high</i><img src=x onerror=window.broken=1>"


def a_curve(trial, *points, starts=2, night="2026-11-24", version="1.0", marks=(), **changes):
    """Trials of one curve, one a server start: `points` are (output tok/s/accelerator, tok/s/user) by load."""
    day = int(night[-2:])
    made = []
    for start in range(starts):
        figures = [
            a_run(
                0,
                point=at,
                day=day,
                marks=marks,
                **{
                    RATE: rate * (1 + start / 100),
                    SPEED: speed,
                    "ttft_mean_ns": 1e9 / speed,
                    "ttft_p50_ns": 2e9 / speed,
                },
            )
            for at, (rate, speed) in enumerate(points)
        ]
        job = a_job(loads=LOADS, version=version, start=start)
        job = replace(job, deployment=replace(job.deployment, **changes))
        made.append(a_trial(f"{trial}{start}", figures, night=night, job=job))
    return made


def a_foreign(place, **changes):
    """A row of another tool: its throughput is ours of the whole run, its interactivity is not."""
    point = ForeignPoint(
        tool="othertool",
        tool_version="1",
        file="results.json",
        file_sha256="0" * 64,
        place=place,
        date="2026-11-20",
        model="tiny",
        engine="trt",
        concurrency=4.0**place,
        rate_rps=None,
        input_tokens=100.0,
        output_tokens=10.0,
        completed_requests=10,
        failed_requests=0,
        said={"hardware": "h200", "precision": "fp8", "tp": 8},
        figures={"tput": 900.0 - 100 * place, "mean_intvty": 10.0 + 10 * place},
        same_as={"tput": SameAs(metric=f"{RATE}_whole_run", factor=1.0)},
        unlike={"mean_intvty": f"1 / mean TPOT {HOSTILE}"},
        notes=(),
    )
    return replace(point, **changes)


def everything(folder):
    """A good curve, a better one that is wrong, a beaten one, a reproduction, an invalid one, an older one."""
    good = a_curve("good", (100, 50), (300, 40), (600, 20), precision="bf16")
    poor = a_curve("poor", (90, 45), (310, 30), (500, 15), precision="int4")
    reason = f"before the load: KL divergence {HOSTILE}"
    wrong = [
        replace(one, quality=a_quality(passed=False, right=0, reasons=(reason,)))
        for one in a_curve("wrong", (900, 90), (950, 80), marks=("failed_quality",), precision="fp8")
    ]
    again = a_curve("again", (999, 99), starts=1)
    again = [replace(one, attempt=replace(one.attempt, reproduces="good0")) for one in again]
    gone = a_curve("gone", (800, 70), starts=1, precision="fp16")
    old = a_curve("old", (50, 25), (150, 20), (300, 10), night="2026-10-20", version="0.9", precision="bf16")
    bare = [
        a_trial(
            "bare",
            [a_run(0, **{SPEED: 5.0})],
            job=replace(a_job(), deployment=replace(a_job().deployment, precision="int8")),
        )
    ]
    store = a_store(folder, *good, *poor, *wrong, *again, *gone, *old, *bare)
    store.invalidate("gone0", reason="wrong machine", author="Ben")
    store.add_foreign([a_foreign(place) for place in range(3)])
    return store


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frontier")
    return build(everything(folder), folder / "site").parent


def shown(opened, site, view="", **look):
    page = opened(site, f"#/frontier{view}", **look)
    drawn(page)
    return page


def drawn(page):
    """The traces of the frontier's chart, by name."""
    plot = page.locator('[aria-label^="Chart: Frontier"]')
    plot.locator(".main-svg").first.wait_for()
    traces = plot.evaluate("(one) => one.data.map(({ rows, ...trace }) => trace)")
    return {one["name"]: one for one in traces}


def note(page):
    expect(page.locator("figcaption .note").first).not_to_be_empty()
    return page.locator("figcaption .note").first.inner_text()


def until_note(page, words):
    expect(page.locator("figcaption .note").first).to_contain_text(words)


def points(trace):
    return [(x, y) for x, y in zip(trace["x"], trace["y"], strict=True) if x is not None]


def test_the_frontier_is_of_eligible_points_and_every_other_is_counted_with_its_reason(opened, site):
    page = shown(opened, site)
    traces = drawn(page)
    middle = 1.005  # of starts that are 1 % apart
    assert [x for x, _ in points(traces["frontier"])] == [20, 30, 40, 50]
    assert [y for _, y in points(traces["frontier"])] == pytest.approx([600, 310, 300, 100], rel=0.006)
    assert traces["frontier"]["y"][0] == pytest.approx(600 * middle, rel=1e-4)
    told = note(page)
    assert "8 of 12 points that stand now shown." in told
    assert "Filtered out: 3 by workload. Without a figure for an axis: 1: no Output throughput." in told
    assert "On the frontier 4, beaten (paler) 2, kept off it 2 (2: the server gave wrong answers)." in told
    other = note(shown(opened, site, "?workload=100/10&window=steady"))
    assert "3: no Output throughput, but one of the whole run. Choose throughput of the whole run to see them." in other


def test_curves_follow_their_loads_and_beaten_points_are_paler_and_wrong_ones_hollow(opened, site):
    traces = {name.split(" · ")[0]: one for name, one in drawn(shown(opened, site)).items()}
    assert traces["bf16"]["text"] == ["c1", "c4", "c16"]
    assert traces["bf16"]["marker"]["opacity"] == [1, 1, 1]
    assert traces["int4"]["marker"]["opacity"] == [0.4, 1, 0.4]
    assert all(symbol.endswith("-open") for symbol in traces["fp8"]["marker"]["symbol"])
    assert traces["fp8"]["marker"]["opacity"] == [1, 1], "the wrong one is not beaten: it beats nobody and nobody it"
    assert not any(symbol.endswith("-open") for symbol in traces["bf16"]["marker"]["symbol"])
    assert "KL divergence &lt;i&gt;too high" in traces["fp8"]["hovertext"][0].replace("<br>", " ")


def test_intervals_are_bars_of_the_points_own(opened, site):
    traces = {name.split(" · ")[0]: one for name, one in drawn(shown(opened, site)).items()}
    (model,) = (one for one in piece(site, "index")["models"] if one["name"] == "tiny")
    own = [row for row in rows(piece(site, f"now/{model['key']}")) if row["precision"] == "bf16" and not row["tool"]]
    own.sort(key=lambda row: row["concurrency"])
    bars = traces["bf16"]["error_y"]
    assert bars["array"] == pytest.approx([row["values"][RATE][2] - row["values"][RATE][0] for row in own])
    assert bars["arrayminus"] == pytest.approx([row["values"][RATE][0] - row["values"][RATE][1] for row in own])
    assert min(bars["array"]) > 0


def test_the_pareto_set_is_pythons(opened, site):
    page = shown(opened, site)
    draw = random.Random(11)
    for x_higher in (True, False):
        for y_higher in (True, False):
            pairs = [(draw.randint(0, 20), draw.randint(0, 20)) for _ in range(120)]
            beaten = page.evaluate(
                "([pairs, x, y]) => EB.beaten(pairs, x, y)", [[list(one) for one in pairs], x_higher, y_higher]
            )
            truth = frontier(pairs, x_higher=x_higher, y_higher=y_higher)
            assert tuple(at for at, by in enumerate(beaten) if by is None) == truth
            assert set(filter(lambda by: by is not None, beaten)) <= set(truth)


def test_axes_statistics_logs_and_filters_are_kept_in_the_address(opened, site):
    page = shown(opened, site)
    page.get_by_label("x axis").select_option("ttft")
    page.get_by_label("statistic of").select_option("p50")
    page.get_by_label("log x").check()
    page.get_by_text("Precision: all").click()
    page.get_by_role("checkbox", name="bf16").check()
    until_note(page, "Filtered out")
    assert page.get_by_role("checkbox", name="int4").is_visible(), "the box of choices stays open"
    until_note(page, "by precision")
    address = page.url.partition("#")[2]
    again = shown(opened, site, address.removeprefix("/frontier"))
    layout = again.locator('[aria-label^="Chart: Frontier"]').evaluate("(one) => one.layout.xaxis")
    assert (layout["type"], layout["title"]["text"]) == ("log", "TTFT median (ms)")
    (curve,) = (one for name, one in drawn(again).items() if name != "frontier")
    assert curve["x"] == pytest.approx([40, 50, 100])
    assert [x for x, _ in points(drawn(again)["frontier"])] == pytest.approx([40, 50, 100]), "lower is better"


def test_a_metrics_own_name_is_an_axis_too(opened, site):
    page = shown(opened, site, f"?x=ttft_p50_ns&y={RATE}_whole_run")
    assert page.get_by_label("statistic of").input_value() == "p50"
    assert page.get_by_label("throughput of the").input_value() == "whole"


def test_months_nights_and_versions_are_loaded_when_asked_for(opened, site):
    page = shown(opened, site)
    assert "0.9" not in page.locator("main").inner_text()
    page.get_by_label("points").select_option("2026-10")
    until_note(page, "3 of 3 points of 2026-10 shown")
    (curve,) = (one for name, one in drawn(page).items() if name != "frontier")
    assert curve["x"] == [25, 20, 10]
    again = shown(opened, site, "?night=2026-10-20")
    assert "of 3 points of 2026-10 shown" in note(again)
    page.get_by_label("points").select_option("all")
    until_note(page, "of every night shown")
    page.get_by_text("Version: all").click()
    page.get_by_role("checkbox", name="scripted 0.9").check()
    until_note(page, "3 of 17 points of every night shown")


def test_runs_that_count_no_more_and_reproductions_stand_apart(opened, site):
    page = shown(opened, site, "?when=all")
    assert "kept off it 3 (2: the server gave wrong answers, 1: a reproduction)" in note(page)
    assert "1: every run was invalidated" in note(page)
    assert 99 not in [x for x, _ in points(drawn(page)["frontier"])]


def test_colours_go_by_what_is_chosen(opened, site):
    page = shown(opened, site, "?by=engine")
    traces = drawn(page)
    assert set(traces) == {"scripted", "frontier"}
    assert traces["scripted"]["x"].count(None) == 2, "a hole between its three curves"


def test_figures_of_other_tools_are_flagged_and_stand_on_their_own_frontier(opened, site):
    page = shown(opened, site, "?workload=100/10")
    until_note(page, "3 of 12 points")
    assert "3 are other tools' figures, one run each (small, without interval), on a frontier of their own." in note(
        page
    )
    differences = page.locator("main").inner_text()
    assert f"Interactivity mean by othertool is not ours: 1 / mean TPOT {HOSTILE} (3 points)" in differences
    assert page.locator("main i").count() == 0
    (trace,) = (one for name, one in drawn(page).items() if not name.startswith("frontier"))
    assert "measured by othertool" in trace["hovertext"][0]
    assert "is not ours" in trace["hovertext"][0].replace("<br>", " ")


def test_one_frontier_of_all_tools_is_drawn_only_where_asked_for(opened, tmp_path):
    job = a_job(loads=LOADS[:1])
    job = replace(job, points=tuple(replace(one, workload=builders.a_workload(name="100/10")) for one in job.points))
    store = a_store(tmp_path, a_trial("t", [a_run(0, **{f"{RATE}_whole_run": 850.0, SPEED: 100.0})], job=job))
    store.add_foreign([a_foreign(place) for place in range(3)])
    page = shown(opened, build(store, tmp_path / "site").parent, "?window=whole")
    traces = drawn(page)
    assert points(traces["frontier: by enginebench"]) == [(100, 850)]
    assert points(traces["frontier: by othertool"]) == [(10, 900), (20, 800), (30, 700)]
    page.get_by_label("one frontier for figures of all tools").check()
    until_note(page, "on one frontier with ours, as asked")
    assert points(drawn(page)["frontier"]) == [(10, 900), (100, 850)]


def all_rows(site):
    return [row for model in piece(site, "index")["models"] for row in rows(piece(site, f"now/{model['key']}"))]


def test_a_store_of_other_tools_alone_shows_their_whole_run(opened, tmp_path):
    store = Store(tmp_path / "store")
    store.add_foreign([a_foreign(place) for place in range(3)])
    page = shown(opened, build(store, tmp_path / "site").parent)
    assert page.get_by_label("throughput of the").input_value() == "whole"
    assert "3 of 3 points that stand now shown." in note(page)
    page.locator("summary", has_text="The same as a table").click()
    page.get_by_role("button", name="Details of").first.click()
    expect(page.locator("main")).to_contain_text("Measured by othertool: its files hold no command")


def test_costs_take_the_rate_of_the_night_or_the_readers_own_and_say_where_it_is_from(opened, tmp_path):
    product = "NVIDIA H100 80GB HBM3"
    made = a_curve("h", (100, 50), (300, 40), (600, 20), vendor="nvidia", product=product)
    site = build(a_store(tmp_path, *made), tmp_path / "site").parent
    page = shown(opened, site, "?y=output_usd_per_mtok")
    (curve,) = (one for name, one in drawn(page).items() if name != "frontier")
    told = sorted(all_rows(site), key=lambda row: row["concurrency"])
    frame = pd.DataFrame(
        [
            {"night": row["night"], "part": "h100-sxm"}
            | {RATE + end: row["values"][RATE][at] for at, end in enumerate(("", "_low", "_high"))}
            for row in told
        ]
    )
    truth = economics(frame, config.rates())
    assert curve["y"] == pytest.approx(list(truth["output_usd_per_mtok"]))
    assert curve["error_y"]["array"] == pytest.approx(
        list(truth["output_usd_per_mtok_high"] - truth["output_usd_per_mtok"])
    )
    section = page.locator("section", has=page.get_by_role("heading", name="Prices and power"))
    assert truth["rate_source"][0] in section.inner_text()
    assert f"in force from {truth['rate_since'][0]}" in section.inner_text()
    page.get_by_label("own $ an accelerator-hour of h100-sxm").fill("36")
    page.get_by_label("own $ an accelerator-hour of h100-sxm").press("Enter")
    expect(section).to_contain_text("the reader's own")
    assert "usd=h100-sxm%3A36" in page.url
    (curve,) = (one for name, one in drawn(page).items() if name != "frontier")
    assert curve["y"][0] == pytest.approx(36e6 / 3600 / told[0]["values"][RATE][0])
    assert violations(page) == []
    page.get_by_label("price of a").select_option("rental")
    page.get_by_label("own $ an accelerator-hour of h100-sxm").fill("")
    page.get_by_label("own $ an accelerator-hour of h100-sxm").press("Enter")
    expect(section).to_contain_text("$/accelerator-hour, rental")
    page.get_by_label("rates of").fill("2026-05-01")
    expect(section).to_contain_text("in force from 2026-04-01")
    page.get_by_label("rates of").fill("2020-01-01")
    until_note(page, "3: no rate for h100-sxm before 2026-04-01")


def test_a_point_that_is_clicked_or_chosen_by_keyboard_opens_its_details(opened, site):
    page = shown(opened, site)
    page.locator('[aria-label^="Chart: Frontier"] .scatterlayer .trace').first.locator(".point").first.click(force=True)
    panel = page.get_by_label("The point", exact=True)
    expect(panel).to_contain_text("enginebench reproduce")
    assert "point=" in page.url
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    page.locator("summary", has_text="The same as a table").focus()
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Details of bf16", exact=False).first
    button.focus()
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("The server's command")
    for words in ("engine serve 'two words'", "Environment", "TTFT", "ITL", "over time", "The last 1 of 1 line."):
        expect(panel).to_contain_text(words)
    assert page.evaluate("document.activeElement.textContent") == "The point"
    panel.get_by_label("server start").select_option(index=1)
    expect(panel).to_contain_text("reproduce good1")
    again = shown(opened, site, page.url.partition("#")[2].removeprefix("/frontier"))
    expect(again.get_by_label("The point", exact=True)).to_contain_text("reproduce good1")


def test_a_point_off_the_chart_has_its_details_and_the_reason(opened, site):
    (bare,) = (row for row in all_rows(site) if row["precision"] == "int8")
    page = shown(opened, site, f"?point={bare['id']}")
    panel = page.get_by_label("The point", exact=True)
    expect(panel).to_contain_text("not on the chart: no Output throughput")
    expect(panel).to_contain_text("enginebench reproduce bare")


def test_curves_are_hidden_by_keyboard_and_a_zoom_is_taken_back(opened, site):
    page = shown(opened, site)
    button = page.get_by_label("Curves: press to hide or show").get_by_role("button").first
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    name = button.inner_text().split(" ", 1)[1].strip()
    plot = page.locator('[aria-label^="Chart: Frontier"]')
    assert plot.evaluate("(one, name) => one.data.find((trace) => trace.name === name).visible", name) is False
    before = plot.evaluate("(one) => one.layout.xaxis.range")
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + 300, steps=5)
    page.mouse.up()
    page.wait_for_function(
        "([label, before]) => document.querySelector(label).layout.xaxis.range[0] !== before",
        arg=['[aria-label^="Chart: Frontier"]', before[0]],
    )
    page.get_by_role("button", name="Reset zoom").first.click()
    page.wait_for_function(
        "([label, before]) => document.querySelector(label).layout.xaxis.range[0] === before",
        arg=['[aria-label^="Chart: Frontier"]', before[0]],
    )


def test_the_table_has_every_point_and_the_csv_units_intervals_and_trials(opened, site, tmp_path):
    page = shown(opened, site)
    page.locator("summary", has_text="The same as a table").click()
    table = page.get_by_role("region", name="Frontier")
    expect(table.locator("tbody tr")).to_have_count(8)
    assert "wrong answers: before the load: KL divergence <i>too high" in table.inner_text()
    assert page.locator("main i").count() == 0
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").first.click()
    saved.value.save_as(tmp_path / "frontier.csv")
    frame = pd.read_csv(tmp_path / "frontier.csv")
    assert len(frame) == 8
    title = "Output throughput (tok/s/accelerator)"
    assert (frame[f"{title}, low"] < frame[title]).all()
    assert set(frame["trials"]) >= {"good0 good1"}
    assert "details" not in frame


def test_what_a_logarithm_cannot_show_is_counted(opened, tmp_path):
    made = a_trial(
        "t",
        [a_run(0, goodput_rps=0.0, **{SPEED: 5.0}), a_run(0, point=1, goodput_rps=2.0, **{SPEED: 4.0})],
        job=a_job(loads=LOADS[:2]),
    )
    page = shown(opened, build(a_store(tmp_path, made), tmp_path / "site").parent, "?y=goodput_rps&ylog=1")
    assert "1 point at 0 or less, for which a logarithmic axis has no place." in note(page)


def test_a_store_without_points_says_what_to_do(opened, tmp_path):
    page = opened(build(a_store(tmp_path), tmp_path / "site").parent, "#/frontier")
    assert "The store has no points" in page.locator("main").inner_text()


def test_hostile_words_stay_words(opened, tmp_path):
    made = a_trial("t", [a_run(0, **{RATE: 1.0, SPEED: 2.0})], job=a_job(version=HOSTILE))
    page = shown(opened, build(a_store(tmp_path, made), tmp_path / "site").parent)
    page.locator("summary", has_text="The same as a table").click()
    assert HOSTILE in page.locator("tbody").first.inner_text()
    assert page.evaluate("window.broken") is None
    assert page.locator("main i, main img").count() == 0
    (curve,) = (one for name, one in drawn(page).items() if name != "frontier")
    assert "<i>" not in json.dumps(curve["hovertext"])


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"width": 390}])
def test_it_is_accessible_and_fits(opened, site, look):
    (one, *_) = (row for row in all_rows(site) if row["precision"] == "bf16" and not row["tool"])
    page = shown(opened, site, f"?point={one['id']}&when=all", **look)
    expect(page.get_by_label("The point", exact=True)).to_contain_text("The last 1 of 1 line.")
    page.locator("summary", has_text="The same as a table").first.click()
    expect(page.get_by_role("region", name="Frontier").locator("tbody tr").first).to_be_visible()
    page.locator("details.several summary").first.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
