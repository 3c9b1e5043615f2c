"""Which series a series goes on from: the one before a change of its recipe."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping

import pandas as pd

from enginebench.records import Deployment, Result, record
from enginebench.records.identity import RECIPE

_WORDS = {
    "context_tokens": "context tokens",
    "max_sequences": "most sequences in a batch",
    "prefix_cache": "prefix cache",
}


@record
class Predecessor:
    """The series that was measured last before another of its lineage appeared."""

    series: str
    """Its key."""
    trial: str
    """Its last trial in a night before the other appeared."""
    night: str
    """The night of that trial."""
    followed_on: str
    """The first night of the series that follows."""
    followed_by: str
    """That series' first trial."""
    goes_on: bool
    """Whether it was measured in that night or later too: a variant beside it, not a change."""


def predecessors(runs: pd.DataFrame) -> Mapping[str, Predecessor]:
    """Series to its predecessor, by the table of runs; one that was there from its lineage's first night on has none.

    Series that appear in one night stand beside each other: none of them goes on from another. Reproductions make no
    series appear or go on.
    """
    found = {}
    own = runs[runs["reproduces"].isna()]
    trials = own.groupby(["lineage", "series", "night", "trial"])["started_utc"].max().reset_index()
    for _, family in trials.sort_values(["night", "started_utc", "trial"]).groupby("lineage", sort=False):
        spans = family.groupby("series", sort=False).agg(
            first=("night", "first"), last=("night", "last"), trial=("trial", "first")
        )
        for series, span in spans.iterrows() if len(spans) > 1 else ():
            # All of an earlier night are others' trials: this series is not in it.
            before = family[family["night"] < span["first"]]
            if before.empty:
                continue
            newest = before.iloc[-1]
            found[str(series)] = Predecessor(
                series=newest["series"],
                trial=newest["trial"],
                night=newest["night"],
                followed_on=span["first"],
                followed_by=span["trial"],
                goes_on=bool(spans.loc[newest["series"], "last"] >= span["first"]),
            )
    return found


def recipe_notes(runs: pd.DataFrame, read: Callable[[str], Result], night: str | None = None) -> tuple[str, ...]:
    """What a person must know who compares nights: since when which recipe is another, a line a change.

    `read` gives the result of a trial. With a `night`, only of series that begin in it.
    """
    first = runs.drop_duplicates("series").set_index("series")
    deployment = functools.cache(lambda trial: read(trial).attempt.job.deployment)
    changes: Counter[tuple[str, str]] = Counter()
    for series, one in predecessors(runs).items():
        if night not in (None, one.followed_on):
            continue
        row = first.loc[series]
        how = "as a variant of others, which go on" if one.goes_on else "with another recipe than before"
        words = ", ".join(recipe_difference(deployment(one.trial), deployment(one.followed_by)))
        of = f"{row['model']}, {row['engine']} on {row['devices']} × {row['product']}"
        changes[of, f"on {one.followed_on} {how}: {words}"] += 1
    begin = {of: f"{count} series begin{'s' if count == 1 else ''}" for of, count in changes.items()}
    return tuple(f"{of}: {begin[of, what]} {what}" for of, what in sorted(changes))


def recipe_difference(before: Deployment, after: Deployment) -> tuple[str, ...]:
    """What of the recipe differs, a phrase each: `--block-size 16 → 32`, `$QUIET 1 → unset`; empty if nothing does."""
    found = []
    for name in RECIPE:
        old, new = getattr(before, name), getattr(after, name)
        if not isinstance(old, Mapping):
            found += [f"{_WORDS[name]} {_text(old)} → {_text(new)}"] if old != new else []
            continue
        sign = "--" if name == "arguments" else "$"
        for key in sorted(old.keys() | new.keys()):
            pair = [_text(one[key]) if key in one else "unset" for one in (old, new)]
            found += [f"{sign}{key} {pair[0]} → {pair[1]}"] if pair[0] != pair[1] else []
    return tuple(found)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "left out" if value is None else str(value)
