"""What a run is of: the keys of what stays over nights, and of what changes.

What belongs where, and why:

- The **series** is all that was asked: deployment and point, without the name of the engine's configuration, its
  version and how it was got. It is what is followed over nights.
- The **recipe** is how the engine was told to serve: arguments, environment, batch, context, prefix cache. It is part
  of the series, for another recipe is another thing to follow; the **lineage** is the series without it, so that the
  new series finds the old one.
- The **curve** is the series without its load and what goes with the load: how many requests, warm-up, shortest time.
  The SLO stays in it, for goodput under another SLO is another figure.
- The **version** is what really ran and may change under a series by itself: engine and its version, what is installed,
  drivers, weights. What a server says of its version counts only where what is installed is not known; there it is all
  that tells an upgrade.
- The name of the engine's configuration, host, harness commit, night and grid are in neither: they stand beside, to be
  told and to group by. Two names of one engine are one series, and a fix of the harness is no new engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from enginebench.records.base import canonical, content_hash, hash_of, record
from enginebench.records.demand import Point
from enginebench.records.outcome import EngineInfo, Environment
from enginebench.records.subject import Deployment, VenvProvision

RECIPE = ("arguments", "context_tokens", "environment", "max_sequences", "prefix_cache")
"""Fields of a deployment that are its recipe."""
_CHANGING = ("engine", "engine_version", "provision")
_OF_THE_LOAD = ("at_least_s", "load", "requests", "warmup_requests")


@record
class Identity:
    """The keys of a point as it was measured, 16 hex digits each, and its version in words."""

    series: str
    """Hash of all that stays over nights."""
    curve: str
    """Hash of the same without the load: all loads of a curve share it."""
    lineage: str
    """Hash of the series without its recipe: the series before and after a change of the recipe share it."""
    recipe: str
    """Hash of the recipe."""
    asked: str
    """Hash of the point alone: workload, load, number of requests, warm-up, shortest time and SLO, whoever is asked."""
    version: str
    """Hash of what changes: engine, its version, what is installed, drivers, weights."""
    version_label: str
    """The version as a person says it: `vllm 0.32.0, driver 570.86`."""


def identify(
    deployment: Deployment,
    points: Sequence[Point],
    engine: EngineInfo | None = None,
    environment: Environment | None = None,
) -> tuple[Identity, ...]:
    """The identity of each of `points` on `deployment`, as `engine` in `environment`.

    Without an engine, as of a trial that failed before it was got, the version is of what is known.
    """
    # The canonical JSON is put together from its parts: a deployment's is made once, whatever its points.
    stays = _texts(deployment, _CHANGING)
    recipe = {name: stays[name] for name in RECIPE}
    whole, bare = _joined(stays), _joined({name: text for name, text in stays.items() if name not in recipe})
    version = _version(deployment, engine, drivers(environment))
    found = []
    for point in points:
        asked = _texts(point)
        shape = _joined({name: text for name, text in asked.items() if name not in _OF_THE_LOAD})
        asked_whole = _joined(asked)
        found.append(
            Identity(
                series=hash_of(_joined({"deployment": whole, "point": asked_whole})),
                curve=hash_of(_joined({"deployment": whole, "point": shape})),
                lineage=hash_of(_joined({"deployment": bare, "point": asked_whole})),
                recipe=hash_of(_joined(recipe)),
                asked=hash_of(asked_whole),
                version=content_hash(version),
                version_label=_label(deployment, engine, drivers(environment)),
            )
        )
    return tuple(found)


def drivers(environment: Environment | None) -> tuple[str, ...]:
    """The drivers of the accelerators that were used, each once; none where a part has none or nothing is known."""
    parts = environment.accelerators if environment else ()
    return tuple(sorted({str(part["driver"]) for part in parts if part.get("driver") is not None}))


def _version(deployment: Deployment, engine: EngineInfo | None, found: Sequence[str]) -> Mapping[str, object]:
    provision = deployment.provision
    overlays = provision.overlays if isinstance(provision, VenvProvision) else ()
    return {
        "engine": deployment.engine_kind,
        "engine_version": deployment.engine_version,
        "lock_hash": engine.lock_hash if engine else None,
        "digest": engine.digest if engine else None,
        # A lock names what is installed, but not the modules of ours that are laid over it.
        "overlays": content_hash(overlays) if overlays else None,
        "reported_version": _reported(engine),
        "drivers": found,
        "model_revision": engine.model_revision if engine else None,
        "model_hash": engine.model_hash if engine else None,
    }


def _reported(engine: EngineInfo | None) -> str | None:
    return engine.reported_version if engine is not None and engine.lock_hash is None else None


def _label(deployment: Deployment, engine: EngineInfo | None, found: Sequence[str]) -> str:
    says = _reported(engine)
    words = f"{deployment.engine_kind} {deployment.engine_version}"
    words += "" if says in (None, deployment.engine_version) else f" (says {says})"
    return ", driver ".join([words, *found])


def _texts(value: Deployment | Point, without: Iterable[str] = ()) -> dict[str, str]:
    """Field of a record to the canonical JSON of what it holds."""
    names = [item.name for item in fields(value) if item.name not in without]
    return {name: canonical(getattr(value, name)) for name in names}


def _joined(texts: Mapping[str, str]) -> str:
    """The canonical JSON of an object whose values have these texts."""
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}"
