"""What a result says of where its engine and weights come from; each null with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from enginebench.engines import Launch
from enginebench.provision import Prepared
from enginebench.provision.models import ReadyModel
from enginebench.records import EngineInfo, Environment


def of_started(prepared: Prepared, ready: ReadyModel, launch: Launch, variables: Mapping[str, str]) -> EngineInfo:
    """An engine that is about to be started with `variables` set."""
    return EngineInfo(
        lock_hash=prepared.lock_hash,
        digest=prepared.digest,
        installed=prepared.installed,
        argv=launch.argv,
        environment=variables,
        reported_version=None,
        model_path=str(ready.path),
        model_hash=ready.weights_hash,
        model_revision=ready.revision,
        notes=(*prepared.notes, *ready.notes),
        absent={**prepared.absent, **ready.absent, "reported_version": "the server was not ready to be asked"},
    )


def of_running(prepared: Prepared) -> EngineInfo:
    """A server that runs already."""
    seen = f"a server already running at {prepared.url}: not started by enginebench"
    names = ("lock_hash", "digest", "argv", "reported_version", "model_path", "model_hash", "model_revision")
    return EngineInfo(
        lock_hash=None,
        digest=None,
        installed=(),
        argv=(),
        environment={},
        reported_version=None,
        model_path=None,
        model_hash=None,
        model_revision=None,
        notes=(*prepared.notes, seen),
        absent=dict.fromkeys(names, seen),
    )


def with_version(info: EngineInfo, path: str | None, version: str | None) -> EngineInfo:
    """`info` with what the server answered under `path` or why it did not; null `path`: the engine has no such page."""
    absent = {name: reason for name, reason in info.absent.items() if name != "reported_version"}
    if version is None:
        reason = "the engine has no page that tells it" if path is None else f"{path} of the server does not tell it"
        absent["reported_version"] = reason
    return replace(info, reported_version=version, absent=absent)


def elsewhere(environment: Environment, url: str) -> Environment:
    """`environment` where the server is none of this machine's: its accelerators are not the ones here."""
    reason = f"no process of this machine that can be seen serves {url}"
    return replace(
        environment, accelerators=(), absent={**environment.absent, "accelerators": reason, "driver": reason}
    )
