"""The highest load that keeps an objective: bracketed by doubling, narrowed in logs, each level judged surely."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from enginebench.records import Limit, Objective, Request, record

CONFIDENCE = 0.99
"""How sure each verdict is, each time it is asked for: MLPerf's early stopping (`loadgen`, 2026)."""
Verdict = Literal["passed", "failed", "undecided"]


@record
class Count:
    """How many requests of a level broke a limit."""

    limit: str
    """Which limit, in words: `ttft p99 <= 500 ms`."""
    over: int
    """Requests that broke it; a failed request breaks every limit."""
    total: int
    """Requests that were judged."""
    share: float
    """Share that must keep it."""
    verdict: Verdict
    """What that proves."""


@record
class Level:
    """One load that was tried."""

    level: float
    """Requests a second, or requests in flight."""
    verdict: Verdict
    """Whether it keeps the objective."""
    counts: tuple[Count, ...]
    """The evidence, a count a limit."""
    seconds: float
    """Time it took, s."""
    note: str = ""
    """Why it is undecided, or what else a reader must know; empty: nothing."""


@record
class Found:
    """Where the limit lies."""

    highest_passed: float | None
    """Highest level below every failed one that passed; null: none did."""
    lowest_failed: float | None
    """Lowest level that failed; null: none did."""
    ended: Literal["known", "budget", "bounds"]
    """`known`: the bracket is as narrow as asked, or nothing but undecided levels lie in it. `budget`: time is spent.
    `bounds`: all levels that may be tried passed, or failed."""
    levels: tuple[Level, ...]
    """Every level, in the order in which they were tried."""


def judge(over: int, total: int, share: float, confidence: float = CONFIDENCE) -> Verdict:
    """Whether `over` of `total` requests beyond a limit prove that at least `share` of all keep it, or that fewer do.

    By the binomial law: passed if a server at which exactly `share` keep it shows so few with probability
    1 − confidence at most, failed if it shows so many no more often.
    """
    from scipy.special import bdtr, bdtrc

    if not total:
        return "undecided"
    if float(bdtr(over, total, 1 - share)) <= 1 - confidence:
        return "passed"
    if over and float(bdtrc(over - 1, total, 1 - share)) <= 1 - confidence:
        return "failed"
    return "undecided"


def needed(over: int, share: float, confidence: float = CONFIDENCE) -> int:
    """Fewest requests with which `over` beyond the limit still prove it kept: 459, 662, 2,010 for 0, 1, 10 at p99."""
    low, high = over + 1, 2 * (over + 1)
    while judge(over, high, share, confidence) != "passed":
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if judge(over, middle, share, confidence) == "passed" else (middle + 1, high)
    return low


def breaks(request: Request, limit: Limit) -> bool:
    """Whether a request breaks a limit; one that failed breaks every one."""
    first, last, tokens = request.first_token_ns, request.last_token_ns, request.output_tokens
    if request.status != "ok" or first is None or last is None:
        return True
    if limit.metric == "ttft":
        return first - request.sent_ns > limit.at_most_ns
    if limit.metric == "e2el":
        return last - request.sent_ns > limit.at_most_ns
    # A server that does not count its tokens can't prove its time per token.
    return tokens is None or (tokens > 1 and (last - first) / (tokens - 1) > limit.at_most_ns)


def count(requests: Sequence[Request], objective: Objective) -> tuple[Count, ...]:
    """The evidence that `requests` are for or against an objective."""
    rules: list[tuple[float, tuple[Limit, ...]]] = [(limit.share, (limit,)) for limit in objective.limits]
    if objective.goodput_share is not None:
        rules = [(objective.goodput_share, objective.limits)]
    counts = []
    for share, limits in rules:
        over = sum(any(breaks(request, limit) for limit in limits) for request in requests)
        words = " and ".join(f"{one.metric} <= {one.at_most_ns / 1e6:g} ms" for one in limits)
        counts.append(
            Count(
                limit=f"{words} for {share * 100:g} %",
                over=over,
                total=len(requests),
                share=share,
                verdict=judge(over, len(requests), share),
            )
        )
    return tuple(counts)


def verdict(counts: Sequence[Count]) -> Verdict:
    """Of all limits: one that failed fails the level, all that passed pass it."""
    found = {one.verdict for one in counts}
    return "failed" if "failed" in found else "undecided" if "undecided" in found else "passed"


def wanted(counts: Sequence[Count]) -> int:
    """How many requests in all the undecided limits need, should no further one break them."""
    return max((needed(one.over, one.share) for one in counts if one.verdict == "undecided"), default=0)


def search(
    ask: Callable[[float], Level | None],
    *,
    start: float,
    lowest: float,
    highest: float,
    within: float = 0.05,
    whole: bool = False,
) -> Found:
    """Find the limit by asking for levels, the first `start`; `ask` gives null when its budget is spent.

    Ends when highest passed and lowest failed lie `within` (a share) of each other, or one apart where levels are
    `whole`. A level near the limit may stay undecided; the search then closes in on it from both sides.
    """
    tried: dict[float, Level] = {}
    level: float | None = start
    ended: Literal["known", "budget", "bounds"] = "known"
    while level is not None:
        answer = ask(level)
        if answer is None:
            ended = "budget"
            break
        tried[level] = answer
        level = _next(tried, lowest, highest, within, whole)
    passed, failed = _bracket(tried)
    if ended == "known" and (passed is None or failed is None):
        ended = "bounds"
    return Found(highest_passed=passed, lowest_failed=failed, ended=ended, levels=tuple(tried.values()))


def _bracket(tried: dict[float, Level]) -> tuple[float | None, float | None]:
    failed = min((level for level, one in tried.items() if one.verdict == "failed"), default=None)
    below = [level for level, one in tried.items() if one.verdict == "passed" and (failed is None or level < failed)]
    return max(below, default=None), failed


def _next(tried: dict[float, Level], lowest: float, highest: float, within: float, whole: bool) -> float | None:
    """The level to try next; null: the limit is known, or no level is left to try."""
    passed, failed = _bracket(tried)
    if passed is None:
        down = max(lowest, _at(min(tried) / 2, whole))
        return down if down not in tried else None
    if failed is None:
        up = min(highest, _at(max(tried) * 2, whole))
        return up if up not in tried else None
    between = sorted(level for level in tried if passed < level < failed)
    for low, high in ((passed, between[0]), (between[-1], failed)) if between else ((passed, failed),):
        middle = max(_at(math.sqrt(low * high), whole), low + 1 if whole else low)
        if high > low * (1 + within) and low < middle < high:
            return middle
    return None


def _at(level: float, whole: bool) -> float:
    """A level that can be asked for; whole ones are rounded down."""
    return float(math.floor(level)) if whole else level
