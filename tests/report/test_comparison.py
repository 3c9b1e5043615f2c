"""What is shown of a comparison: on a terminal, in a pull request, to a CI."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import pytest
from rich.console import Console

from enginebench.analysis.compare import compare
from enginebench.analysis.slices import parse
from enginebench.report.comparison import counted, markdown, show_comparison
from enginebench.report.junit import junit
from simulated_runs import RATE, simulated

A, B = parse("engine_version=1.0"), parse("engine_version=1.1")
TTFT = "ttft_mean_ns"


@pytest.fixture(scope="module")
def found():
    """Two curves; B is 10 % slower, on another machine, and lacks one load of one curve."""
    runs = simulated(2, step=-0.1, start_noise=0.004)
    second = runs["engine_version"] == "1.1"
    runs = runs[~(second & (runs["workload"] == "w1") & (runs["load"] == "c4"))].reset_index(drop=True)
    runs.loc[runs["engine_version"] == "1.1", "host"] = "there|<b>"
    return compare(runs, A, B, metrics=[RATE, TTFT])


@pytest.fixture(scope="module")
def shown(found):
    screen = Console(width=200, record=True, file=io.StringIO())
    show_comparison(found, screen)
    return screen.export_text().splitlines()


def test_what_differs_without_being_asked_stands_first_then_coverage(shown):
    assert [line.rstrip() for line in shown[:6]] == [
        "worse: B `engine_version=1.1` against A `engine_version=1.0`",
        "Differs though not asked for, and so may be the cause of what is seen:",
        "  host: here → there|<b>",
        "As asked, or with it: engine_version: 1.0 → 1.1",
        "9 points in both, 1 only in A, 0 only in B",
        "tiny bf16 vllm on 1 × Test GPU tp1, w0",
    ]


def test_each_row_has_its_ratio_interval_p_starts_and_verdict(found, shown):
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown if line.startswith("│")]
    assert len(rows) == len(found.judged())
    one = next(one for one in found.points if one.load == "c8" and one.metric == TTFT)
    e = one.estimate
    cells = ["c8", "TTFT mean", f"{e.ratio:.4g}", f"[{e.low:.4g}, {e.high:.4g}]", f"{one.p_adjusted:.2g}"]
    assert [*cells, f"3 and 3, df {e.df:.1f}", "worse"] in rows
    assert ["c4", "", "–", "", "–", "", "missing: only in A"] in rows
    assert any(row[0] == "mean over 4 closed loads" for row in rows)
    assert any(re.fullmatch(r"at equal interactivity, [\d.]+ to [\d.]+ tok/s/user", row[0]) for row in rows)


def test_the_foot_counts_and_says_how_it_was_judged(found, shown):
    text = "\n".join(line.rstrip() for line in shown)
    assert "Curves: 6 worse. Points: 18 worse, 1 missing." in text
    assert counted(found.curves) == "6 worse"
    assert "Intervals: Welch's t on logs of per-start means; p corrected for many" in text
    assert "off by 2 % or more, and p is at most 0.01" in text


def test_markdown_is_whole_tables_with_the_points_folded_away(found):
    lines = markdown(found).splitlines()
    assert lines[0] == "### worse: B `engine_version=1.1` against A `engine_version=1.0`"
    assert "  - host: here → there\\|&lt;b>" in lines
    tables = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {9}
    assert len(tables) == len(found.judged()) + 4
    assert sum(line.endswith(" | **worse** |") for line in tables) == 24
    assert (lines.count("</details>"), sum(line.startswith("<details>") for line in lines)) == (1, 1)


def test_junit_fails_what_is_worse_and_skips_what_is_not_known(found):
    suites = ET.fromstring(junit(found))
    curves, points = suites
    assert (curves.get("tests"), curves.get("failures"), curves.get("skipped")) == ("6", "6", "0")
    assert (points.get("tests"), points.get("failures"), points.get("skipped")) == ("19", "18", "1")
    for suite in suites:
        assert len(suite.findall("testcase")) == int(suite.get("tests"))
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures"))
        assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped"))
    names = [(case.get("classname"), case.get("name")) for suite in suites for case in suite]
    assert len(set(names)) == len(names)
    assert names[0] == ("tiny bf16 vllm on 1 × Test GPU tp1, w0", f"mean over 5 closed loads {RATE}")
    message = curves[0].find("failure").get("message")
    assert re.fullmatch(
        r"Output throughput: B / A 0\.\d+ \[0\.\d+, 0\.\d+\], p \S+, server starts 3 and 3, df [\d.]+: worse", message
    )
    assert points.find("testcase/skipped").get("message") == "missing: only in A"


def test_what_is_better_passes():
    better = compare(simulated(step=0.2), A, B, metrics=[RATE])
    suites = ET.fromstring(junit(better))
    assert [suite.get("failures") for suite in suites] == ["0", "0"]
    assert suites[0][0].find("system-out").text.endswith(": better")
