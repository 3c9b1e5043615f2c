"""Scores, agreement and verdict of one pass. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from enginebench.intervals import wilson
from enginebench.quality import tasks
from enginebench.quality.reference import Reference, ReferenceText
from enginebench.records import Agreement, ItemOutcome, TaskScore, Thresholds

_SMALLEST = 1e-9
"""Probability that stands for none, so that a divergence stays finite."""


def scores(outcomes: Sequence[ItemOutcome]) -> tuple[TaskScore, ...]:
    """Exact matches of all questions together and of each family, with 95 % Wilson intervals."""
    families = dict.fromkeys(outcome.family for outcome in outcomes)
    groups = [("all", list(outcomes)), *((name, [o for o in outcomes if o.family == name]) for name in families)]
    return tuple(_score(name, group) for name, group in groups if group)


def _score(family: str, outcomes: Sequence[ItemOutcome]) -> TaskScore:
    right = sum(outcome.right for outcome in outcomes)
    low, high = wilson(right, len(outcomes))
    return TaskScore(family=family, asked=len(outcomes), right=right, low=low, high=high)


def flips(outcomes: Sequence[ItemOutcome], reference: Reference) -> tuple[int, int, int]:
    """Questions lost to the reference, won from it, and how many both were asked: what McNemar's test takes.

    Zeros if the reference was asked another version of the questions.
    """
    if reference.task_version != tasks.VERSION:
        return 0, 0, 0
    pairs = [
        (reference.right[outcome.item] == "1", outcome.right)
        for outcome in outcomes
        if outcome.item < len(reference.right)
    ]
    return pairs.count((True, False)), pairs.count((False, True)), len(pairs)


def agreement(texts: Sequence[ReferenceText], found: Sequence[Sequence[Mapping[int, float]]], top: int) -> Agreement:
    """The server's log-probabilities against the reference's.

    `found` holds for each text and each of its tokens but the first the log-probabilities, nats, of the server's `top`
    likeliest tokens and of the token itself, by id. A text with another number of tokens counts as broken throughout.
    """
    same = 0
    divergences, differences = [], []
    broken = 0
    for text, rows in zip(texts, found, strict=True):
        whole = rows if len(rows) == len(text.logprobs) else [{}] * len(text.logprobs)
        for token, expected, likeliest, row in zip(text.token_ids[1:], text.logprobs, text.top, whole, strict=True):
            if token not in row or not all(math.isfinite(value) for value in row.values()):
                broken += 1
                continue
            same += max(row, key=lambda item: row[item]) == likeliest[0][0]
            divergences.append(_divergence(likeliest, row, top))
            differences.append(expected - row[token])
    compared = len(divergences)
    return Agreement(
        tokens=compared + broken,
        broken_tokens=broken,
        top1_share=same / compared if compared else None,
        kl_nats=math.fsum(divergences) / compared if compared else None,
        nll_difference_nats=math.fsum(differences) / compared if compared else None,
    )


def _divergence(likeliest: Sequence[tuple[int, float]], row: Mapping[int, float], top: int) -> float:
    """KL divergence over the reference's likeliest tokens and the rest as one.

    One of them that the server does not name is less likely than the last that it does, and is taken for as likely:
    the divergence comes out too small, never too large.
    """
    last = sorted(row.values(), reverse=True)[: max(1, top)][-1]
    p = [math.exp(value) for _, value in likeliest]
    q = [math.exp(row.get(token, last)) for token, _ in likeliest]
    p.append(max(1 - math.fsum(p), _SMALLEST))
    q.append(max(1 - math.fsum(q), _SMALLEST))
    return math.fsum(a * math.log(a / max(b, _SMALLEST)) for a, b in zip(p, q, strict=True) if a > 0)


def verdict(
    outcomes: Sequence[ItemOutcome],
    agreed: Agreement | None,
    reference: Reference | None,
    thresholds: Thresholds | None,
) -> tuple[str, ...]:
    """Why a pass failed, a phrase a reason; empty if nothing speaks against the server. Not a number fails."""
    reasons = []
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if errors:
        reasons.append(f"{len(errors)} of {len(outcomes)} questions got no answer: {errors[0]}")
    if agreed is not None and agreed.broken_tokens:
        reasons.append(f"no finite log-probability for {agreed.broken_tokens} of {agreed.tokens} tokens")
    if thresholds is None or reference is None:
        return tuple(reasons)
    if agreed is not None and agreed.kl_nats is not None:
        reasons += _far(agreed, thresholds)
    lost, gained, pairs = flips(outcomes, reference)
    if lost - gained > thresholds.most_lost(pairs):
        expected = sum(reference.right[o.item] == "1" for o in outcomes if o.item < len(reference.right))
        right = expected - lost + gained
        reasons.append(
            f"{right} of {pairs} questions right, the reference {expected}: {lost - gained} fewer, at most "
            f"{math.floor(thresholds.most_lost(pairs))} by chance"
        )
    return tuple(reasons)


def _far(agreed: Agreement, limits: Thresholds) -> list[str]:
    """What of the agreement is beyond the thresholds."""
    assert agreed.kl_nats is not None
    assert agreed.top1_share is not None
    assert agreed.nll_difference_nats is not None
    reasons = []
    if not agreed.kl_nats <= limits.kl_nats:
        reasons.append(
            f"KL divergence from the reference {agreed.kl_nats:.4f} nats a token, up to {limits.kl_nats:.4f} is honest"
        )
    if not abs(agreed.nll_difference_nats) <= limits.nll_difference_nats:
        reasons.append(
            f"negative log-probability of fixed texts {agreed.nll_difference_nats:+.4f} nats a token from the "
            f"reference, ±{limits.nll_difference_nats:.4f} is honest"
        )
    if not agreed.top1_share >= limits.top1_share:
        reasons.append(
            f"likeliest token as in the reference at {agreed.top1_share:.1%} of the tokens, at least "
            f"{limits.top1_share:.1%} is honest"
        )
    return reasons
