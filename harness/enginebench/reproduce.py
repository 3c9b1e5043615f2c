"""The exact attempt of a stored trial or run once more, on this machine, and what is not as it was then.

The new trial goes into the store with a link to the one it reproduces. It is a point of its own there: it makes no
night's runs fresh, is mixed with no night's starts, and stands in no verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enginebench import accelerators, attempts, engines, environment, provision
from enginebench.errors import TrialError, mistake
from enginebench.provision import models
from enginebench.records import (
    Accelerator,
    Attempt,
    Deployment,
    EndpointProvision,
    EngineInfo,
    Environment,
    Result,
    record,
)
from enginebench.store import Store


@record
class Differing:
    """Something that is not as it was when the trial was measured."""

    what: str
    """`driver`, `lock hash`, …"""
    recorded: str
    """As it was."""
    here: str
    """As it is."""


@record
class Order:
    """What is to be measured again."""

    what: str
    """Id of the trial or run."""
    recorded: Result
    """The trial, or the run's."""
    attempt: Attempt
    """What will be run."""
    differs: tuple[Differing, ...]
    """What is known to differ before anything is started."""
    unknown: tuple[str, ...]
    """What can be told only once it is there: a phrase each."""


def order(store: Store, what: str, cache: Path) -> Order:
    """What it takes to measure a stored trial or run again here; starts nothing.

    Raises UserError for an unknown id and where this machine cannot run it.
    """
    recorded, run = store.measured(what)
    asked = recorded.attempt
    deployment = asked.job.deployment
    engines.get(deployment.engine_kind)
    devices = accelerators.detect()[: deployment.devices]
    try:
        _check(deployment, devices)
        prepared = provision.present(deployment.provision, cache)
        endpoint = isinstance(deployment.provision, EndpointProvision)
        model = None if endpoint else models.present(deployment.model, cache)
    except TrialError as error:
        raise mistake(what, f"cannot be measured again here: {error}", "take a machine that can") from None
    info = recorded.engine
    then, now = _described(recorded.environment), _described(environment.describe(devices))
    unknown = []
    if prepared is None:
        unknown.append("the engine's lock hash: its environment is not built here yet")
    elif info is not None:
        then["lock hash"], now["lock hash"] = info.lock_hash, prepared.lock_hash
        then["engine digest"], now["engine digest"] = info.digest, prepared.digest
    if model is None:
        unknown += [] if endpoint else ["the model's hash: it is not here yet"]
    elif info is not None:
        then["model hash"], now["model hash"] = info.model_hash, model.weights_hash
    return Order(
        what=what,
        recorded=recorded,
        attempt=replace(
            asked,
            night=f"{datetime.now(UTC):%Y-%m-%d}",
            runs=asked.runs if run is None else tuple(key for key in asked.runs if key.point == run.point),
            reproduces=what,
            comparison=None,
        ),
        differs=_differing(then, now),
        unknown=tuple(unknown),
    )


def carry_out(
    todo: Order, store: Store, cache: Path, listen: Callable[[Mapping[str, Any]], None]
) -> tuple[Result | None, str | None]:
    """Measure it and take the trial in; gives its result, if it left one, and a line if it failed.

    Raises UserError, with nothing started, while a night or reproduction of this machine runs on the store.
    """
    work = attempts.workplace(store, cache)
    with attempts.only_one(work, store):
        return attempts.measure(todo.attempt, work, store, cache, listen)


def engine_differences(recorded: EngineInfo | None, again: EngineInfo | None) -> tuple[Differing, ...]:
    """What of the engine, as it really ran, differs."""
    return _differing(_engine(recorded), _engine(again))


def _check(deployment: Deployment, devices: tuple[Accelerator, ...]) -> None:
    found = [item for item in devices if item.vendor == deployment.vendor]
    if isinstance(deployment.provision, EndpointProvision) or len(found) >= deployment.devices:
        return
    have = f"{len(devices)} × {devices[0].product} ({devices[0].vendor})" if devices else "none"
    raise TrialError(
        "provision",
        f"it takes {deployment.devices} × {deployment.product} ({deployment.vendor}), this machine has {have}",
    )


def _described(found: Environment) -> dict[str, str | None]:
    devices = [(str(one.get("product")), one.get("memory_bytes"), one.get("driver")) for one in found.accelerators]
    return {
        "host": found.host,
        "OS": found.os,
        "CPU": found.cpu,
        "CPU cores": str(found.cores),
        "memory": _gigabytes(found.memory_bytes),
        "accelerators": ", ".join(f"{product} {_gigabytes(memory)}" for product, memory, _ in devices),
        "driver": ", ".join(sorted({str(driver) for _, _, driver in devices if driver is not None})) or None,
        "Python": found.python,
        "enginebench": found.harness_version,
        "harness commit": found.harness_commit,
    }


def _engine(info: EngineInfo | None) -> dict[str, str | None]:
    if info is None:
        return {}
    return {
        "lock hash": info.lock_hash,
        "engine digest": info.digest,
        "reported version": info.reported_version,
        "model hash": info.model_hash,
        "model revision": info.model_revision,
    }


def _gigabytes(size: object) -> str:
    return f"{size / 1e9:.1f} GB" if isinstance(size, (int, float)) else "of unknown memory"


def _differing(recorded: Mapping[str, str | None], here: Mapping[str, str | None]) -> tuple[Differing, ...]:
    """What differs; what is null on both sides is not told."""
    pairs = ((name, recorded.get(name), here.get(name)) for name in {**recorded, **here})
    return tuple(
        Differing(what=name, recorded=then or "not known", here=now or "not known")
        for name, then, now in pairs
        if then != now
    )
