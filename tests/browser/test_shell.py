"""What all pages share: addresses, the way from one to another, no data, hostile words."""

from __future__ import annotations

import pytest

from browser_look import violations
from enginebench.metrics import METRICS
from enginebench.site import build
from stored import a_run, a_store, a_trial

HOSTILE = "</script><script>window.broken=1</script><img src=x onerror=window.broken=1>"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shell")
    return build(a_store(folder / "store", a_trial("t", [a_run(0)])), folder / "site").parent


def test_methods_hold_every_definition(opened, site):
    page = opened(site, "#/methods")
    assert page.locator("tbody tr").count() == len(METRICS)
    text = page.locator("main").inner_text()
    assert all(metric.formula in text and metric.source in text for metric in METRICS.values())


@pytest.mark.parametrize("dark", [False, True])
def test_methods_are_accessible(opened, site, dark):
    assert violations(opened(site, "#/methods", dark=dark)) == []


def test_an_unknown_page_is_said_to_be_none(opened, site):
    page = opened(site, "#/methods")
    page.evaluate("location.hash = '#/nonsense'")
    page.get_by_role("heading", name="could not be shown").wait_for()
    assert "no page “nonsense”" in page.locator("main").inner_text()


def test_a_table_is_sorted_by_its_head_and_says_so(opened, site):
    page = opened(site, "#/methods")
    head = page.get_by_role("columnheader", name="key")
    head.get_by_role("button").click()
    keys = page.locator("tbody tr td:nth-child(2)").all_inner_texts()
    assert keys == sorted(METRICS)
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").press("Enter")
    assert page.locator("tbody tr td:nth-child(2)").all_inner_texts() == sorted(METRICS, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"


def test_a_table_is_saved_as_csv_with_every_row(opened, site, tmp_path):
    page = opened(site, "#/methods")
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    saved.value.save_as(tmp_path / "metrics.csv")
    import pandas as pd

    frame = pd.read_csv(tmp_path / "metrics.csv")
    assert list(frame["key"]) == list(METRICS)
    assert saved.value.suggested_filename == "metrics.csv"
