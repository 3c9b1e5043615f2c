"""The page of comparisons: any two slices, chosen or written, with the verdicts that the command gives."""

from __future__ import annotations

import json
import shlex

import pandas as pd
import pytest
from playwright.sync_api import expect

from browser_look import violations
from enginebench.analysis.compare import compare
from enginebench.analysis.slices import parse
from enginebench.cli import main
from enginebench.metrics import METRICS
from enginebench.report import SHOWN
from enginebench.site import build
from enginebench.store import Store
from histories import B200, a_history, day, told

A, B = "engine=other,engine_version=2.0", "engine=other,engine_version=2.1"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return a_history(tmp_path_factory.mktemp("compare"))


@pytest.fixture(scope="module")
def site(store, tmp_path_factory):
    return build(store, tmp_path_factory.mktemp("site") / "site").parent


@pytest.fixture
def compared(opened, site):
    """The page with two slices compared."""

    def go(a=A, b=B, **words):
        from urllib.parse import urlencode

        page = opened(site, f"#/compare?{urlencode({'a': a, 'b': b, **words}, doseq=True)}")
        page.locator("#outcome").wait_for()
        return page

    return go


def table(page, caption):
    """The rows of a table, cells as text."""
    rows = page.get_by_role("table", name=caption).locator("tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def percent(ratio):
    return f"{'+' if ratio >= 1 else '−'}{abs(ratio - 1) * 100:.1f}%"


def test_the_tables_say_what_compare_says(compared, store):
    page, ours = compared(), compare(store.runs(), parse(A), parse(B), metrics=SHOWN)
    assert page.locator("#outcome").inner_text() == f"{ours.outcome()}: B against A"
    assert f"{ours.matched} points in both, 1 only in A, 0 only in B" in page.locator("main").inner_text()
    for caption, rows in (("Every load of a curve in one verdict", ours.curves), ("Each load by itself", ours.points)):
        wanted = [
            [
                one.subject,
                one.load,
                METRICS[one.metric].title if one.metric else "",
                percent(one.estimate.ratio) if one.estimate else "–",
                f"[{percent(one.estimate.low)}, {percent(one.estimate.high)}]" if one.estimate else "–",
                f"{one.estimate.n_a} and {one.estimate.n_b}" if one.estimate else "–",
                one.verdict + (f": {one.why}" if one.why else ""),
            ]
            for one in rows
        ]
        assert [[*row[:5], *row[6:]] for row in table(page, caption)] == wanted


def test_what_was_not_asked_for_comes_first(compared):
    rows = table(compared(), "Environment of A and of B")
    assert rows[0] == ["night", f"{day(25)}, {day(26)}", day(27), "not asked for: may be the cause"]
    assert rows[1][0] == "engine_version"
    assert rows[1][3] == "as asked, or with it"


def test_the_command_at_the_end_gives_the_same(compared, capsys, tmp_path):
    page = compared(margin="3", metric=["ttft_mean_ns", "goodput_rps"])
    words = shlex.split(page.locator("pre").inner_text())
    assert words[:2] == ["enginebench", "compare"]
    assert words[4:10] == ["--metric", "ttft_mean_ns", "--metric", "goodput_rps", "--margin", "3%"]
    assert main([*words[1:], "--markdown", str(tmp_path / "said.md")]) == 1
    capsys.readouterr()
    said = (tmp_path / "said.md").read_text()
    assert said.startswith("### worse")
    assert page.locator("#outcome").inner_text().startswith("worse")
    for row in table(page, "Every load of a curve in one verdict"):
        assert f"| {row[1]} | {row[2]} |" in said


def test_choosing_and_writing_a_slice_are_the_same(opened, site):
    page = opened(site, "#/compare")
    one = page.get_by_role("group", name="A, the one before")
    one.get_by_label("Engine").select_option("other")
    one.get_by_label("Version").select_option("2.0")
    expect(page.locator("input[name=a]")).to_have_value(A)
    # What the store has of the engine alone is left to choose from.
    assert one.get_by_label("Part").locator("option").all_inner_texts() == ["any", B200]
    page.locator("input[name=b]").fill(B)
    page.locator("input[name=b]").press("Enter")
    page.locator("#outcome").wait_for()
    other = page.get_by_role("group", name="B, the one after")
    expect(other.get_by_label("Version")).to_have_value("2.1")
    page.get_by_role("button", name="Swap A and B").click()
    expect(page.locator("#outcome")).to_have_text("better: B against A")
    expect(page.locator("input[name=a]")).to_have_value(B)


def test_nights_are_slices_too_and_the_view_lives_in_the_address(opened, site):
    page = opened(site, "#/compare?b=engine%3Dscripted%2Cnight%3D" + day(20) + "..")
    page.locator("input[name='a.night']").fill(f"..{day(19)}")
    page.locator("input[name='a.night']").press("Enter")
    page.get_by_role("group", name="A, the one before").get_by_label("Engine").select_option("scripted")
    expect(page.locator("#outcome")).to_have_text("worse: B against A")
    again = opened(site, "#" + page.url.partition("#")[2])
    expect(again.locator("#outcome")).to_have_text("worse: B against A")
    expect(again.locator("input[name='a.night']")).to_have_value(f"..{day(19)}")


def test_the_newest_version_against_the_one_before_is_offered(opened, site):
    page = opened(site, "#/compare")
    offered = page.locator("main ul a").all_inner_texts()
    assert f"tiny, other on {B200}: 2.1 against 2.0" in offered
    page.get_by_role("link", name="2.1 against 2.0").click()
    expect(page.locator("#outcome")).to_have_text("worse: B against A")


@pytest.mark.parametrize(
    ("a", "said"),
    [
        ("engine_version=17", "no run in the store is of it"),
        ("colour=red", "no column “colour”"),
        ("engine_version", "names no value"),
        ("start=one", "a column of numbers holds no “one”"),
        ("repeat=1", "tells the runs of one server start apart"),
        (B, "is in both"),
    ],
)
def test_a_slice_that_says_nothing_is_told_in_a_sentence(opened, site, a, said):
    from urllib.parse import urlencode

    page = opened(site, f"#/compare?{urlencode({'a': a, 'b': B})}")
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_the_chart_shows_each_ratio_with_its_interval_and_its_table_twin(compared, store, tmp_path):
    page, ours = compared(), compare(store.runs(), parse(A), parse(B), metrics=SHOWN)
    page.locator(".plot .main-svg").first.wait_for()
    drawn = json.loads(
        page.evaluate(
            "JSON.stringify(document.querySelector('.plot').data.flatMap((one) =>"
            " one.x.map((x, i) => [x, x - one.error_x.arrayminus[i], x + one.error_x.array[i]])))"
        )
    )
    wanted = [[(value - 1) * 100 for value in (one.ratio, one.low, one.high)] for one in map(_estimate, ours.curves)]
    assert sorted(map(tuple, drawn)) == [pytest.approx(one, abs=1e-4) for one in sorted(map(tuple, wanted))]
    page.get_by_text("The same as a table").click()
    twin = page.get_by_role("table", name="B against A with 95 % intervals")
    assert twin.locator("tbody tr").count() == len(wanted)
    with page.expect_download() as saved:
        page.locator("figure").get_by_role("button", name="CSV").click()
    saved.value.save_as(tmp_path / "compare.csv")
    frame = pd.read_csv(tmp_path / "compare.csv")
    assert sorted(frame["B / A − 1 (%)"]) == [pytest.approx(one[0], abs=1e-4) for one in sorted(wanted)]


def _estimate(judged):
    return judged.estimate


def test_the_metrics_and_the_margin_are_the_readers(compared):
    page = compared()
    page.locator("details.several summary").click()
    page.get_by_label("Output throughput", exact=True).uncheck()
    expect(page.get_by_role("table", name="Each load by itself")).not_to_contain_text("Output throughput")
    page.get_by_label("A difference matters from, %").fill("50")
    page.get_by_label("A difference matters from, %").press("Enter")
    expect(page.locator("#outcome")).to_have_text("no change: B against A")


def test_a_store_without_runs_says_why_there_is_nothing(opened, tmp_path):
    store = Store(tmp_path / "store")
    store.add_foreign([told()])
    page = opened(build(store, tmp_path / "site").parent, "#/compare")
    assert "no runs of its own" in page.locator("main").inner_text()


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_accessible_and_fits_a_phone(compared, opened, site, dark):
    page = compared()
    page.locator(".plot .main-svg").first.wait_for()
    page.emulate_media(color_scheme="dark" if dark else "light")
    assert violations(page) == []
    page = opened(site, "#" + page.url.partition("#")[2], dark=dark, width=390)
    page.locator(".plot .main-svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
