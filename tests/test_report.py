"""What a terminal shows of results: figures with units and intervals, and a dash for what is missing."""

from __future__ import annotations

import inspect
import io
from dataclasses import replace

import pytest
from rich.console import Console

import builders
from enginebench import report, usage
from enginebench.analysis.points import FAILED, summarise_points
from enginebench.bench.measuring import Session
from enginebench.metrics import METRICS, summary
from enginebench.night import Planned
from enginebench.plan import Due, Plan
from enginebench.plan.expand import Combination, Skip
from enginebench.records import Parallelism
from enginebench.store.frames import runs_frame
from enginebench.trial import measure, pacing
from stored import CLOSED, OPEN, a_job, a_quality, a_run, a_trial, an_lm_eval_score

TPS = "output_tps_per_accelerator"


@pytest.fixture
def screen():
    return Console(width=160, record=True, file=io.StringIO())


@pytest.fixture
def shown(screen):
    """The lines that show_points prints of results."""

    def show(*results):
        report.show_points(summarise_points(runs_frame(results)), screen)
        return screen.export_text().splitlines()

    return show


def cells(lines, first):
    """The cells of the table row that starts with `first`, its second line joined to each."""
    index = next(i for i, line in enumerate(lines) if line.strip("│ ").startswith(first))
    two = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines[index : index + 2]]
    below = two[1] if len(two) > 1 and len(two[1]) == len(two[0]) and not two[1][0] else [""] * len(two[0])
    return [f"{above} {under}".strip() for above, under in zip(two[0], below, strict=True)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0, "0"),
        (0.0123449, "0.01234"),
        (12.3456, "12.35"),
        (999.4, "999.4"),
        (1000.0, "1,000"),
        (-1234567.8, "-1,234,568"),
    ],
)
def test_a_figure_has_four_digits_and_nothing_is_a_dash(value, text):
    assert report.figure(value) == text


def test_figures_stand_under_their_unit_with_their_interval(shown):
    runs = [a_run(index, ttft_mean_ns=ms * 1e6, **{TPS: 100.0}) for index, ms in enumerate((90.0, 100.0, 110.0))]
    lines = shown(a_trial("t", runs))
    text = "\n".join(lines)
    assert "tiny, night 2026-11-24 (95 % intervals in brackets)" in text
    for name in report.SHOWN:
        assert METRICS[name].title in text
        assert METRICS[name].unit in text
    workload, load, engine, n, tps, interactivity, ttft, *_ = cells(lines, "short")
    assert (workload, load, engine, n) == ("short", "c8", "scripted 1.0", "1×3")
    assert tps == "100 [100, 100]"
    assert ttft == "99.67 [77.67, 127.9]"
    assert interactivity == "–"


def test_a_single_run_has_no_interval_and_0_is_no_dash(shown):
    *_, ttft, _, goodput, quality, marks = cells(
        shown(a_trial("t", [a_run(0, goodput_rps=0.0, ttft_mean_ns=37.5e6)])), "short"
    )
    assert (ttft, goodput, quality, marks) == ("37.5", "0", "–", "")


@pytest.mark.parametrize(
    ("passed", "right", "text"),
    [(True, 33, "0.66 passed"), (False, 0, "0.00 failed"), (None, 33, "0.66"), (None, None, "–")],
)
def test_the_score_stands_with_its_verdict_and_0_is_a_score(shown, passed, right, text):
    found = a_quality(passed=passed, right=right, reasons=("some reason",))
    marks = ("failed_quality",) if passed is False else ()
    lines = shown(replace(a_trial("t", [a_run(0, marks=marks)]), quality=found))
    assert cells(lines, "short")[-2] == text
    assert "  quality: some reason" in map(str.rstrip, lines)


def test_scores_of_lm_eval_stand_below_the_table_with_their_engine(shown):
    zero = an_lm_eval_score(metric="acc,none", asked=None, value=0.0, low=None, high=None, floor=0.5, passed=False)
    found = replace(a_quality(), lm_eval=(an_lm_eval_score(), zero, replace(zero, value=None, floor=None, passed=None)))
    lines = shown(replace(a_trial("t", [a_run(0)]), quality=found))
    assert (
        "  lm-eval, scripted 1.0: gsm8k exact_match,strict-match 0.345 [0.283, 0.413] of 200, floor 0.3 passed; "
        "gsm8k acc,none 0.000, floor 0.5 failed; gsm8k acc,none no finite number"
    ) in map(str.rstrip, lines)


