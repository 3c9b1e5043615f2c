"""What the store holds of two versions measured in turns: a log ratio a block, and what else differs between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from enginebench.analysis.points import FAILED
from enginebench.analysis.starts import POINT, of_starts
from enginebench.records import Result, record
from enginebench.records.base import canonical
from enginebench.store import Store

_COLUMNS = (*POINT, "trial", "run", "asked", "marks", "invalid", "reproduces", "arm", "block", "started_utc")


@record
class PairSeen:
    """Two versions, measured in turns."""

    comparison: str
    """Name that all of their trials bear."""
    logs: Mapping[int, float]
    """Block to the log ratio of the second to the first: the mean over the loads of the curve."""
    blocks: int
    """Blocks in which both were measured, whether that can be used or not."""
    wrong: frozenset[str]
    """Versions that gave wrong answers."""
    trials: Mapping[str, str]
    """Version to the last of its trials."""
    starts: int
    """Server starts that left a run."""


def seen(store: Store, comparison: str, versions: tuple[str, str], metric: str, points: int) -> PairSeen:
    """What `comparison` has of two versions so far; `points` is how many loads the curve has."""
    runs = store.runs(columns=(*_COLUMNS, metric), comparison=comparison).sort_values(["started_utc", "run"])
    measured = [set(map(int, runs.loc[runs["arm"] == version, "block"])) for version in versions]
    answered = runs["marks"].map(lambda marks: FAILED in marks).astype(bool)
    figures = _turns(runs, metric, points)
    return PairSeen(
        comparison=comparison,
        logs={
            block: figures[versions[1], block] - figures[versions[0], block]
            for block in sorted(measured[0] & measured[1])
            if {(version, block) for version in versions} <= figures.keys()
        },
        blocks=len(measured[0] & measured[1]),
        wrong=frozenset(str(arm) for arm in runs.loc[answered, "arm"]),
        trials={str(row["arm"]): str(row["trial"]) for row in runs.to_dict("records")},
        starts=runs[["arm", "block"]].drop_duplicates().shape[0],
    )


def _turns(runs: pd.DataFrame, metric: str, points: int) -> Mapping[tuple[str, int], float]:
    """Version and block to the mean log of the figure over the loads, of those turns that have all of them."""
    if runs.empty:
        return {}
    # A killed start that was gone on with is two trials of one turn.
    turns = runs.assign(trial=runs["block"].astype("str") + " " + runs["arm"].astype("str"), series=runs["asked"])
    logs: dict[str, list[float]] = {}
    for means in of_starts(turns, [metric]).points.values():
        for turn, log in zip(means.trials, means.logs[:, means.columns[metric]], strict=True):
            logs.setdefault(turn, []).append(float(log))
    whole = {turn: float(np.mean(values)) for turn, values in logs.items() if len(values) == points}
    keys = {turn: turn.partition(" ") for turn in whole if np.isfinite(whole[turn])}
    return {(arm, int(block)): whole[turn] for turn, (block, _, arm) in keys.items()}


def differences(first: Result, second: Result) -> Sequence[str]:
    """What was not the same when these two were measured, a line each: `torch: 2.12.0 → 2.13.0`."""
    pairs = [(_packages(first), _packages(second)), (_facts(first), _facts(second))]
    return [
        f"{name}: {a.get(name, 'none')} → {b.get(name, 'none')}"
        for a, b in pairs
        for name in sorted({**a, **b})
        if a.get(name) != b.get(name)
    ]


def _packages(one: Result) -> Mapping[str, str]:
    installed = one.engine.installed if one.engine is not None else ()
    return {name: version for name, _, version in (item.partition("==") for item in installed)}


def _facts(one: Result) -> Mapping[str, str]:
    d, engine, place = one.attempt.job.deployment, one.engine, one.environment
    drivers = sorted({str(part["driver"]) for part in place.accelerators if part.get("driver") is not None})
    facts = {
        "command's digest": engine.digest if engine else None,
        "says of itself": engine.reported_version if engine else None,
        "model hash": engine.model_hash if engine else None,
        "notes": "; ".join(engine.notes) if engine else None,
        "arguments": canonical(d.arguments),
        "environment variables": canonical(d.environment),
        "host": place.host,
        "OS": place.os,
        "driver": ", ".join(drivers) or None,
        "enginebench": place.harness_commit,
    }
    return {name: value for name, value in facts.items() if value}
