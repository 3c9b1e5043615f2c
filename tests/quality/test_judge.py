"""Scores, agreement and verdicts against values worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enginebench.quality import judge, tasks
from enginebench.records import Agreement, ItemOutcome, Thresholds
from quality.references import LIMITS, a_reference, a_text, rows


def outcomes(right: str, *, error: str | None = None) -> list[ItemOutcome]:
    """One outcome a character, `1` right."""
    return [
        ItemOutcome(when="before", item=item.index, family=item.family, right=char == "1", answer="x", error=error)
        for item, char in zip(tasks.items(len(right)), right, strict=True)
    ]


def agreed(**changes: float) -> Agreement:
    found = Agreement(tokens=100, broken_tokens=0, top1_share=0.99, kl_nats=0.002, nll_difference_nats=0.001)
    return replace(found, **changes)


def test_scores_have_wilson_intervals():
    everything, *families = judge.scores(outcomes("1111100000"))
    assert (everything.family, everything.asked, everything.right) == ("all", 10, 5)
    assert (everything.low, everything.high) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    assert [(one.family, one.asked, one.right) for one in families] == [(name, 2, 1) for name in tasks.FAMILIES]


def test_zero_is_a_score_and_nothing_asked_is_none():
    assert judge.scores(outcomes("0" * 10))[0].right == 0
    assert judge.scores(outcomes("0" * 10))[0].high == pytest.approx(0.2775, abs=1e-4)
    assert judge.scores([]) == ()


def test_a_server_that_says_what_the_reference_says_agrees_wholly():
    text = a_text()
    found = judge.agreement([text], [rows(text)], 20)
    assert (found.tokens, found.broken_tokens, found.top1_share) == (39, 0, 1.0)
    assert found.kl_nats == pytest.approx(0, abs=1e-12)
    assert found.nll_difference_nats == pytest.approx(0, abs=1e-12)


def test_a_divergence_worked_by_hand():
    """p = 1/2, 1/4, 1/8 and 1/8 for all others; q = 1/4, 1/4, 1/8 and 3/8: ½ ln 2 + ⅛ ln ⅓."""
    text = a_text()
    found = judge.agreement([text], [rows(text, math.log(2))], 20)
    assert found.kl_nats == pytest.approx(0.5 * math.log(2) + 0.125 * math.log(1 / 3))
    assert found.nll_difference_nats == pytest.approx(0, abs=1e-12), "the text's own tokens are as likely as before"


def test_a_token_the_server_does_not_name_is_taken_for_as_likely_as_its_last():
    text = a_text(tokens=2)
    row = {11: math.log(0.25), 111: math.log(0.5), 999: math.log(0.125)}
    found = judge.agreement([text], [[row]], 3)
    assert found.kl_nats == pytest.approx(0, abs=1e-12)


def test_the_difference_is_positive_where_the_texts_are_less_likely():
    text = a_text()
    worse = [{**row, token: row[token] - 0.3} for token, row in zip(text.token_ids[1:], rows(text), strict=True)]
    assert judge.agreement([text], [worse], 20).nll_difference_nats == pytest.approx(0.3)


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_a_divergence_is_never_negative_and_zero_only_for_equals(p, q):
    p, q = ([value / sum(of) for value in of] for of in (p, q))
    top = tuple((token, math.log(value)) for token, value in enumerate(p[:3]))
    text = replace(a_text(tokens=2), token_ids=(5, 0), logprobs=(top[0][1],), top=(top,))
    row = {token: math.log(value) for token, value in enumerate(q[:3])}
    found = judge.agreement([text], [[row]], 20)
    exact = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert found.kl_nats == pytest.approx(exact, abs=1e-9)
    assert found.kl_nats >= -1e-9


@pytest.mark.parametrize("row", [{}, {11: math.nan, 111: -1.0}, {11: -math.inf, 111: -1.0}, {111: -1.0}])
def test_a_token_without_a_finite_number_is_broken_and_fails_even_without_thresholds(row):
    found = judge.agreement([a_text(tokens=2)], [[row]], 20)
    assert (found.tokens, found.broken_tokens, found.top1_share, found.kl_nats) == (1, 1, None, None)
    (reason,) = judge.verdict([], found, None, None)
    assert reason == "no finite log-probability for 1 of 1 tokens"


def test_a_text_of_another_length_is_broken_throughout():
    text = a_text(tokens=5)
    assert judge.agreement([text], [rows(text)[:-1]], 20).broken_tokens == 4
    assert judge.agreement([text], [[]], 20).broken_tokens == 4


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kl_nats": 0.011}, "KL divergence"),
        ({"kl_nats": math.nan}, "KL divergence"),
        ({"nll_difference_nats": 0.051}, "negative log-probability"),
        ({"nll_difference_nats": -0.051}, "negative log-probability"),
        ({"top1_share": 0.89}, "likeliest token"),
    ],
)
def test_each_figure_beyond_its_threshold_is_a_reason(change, word):
    assert judge.verdict([], agreed(), a_reference(), LIMITS) == ()
    (reason,) = judge.verdict([], agreed(**change), a_reference(), LIMITS)
    assert word in reason


def test_questions_lost_to_the_reference_are_held_against_chance():
    """Of 50 questions, 4 √(0.02 · 50) = 4 may be lost more than won."""
    assert LIMITS.most_lost(50) == pytest.approx(4)
    reference = a_reference(right="1" * 40 + "0" * 10)
    passing = outcomes("0" * 6 + "1" * 34 + "1" * 2 + "0" * 8)
    assert judge.flips(passing, reference) == (6, 2, 50)
    assert judge.verdict(passing, None, reference, LIMITS) == ()
    (reason,) = judge.verdict(outcomes("0" * 5 + "1" * 35 + "0" * 10), None, reference, LIMITS)
    assert reason == "35 of 50 questions right, the reference 40: 5 fewer, at most 4 by chance"


def test_a_reference_of_other_questions_is_not_compared_by_questions():
    reference = replace(a_reference(), task_version=tasks.VERSION + 1)
    assert judge.flips(outcomes("0" * 20), reference) == (0, 0, 0)
    assert judge.verdict(outcomes("0" * 20), None, reference, LIMITS) == ()


def test_more_questions_than_the_reference_was_asked_are_scored_only():
    assert judge.flips(outcomes("0" * 60), a_reference(right="1" * 50)) == (50, 0, 50)


def test_questions_without_an_answer_fail():
    (reason,) = judge.verdict(outcomes("00", error="HTTP 500: x"), None, None, None)
    assert reason == "2 of 2 questions got no answer: HTTP 500: x"


def test_what_may_be_lost_grows_with_the_root():
    limits = Thresholds(top1_share=0.9, kl_nats=1, nll_difference_nats=1, flip_share=0.04)
    assert limits.most_lost(100) == pytest.approx(2 * limits.most_lost(25))
    assert limits.most_lost(0) == 0
