"""A night in figures: what ran, what failed, how long it took and what of it was measuring. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from enginebench.records import Result, record


@record
class Stint:
    """What one host did of one grid in one night."""

    night: str
    """Night."""
    grid: str
    """Grid."""
    host: str
    """Host."""
    product: str
    """Accelerator that the deployments took; several joined by `, `."""
    begun_utc: str
    """ISO 8601 time at which its first trial began."""
    ended_utc: str
    """ISO 8601 time at which its last trial was over, by the times of its stages."""
    wall_s: float
    """From the one to the other, s; pauses count."""
    device_s: float
    """Accelerators of a trial times the time of all its stages, over all trials, device-seconds."""
    measuring_device_s: float
    """The same of warm-up and measuring alone."""
    trials: Mapping[str, int]
    """How a trial ended to how many: complete, failed, interrupted."""
    reproductions: int
    """Of all trials those that measured a stored one again."""
    runs: int
    """Runs measured."""
    unmeasured: int
    """Runs asked for of trials that failed or were interrupted, and not measured."""
    unneeded: int
    """Runs asked for that were not needed: their point was known before, or its budget spent."""
    stages_s: Mapping[str, float]
    """Stage to the time spent in it, over all trials, s."""


def stints(results: Iterable[Result]) -> tuple[Stint, ...]:
    """One a night, grid and host, newest night first, in that order."""
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.attempt.night, result.attempt.grid, result.environment.host), []).append(result)
    order = sorted(groups, key=lambda key: key[1:])
    return tuple(_stint(key, groups[key]) for key in sorted(order, key=lambda key: key[0], reverse=True))


def _stint(key: tuple[str, str, str], results: list[Result]) -> Stint:
    night, grid, host = key
    spent = [sum(one.stage_ns.values()) / 1e9 for one in results]
    begun = [datetime.fromisoformat(one.started_utc) for one in results]
    ended = [one + timedelta(seconds=took) for one, took in zip(begun, spent, strict=True)]
    stages: Counter[str] = Counter()
    for one in results:
        stages.update({name: took / 1e9 for name, took in one.stage_ns.items()})
    left = [len(one.attempt.runs) - len(one.runs) for one in results]
    devices = [one.attempt.job.deployment.devices for one in results]
    measuring = [sum(one.stage_ns.get(name, 0) for name in ("warmup", "measure")) / 1e9 for one in results]
    return Stint(
        night=night,
        grid=grid,
        host=host,
        product=", ".join(sorted({one.attempt.job.deployment.product for one in results})),
        begun_utc=min(begun).isoformat(),
        ended_utc=max(ended).isoformat(),
        wall_s=(max(ended) - min(begun)).total_seconds(),
        device_s=sum(count * took for count, took in zip(devices, spent, strict=True)),
        measuring_device_s=sum(count * took for count, took in zip(devices, measuring, strict=True)),
        trials=dict(Counter(str(one.status) for one in results)),
        reproductions=sum(one.attempt.reproduces is not None for one in results),
        runs=sum(len(one.runs) for one in results),
        unmeasured=sum(count for one, count in zip(results, left, strict=True) if one.status != "complete"),
        unneeded=sum(count for one, count in zip(results, left, strict=True) if one.status == "complete"),
        stages_s=dict(stages),
    )
