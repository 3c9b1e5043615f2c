"""Whether a measured point keeps an objective: by its stored percentiles, or exactly by its requests. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from enginebench.analysis.limit import Verdict
from enginebench.analysis.points import KEY
from enginebench.intervals import wilson
from enginebench.records import Limit, Objective, record
from enginebench.stopping import SPOILT

STORED = {0.5: "p50", 0.9: "p90", 0.99: "p99"}
"""Shares at which percentiles are stored."""
_FIRST = {"ttft": "sent_ns", "tpot": "first_token_ns", "e2el": "sent_ns"}
_LAST = {"ttft": "first_token_ns", "tpot": "last_token_ns", "e2el": "last_token_ns"}


@record
class Share:
    """How many requests keep something."""

    kept: int
    """Requests that keep it."""
    total: int
    """Requests that were sent; one that failed keeps nothing."""
    share: float
    """The first over the second."""
    low: float
    """Lower end of its 95 % Wilson interval, which takes requests for independent."""
    high: float
    """Upper end."""


@record
class Broken:
    """A limit that a point does not keep."""

    limit: Limit
    """The limit."""
    words: str
    """By how much: `ttft p99 is 2,310 ms, 1.155 times the limit of 2,000 ms`."""


@record
class Kept:
    """Whether a point keeps an objective."""

    verdict: Verdict
    """`undecided`: what is stored can't tell."""
    sure: bool
    """Whether the intervals of all that it rests on lie on that side."""
    evidence: Literal["percentiles", "requests"]
    """`percentiles`: the stored ones, each limit for itself. `requests`: every request of the point."""
    joint_low: float
    """Share of requests that keep all limits at once: surely at least this (by requests: low end of its interval)."""
    joint_high: float
    """Surely at most this (by requests: high end of its interval)."""
    broken: tuple[Broken, ...]
    """The limits that are broken; empty where the limits hold one by one."""
    words: str
    """What is broken, or why nothing can be told; empty where it is kept."""


def keeps(requests: pd.DataFrame, limit: Limit) -> pd.Series:
    """Which requests, rows of a trial's table of requests, keep a limit; one that failed keeps none."""
    ok = (requests["status"] == "ok") & requests["first_token_ns"].notna() & requests["last_token_ns"].notna()
    spent = requests[_LAST[limit.metric]].astype("Float64") - requests[_FIRST[limit.metric]].astype("Float64")
    if limit.metric != "tpot":
        return ok & (spent <= limit.at_most_ns).fillna(False).astype(bool)
    tokens = requests["output_tokens"].astype("Float64")
    within = (tokens <= 1) | (spent / (tokens - 1).where(tokens > 1) <= limit.at_most_ns).fillna(False)
    return ok & within.fillna(False).astype(bool)


def joint_share(requests: pd.DataFrame, limits: tuple[Limit, ...]) -> Share | None:
    """Share of requests that keep all `limits` at once, with its Wilson interval; null: there are no requests."""
    if requests.empty:
        return None
    kept = pd.Series(True, index=requests.index)
    for limit in limits:
        kept &= keeps(requests, limit)
    count, total = int(kept.sum()), len(requests)
    low, high = wilson(count, total)
    return Share(kept=count, total=total, share=count / total, low=low, high=high)


def requests_of(
    point: Mapping[Any, Any], runs: pd.DataFrame, read: Callable[[str], pd.DataFrame]
) -> pd.DataFrame | None:
    """The requests of the runs that a point's figures are of; null where they are kept no more.

    `runs` is the table of runs; `read` gives a trial's requests, as `Store.requests` does.
    """
    own = runs
    for name in KEY:
        same = own[name].isna() if _null(point[name]) else own[name] == point[name]
        own = own[same]
    own = own[own["invalid"] == ""] if "invalid" in own else own
    spoilt = own["marks"].map(lambda marks: bool(SPOILT & set(marks))).astype(bool)
    own = own if spoilt.all() else own[~spoilt]
    found = [table[table["run"].isin(set(own["run"]))] for table in map(read, sorted(set(own["trial"])))]
    whole = bool(found) and all(len(table) for table in found)
    return pd.concat(found, ignore_index=True) if whole else None


def judge(point: Mapping[Any, Any], objective: Objective, requests: pd.DataFrame | None = None) -> Kept:
    """Whether a point (a row of `summarise_points`) keeps an objective, by its `requests` where they are given.

    By percentiles a limit is kept if a stored percentile of its share or a higher one is within it, and broken if one
    of its share or a lower one is not, or more requests failed. Of all limits at once these tell bounds only
    (Fréchet): at least 1 − Σ (1 − share that surely keeps each), at most the least share that may keep one.
    """
    if requests is not None and len(requests):
        return _by_requests(requests, objective)
    found = [_bounds(point, limit) for limit in objective.limits]
    low = max(0.0, 1 - sum(1 - one.low for one in found))
    high = min(one.high for one in found)
    asked = objective.goodput_share
    if asked is None:
        verdicts = [one.verdict for one in found]
        verdict: Verdict = "failed" if "failed" in verdicts else "undecided" if "undecided" in verdicts else "passed"
        telling = [one for one in found if one.verdict == verdict]
        words = "; ".join(one.words for one in telling if one.words)
    else:
        # Of sums of shares 1 − 0.9 is no 0.1 to the last digit.
        verdict = "passed" if low >= asked - 1e-12 else "failed" if high < asked else "undecided"
        telling = [one for one in found if verdict != "failed" or one.high < asked]
        told = f"{_bound(low, high)} of the requests keep all limits at once; {asked * 100:g} % are asked for"
        words = "" if verdict == "passed" else told
    return Kept(
        verdict=verdict,
        sure=all(one.sure_low for one in telling) if verdict == "passed" else any(one.sure_high for one in telling),
        evidence="percentiles",
        joint_low=low,
        joint_high=high,
        broken=tuple(Broken(limit=one.limit, words=one.words) for one in telling if one.verdict == "failed"),
        words=words,
    )