def test_starts_and_runs_that_were_left_out_show_in_n(shown):
    spoilt = a_run(2, marks=("neighbour",))
    first = a_trial("a", [a_run(0), a_run(1), a_run(2)], job=a_job(start=0))
    second = a_trial("b", [a_run(0), a_run(1), spoilt], job=a_job(start=1))
    assert cells(shown(first, second), "short")[3] == "2×2.5"


def test_closed_loops_come_before_open_ones_by_concurrency(shown):
    loads = (OPEN, builders.closed(16), CLOSED)
    runs = [a_run(0, point=index) for index in range(3)]
    lines = shown(a_trial("t", runs, job=a_job(loads=loads)))
    assert [cells([line], "short")[1] for line in lines if "│ short" in line] == ["c8", "c16", "r0.5"]


def test_versions_of_a_point_stand_below_each_other_in_one_table(shown):
    runs = [a_run(0, point=0), a_run(0, point=1)]
    loads = (CLOSED, OPEN)
    trials = [a_trial(version, runs, job=a_job(loads=loads, version=version)) for version in ("2.0", "1.0")]
    lines = shown(*trials)
    rows = [cells([line], "short")[1:3] for line in lines if "│ short" in line]
    assert rows == [[load, f"scripted {version}"] for load in ("c8", "r0.5") for version in ("1.0", "2.0")]
    assert sum("intervals in brackets" in line for line in lines) == 1


def test_marks_are_explained_below_the_table(shown):
    lines = shown(a_trial("t", [a_run(0, marks=("neighbour", "coarse_events"))]))
    assert cells(lines, "short")[-1].replace(" ", "") == "coarse_events,neighbour"
    assert "  coarse_events: several tokens came in one event: ITL is not per token" in map(str.rstrip, lines)
    assert "  neighbour: other programs took more than 0.3 cores of the machine" in map(str.rstrip, lines)


def test_every_mark_there_is_has_its_words():
    makers = (summary._marks, measure.Bench._marks, pacing.marks, Session._marks, usage.marks)
    source = "".join(map(inspect.getsource, makers))
    told = {word for word in source.split('"')[1::2] if word.isidentifier() and f'"{word}":' in source}
    assert told | {FAILED} == set(report.MEANINGS)


def test_nothing_measured_shows_nothing(shown, screen):
    assert shown() == []
    report.show_runs(runs_frame([]), screen)
    assert "0 runs" in screen.export_text()


def test_runs_have_a_line_each(screen):
    report.show_runs(runs_frame([a_trial("t", [a_run(0, ttft_mean_ns=37.5e6), a_run(1, marks=("stolen",))])]), screen)
    lines = screen.export_text().splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│ 2026-11-24" in line]
    assert rows == [
        ["2026-11-24", "t", "scripted 1.0", "tiny", "short", "c8", "0", "–", "37.5", "–", ""],
        ["2026-11-24", "t", "scripted 1.0", "tiny", "short", "c8", "1", "–", "–", "–", "stolen"],
    ]


def test_skips_stand_under_their_reason_word_for_word(screen):
    reasons = ("weights need 141 GB; 1 × H100 has 80 GB", "see [/tmp/notes] and [bold]")
    skips = tuple(
        Skip(
            combination=Combination(
                model="tiny",
                engine="scripted",
                precision="bf16",
                parallelism=Parallelism(),
                workload="short",
                load=builders.closed(load),
            ),
            reason=reasons[load % 2],
        )
        for load in (1, 2, 4)
    )
    plan = Plan(grid="test", site="here", jobs=(), skips=skips)
    due = Due(attempts=(), runs_due=0, runs_fresh=0)
    report.show_skips(Planned(plan=plan, due=due, devices=1, seconds={}, run_seconds={}), screen)
    assert screen.export_text().splitlines() == [
        "3 combinations skipped:",
        f"  {reasons[1]}",
        "    tiny scripted bf16 tp1 short c1",
        f"  {reasons[0]}",
        "    tiny scripted bf16 tp1 short c2",
        "    tiny scripted bf16 tp1 short c4",
    ]
