"""A night and a comparison for mail: Markdown that holds every point, one page that holds what it says it does."""

from __future__ import annotations

import sys

import pypdf
import pytest

from enginebench.analysis.compare import compare
from enginebench.analysis.points import summarise_points
from enginebench.analysis.slices import parse
from enginebench.errors import UserError
from enginebench.report import SHOWN, figure
from enginebench.report.nightly import markdown, night_report, safe
from enginebench.report.page import comparison_page, night_page
from made_history import TPS, history
from stored import a_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return history(tmp_path_factory.mktemp("reported"))


def table(text):
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_table_holds_every_point_of_the_night_with_its_interval(store):
    heads, *rows = table(markdown(night_report(store, "2026-11-16")))
    points = summarise_points(store.runs(night="2026-11-16"))
    assert len(rows) == len(points) == 4
    assert len(heads) == 7 + len(SHOWN)
    wanted = {
        (f"{row['engine']} {row['engine_version']}", row["load"]): [
            figure(row[TPS + end]) for end in ("", "_low", "_high")
        ]
        for row in points.to_dict("records")
    }
    for row in rows:
        centre, low, high = wanted[row[3], row[2]]
        assert row[5] == f"{centre} [{low}, {high}]"


def test_the_newest_night_is_told_by_default_with_its_failure_as_text(store):
    text = markdown(night_report(store, None))
    assert text.startswith(
        "### Night 2026-11-20: 8 runs of 2 trials, 1 failed, 0 interrupted; 0.04278 accelerator-hours."
    )
    assert "tiny on vllm 1.2, lab-a: failed at measure, crashed: &lt;/script>&lt;img src=x" in text
    assert "4 runs asked for and not measured" in text
    assert "<" not in text.replace("&lt;", "")


def test_wrong_answers_and_the_changes_found_in_a_night_are_told(store):
    text = markdown(night_report(store, "2026-11-12"))
    assert "- tiny on sglang 1.1: 0 of 50 right" in text
    assert "0.00 failed" in text
    night = night_report(store, "2026-11-16")
    assert {one.found for one in night.changes} == {"2026-11-16"}
    assert "Output throughput +132.3%" in markdown(night)
    assert markdown(night_report(store, "2026-11-01")).count("None.") == 3


def test_a_night_that_is_not_stored_is_told(store, tmp_path):
    with pytest.raises(UserError, match="holds no night `2026-12-01`; stored are 2026-11-01 to 2026-11-20"):
        night_report(store, "2026-12-01")
    with pytest.raises(UserError, match="holds no night; measure one"):
        night_report(a_store(tmp_path), None)


def test_text_from_the_store_stays_text():
    assert safe("a|b `c` *d* <b>\n# e & \\") == "a\\|b \\`c\\` \\*d\\* &lt;b> # e &amp; \\\\"


def words(path):
    (page,) = pypdf.PdfReader(path).pages
    return " ".join(page.extract_text().split())


def test_a_night_is_one_page_with_its_figures_and_failures(store, tmp_path):
    found = night_report(store, "2026-11-20")
    night_page(found, tmp_path / "night.pdf")
    text = words(tmp_path / "night.pdf")
    assert "Night 2026-11-20: 8 runs of 2 trials, 1 failed" in text
    assert "onerror=window.broken=1> & <b>bold</b>" in text
    assert "sglang 1.2" in text
    (row,) = [one for one in found.points.to_dict("records") if (one["engine"], one["load"]) == ("sglang", "c8")]
    assert f"{figure(row[TPS])} [{figure(row[TPS + '_low'])}" in text
    night_page(found, tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == (tmp_path / "night.pdf").read_bytes()


def test_a_comparison_is_one_page_with_its_ratios(store, tmp_path):
    slices = [parse(f"engine={engine},night=2026-11-16..2026-11-19") for engine in ("vllm", "sglang")]
    found = compare(store.runs(), *slices, metrics=SHOWN)
    comparison_page(found, tmp_path / "compared.pdf")
    text = words(tmp_path / "compared.pdf")
    assert f"{found.outcome()}: B `engine=sglang" in text
    drawn = [one for one in (found.curves or found.points) if one.estimate and one.estimate.low is not None]
    assert drawn
    for one in drawn:
        assert figure(one.estimate.ratio) in text


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture_is_what_its_name_says(store, tmp_path, suffix):
    night_page(night_report(store, "2026-11-12"), tmp_path / f"night.{suffix}")
    head = (tmp_path / f"night.{suffix}").read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<?xml" in head


def test_without_matplotlib_the_remedy_is_told(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        UserError, match=r"needs matplotlib, which is not installed; pip install 'enginebench\[report\]'"
    ):
        night_page(night_report(store, "2026-11-12"), tmp_path / "night.pdf")
    assert not (tmp_path / "night.pdf").exists()