def _by_requests(requests: pd.DataFrame, objective: Objective) -> Kept:
    joint = joint_share(requests, objective.limits)
    assert joint is not None
    rules: list[tuple[float, Share, Limit | None]] = []
    if objective.goodput_share is not None:
        rules.append((objective.goodput_share, joint, None))
    for limit in objective.limits if objective.goodput_share is None else ():
        one = joint_share(requests, (limit,))
        assert one is not None
        rules.append((limit.share, one, limit))
    failed = [(share, one, limit) for share, one, limit in rules if one.share < share]
    words = [
        f"{one.kept} of {one.total} requests keep {_name(limit)}; {share * 100:g} % are asked for"
        for share, one, limit in failed
    ]
    sure = any(one.high < share for share, one, _ in failed) if failed else all(one.low >= s for s, one, _ in rules)
    return Kept(
        verdict="failed" if failed else "passed",
        sure=sure,
        evidence="requests",
        joint_low=joint.low,
        joint_high=joint.high,
        broken=tuple(
            Broken(limit=limit, words=text) for (_, _, limit), text in zip(failed, words, strict=True) if limit
        ),
        words="; ".join(words),
    )


def _name(limit: Limit | None) -> str:
    return "all limits at once" if limit is None else f"{limit.metric} <= {_ms(limit.at_most_ns)}"


@record
class _Bounds:
    """What the stored percentiles say of one limit."""

    limit: Limit
    low: float
    high: float
    verdict: Verdict
    sure_low: bool
    sure_high: bool
    words: str


def column(point: Mapping[Any, Any], metric: str, share: float) -> str | None:
    """The stored percentile of a latency at a share: over all requests, or of a point of another `tool` and where a
    table has no such column, over those that ended well; null: none is stored at this share."""
    short = STORED.get(share)
    if short is None:
        return None
    name = f"{metric}_{short}_all_ns"
    return name if name in point and not point.get("tool") else f"{metric}_{short}_ns"


def _bounds(point: Mapping[Any, Any], limit: Limit) -> _Bounds:
    low, high, sure_low, sure_high = 0.0, 1.0, False, False
    told: dict[float, float] = {}
    for share in sorted(STORED):
        name = column(point, limit.metric, share) or ""
        value = _number(point.get(name))
        if value is None or not _whole(point, name):
            continue
        told[share] = value
        if value <= limit.at_most_ns:
            low = share
            sure_low = (_number(point.get(f"{name}_high")) or math.inf) <= limit.at_most_ns
        elif share < high:
            high = share
            sure_high = (_number(point.get(f"{name}_low")) or -math.inf) > limit.at_most_ns
    success = _number(point.get("success_share"))
    failing = success is not None and success < limit.share
    if failing or any(share <= limit.share and value > limit.at_most_ns for share, value in told.items()):
        verdict: Verdict = "failed"
        words = _excess(limit, told, success if failing else None)
    elif low >= limit.share:
        verdict, words = "passed", ""
    else:
        verdict = "undecided"
        words = f"whether {limit.share * 100:g} % keep {_name(limit)} can't be told: {_why_unknown(limit)}"
    if success is not None and success < high:
        high, sure_high = success, True
    low = min(low, high)
    return _Bounds(
        limit=limit, low=low, high=high, verdict=verdict, sure_low=sure_low, sure_high=sure_high, words=words
    )


def _whole(point: Mapping[Any, Any], name: str) -> bool:
    """Whether every run of the point has the figure: where one lacks it, as it was infinite, the others' tell less."""
    runs, have = point.get("success_share_n"), point.get(f"{name}_n")
    return _null(runs) or _null(have) or int(have) >= int(runs)  # type: ignore[arg-type]


def _excess(limit: Limit, told: Mapping[float, float], success: float | None) -> str:
    at_most = f"the limit of {_ms(limit.at_most_ns)}"
    if success is not None:
        return (
            f"only {success * 100:.4g} % of the requests ended well; {limit.share * 100:g} % are to keep {_name(limit)}"
        )
    share = max(one for one, value in told.items() if one <= limit.share and value > limit.at_most_ns)
    value = told[share]
    times = f"{value / limit.at_most_ns:.4g} times"
    return f"{limit.metric} {STORED[share]} is {_ms(value)}, {times} {at_most}"


def _ms(value_ns: float) -> str:
    return f"{value_ns / 1e6:,.1f}".removesuffix(".0") + " ms"


def _why_unknown(limit: Limit) -> str:
    if limit.share not in STORED:
        known = ", ".join(STORED.values())
        return f"percentiles are stored at {known}, and the requests are not at hand"
    return f"its {limit.metric} {STORED[limit.share]} is not known (a run has too few requests for it)"


def _bound(low: float, high: float) -> str:
    return f"between {low * 100:.4g} and {high * 100:.4g} %" if low < high else f"{high * 100:.4g} %"


def _null(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def _number(value: Any) -> float | None:
    return None if _null(value) or not np.isfinite(float(value)) else float(value)
