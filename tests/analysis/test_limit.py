"""The search for a limit: MLPerf's counts, verdicts by the binomial law, and a bracket around limits that are known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_request
from enginebench.analysis.limit import Level, breaks, count, judge, needed, search, verdict, wanted
from enginebench.records import Limit, Objective

MS = 1_000_000


@pytest.mark.parametrize(
    ("over", "share", "requests"), [(0, 0.99, 459), (1, 0.99, 662), (10, 0.99, 2010), (0, 0.999, 4603), (0, 0.9, 44)]
)
def test_counts_are_mlperfs_at_99_percent_confidence(over, share, requests):
    assert needed(over, share) == requests
    assert judge(over, requests, share) == "passed"
    assert judge(over, requests - 1, share) == "undecided"


def test_a_verdict_is_the_binomial_law_written_out():
    def at_most(over, total, p):
        return sum(math.comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(over + 1))

    for total in (10, 100, 500, 900):
        for over in range(min(total, 30)):
            found = judge(over, total, 0.99)
            passed = at_most(over, total, 0.01) <= 0.01
            failed = over > 0 and 1 - at_most(over - 1, total, 0.01) <= 0.01
            assert found == ("passed" if passed else "failed" if failed else "undecided"), (over, total)


def test_wrong_verdicts_are_as_rare_as_the_confidence_says():
    draw = random.Random(1)
    overs = [sum(draw.random() < 0.01 for _ in range(662)) for _ in range(2000)]
    assert sum(judge(over, 662, 0.99) == "passed" for over in overs) / 2000 < 0.015
    assert sum(judge(over, 662, 0.99) == "failed" for over in overs) / 2000 < 0.015


def limit(metric, ms, share=0.99):
    return Limit(metric=metric, at_most_ns=ms * MS, share=share)


def test_a_request_breaks_what_it_exceeds_and_a_failed_one_everything():
    # TTFT 100 ms, TPOT 10 ms, E2EL 120 ms.
    edges = {"ttft": 100, "tpot": 10, "e2el": 120}
    for metric, edge in edges.items():
        assert not breaks(a_request(), limit(metric, edge))
        assert breaks(a_request(), Limit(metric=metric, at_most_ns=edge * MS - 1))
        assert breaks(a_request(status="truncated"), limit(metric, 10_000))
    assert breaks(a_request(output_tokens=None), limit("tpot", 10_000))
    assert not breaks(a_request(output_tokens=1), limit("tpot", 1))


def test_limits_are_judged_each_for_itself_or_all_at_once():
    slow_start = a_request(sent_ns=-500 * MS)
    slow_tokens = a_request(output_tokens=2)
    requests = [slow_start] * 30 + [slow_tokens] * 30 + [a_request()] * 940
    apart = Objective(name="", limits=(limit("ttft", 200, 0.95), limit("tpot", 15, 0.95)))
    assert [(one.over, one.total, one.verdict) for one in count(requests, apart)] == [(30, 1000, "passed")] * 2
    assert verdict(count(requests, apart)) == "passed"
    at_once = Objective(name="", limits=apart.limits, goodput_share=0.97)
    (one,) = count(requests, at_once)
    assert (one.over, one.verdict, one.limit) == (60, "failed", "ttft <= 200 ms and tpot <= 15 ms for 97 %")


def test_an_undecided_level_says_how_many_requests_it_wants():
    objective = Objective(name="", limits=(limit("ttft", 200),))
    assert wanted(count([a_request()] * 100, objective)) == 459
    assert wanted(count([a_request(sent_ns=-500 * MS), *[a_request()] * 458], objective)) == 662
    assert wanted(count([a_request()] * 459, objective)) == 0


def a_level(level, found):
    return Level(level=level, verdict=found, counts=(), seconds=1.0)


@given(st.floats(0.05, 900.0), st.floats(0.1, 500.0))
def test_a_sharp_limit_is_bracketed_as_narrowly_as_asked(truth, start):
    asked = []

    def ask(level):
        asked.append(level)
        return a_level(level, "passed" if level <= truth else "failed")

    found = search(ask, start=start, lowest=0.01, highest=1000.0)
    assert found.ended == "known"
    assert found.highest_passed <= truth < found.lowest_failed <= 1.05 * found.highest_passed
    assert len(asked) == len(set(asked)) <= 25


@given(st.integers(1, 999), st.integers(1, 600))
def test_whole_levels_end_one_apart(truth, start):
    found = search(
        lambda level: a_level(level, "passed" if level <= truth else "failed"),
        start=float(start),
        lowest=1.0,
        highest=1000.0,
        within=0.0,
        whole=True,
    )
    assert (found.highest_passed, found.lowest_failed, found.ended) == (truth, truth + 1, "known")


def test_undecided_levels_are_closed_in_from_both_sides():
    def ask(level):
        return a_level(level, "passed" if level <= 9.5 else "failed" if level >= 11.5 else "undecided")

    found = search(ask, start=1.0, lowest=0.01, highest=1000.0)
    assert found.ended == "known"
    assert 9.5 / 1.05 <= found.highest_passed <= 9.5
    assert 11.5 <= found.lowest_failed <= 11.5 * 1.05


@pytest.mark.parametrize(("answer", "levels"), [("passed", 11), ("failed", 8)])
def test_without_a_limit_within_the_bounds_it_says_so(answer, levels):
    found = search(lambda level: a_level(level, answer), start=1.0, lowest=0.01, highest=1000.0)
    assert (found.ended, len(found.levels)) == ("bounds", levels)
    assert (found.highest_passed, found.lowest_failed) == ((1000.0, None) if answer == "passed" else (None, 0.01))


def test_a_spent_budget_ends_with_the_bracket_so_far():
    answers = iter(["passed", "failed"])

    def ask(level):
        answer = next(answers, None)
        return None if answer is None else a_level(level, answer)

    found = search(ask, start=4.0, lowest=0.01, highest=1000.0)
    assert (found.highest_passed, found.lowest_failed, found.ended) == (4.0, 8.0, "budget")
