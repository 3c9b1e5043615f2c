"""Stored documents of older versions, brought to today's version by version: pure steps over JSON, before validation.

A step states what an absent field meant when its version was written. It takes what a file may hold, wrong things too:
those pass unchanged, for validation to tell. What a job asks (`job`) is never touched: its id is the hash of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Document = Mapping[str, Any]
Step = Callable[[Document], Document]

_NO_REASON = "results of version 1 do not say why"


def _result_1_to_2(old: Document) -> Document:
    """Fields that came while version 1 was written are all there, and what of the provenance is null has a reason."""
    new = _with(old, quality=None, stops=[])
    for key, step in (("environment", _environment), ("engine", _engine), ("quality", _quality)):
        new = _within(new, key, step)
    runs = new.get("runs")
    if isinstance(runs, list):
        new["runs"] = [_run(run) if isinstance(run, Mapping) else run for run in runs]
    return {**new, "format": "enginebench.result/2"}


def _run(old: Document) -> Document:
    return _with(old, client=None, intervals={}, spread_ns=None)


def _quality(old: Document) -> Document:
    return _with(old, lm_eval=[], lm_eval_version=None)


def _environment(old: Document) -> Document:
    absent = {} if old.get("harness_commit") is not None else {"harness_commit": _NO_REASON}
    parts = old.get("accelerators")
    drivers = [part.get("driver") for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    if not any(drivers):
        absent["driver"] = "the part has none" if drivers else _NO_REASON
    return _with(old, absent=absent)


def _engine(old: Document) -> Document:
    names = ("lock_hash", "reported_version", "model_path", "model_hash", "model_revision")
    absent = {name: _NO_REASON for name in names if old.get(name) is None}
    if not old.get("argv"):
        absent["argv"] = "a server that ran already"
    return _with(old, notes=[], digest=None, absent={**absent, "digest": "not kept by results of version 1"})


def _job_1_to_2(old: Document) -> Document:
    """Before there was a quality gate none was asked, before there was `until` all runs were measured, and before there
    was a choice the times of all events were kept. None was a reproduction."""
    return {**_with(old, quality=None, until=None, chunk_times=True, reproduces=None), "format": "enginebench.job/2"}


STEPS: Mapping[str, Step] = {
    "enginebench.result/1": _result_1_to_2,
    "enginebench.job/1": _job_1_to_2,
}
"""Format of a document to the step that brings it to the next version."""


def migrate(document: Document, today: str) -> Document:
    """`document` brought to the format `today`, as far as the steps lead; one of another name or version as it is."""
    while document.get("format") != today:
        step = STEPS.get(str(document.get("format")))
        if step is None or family(str(document["format"])) != family(today):
            break
        document = step(document)
    return document


def read_here(today: str) -> tuple[str, ...]:
    """The formats that are read where `today` stands, oldest first."""
    older = [old for old in STEPS if family(old) == family(today)]
    return (*sorted(older, key=version), today)


def family(name: str) -> str:
    """`enginebench.job` of `enginebench.job/2`."""
    return name.rpartition("/")[0]


def version(name: str) -> int:
    """2 of `enginebench.job/2`."""
    return int(name.rpartition("/")[2])


def _with(old: Document, **meant: Any) -> dict[str, Any]:
    """A copy of `old` with each absent field as it was meant."""
    return {**old, **{name: value for name, value in meant.items() if name not in old}}


def _within(document: Document, key: str, step: Step) -> dict[str, Any]:
    """`document` with `step` done to what is under `key`, where that is an object."""
    part = document.get(key)
    return {**document, key: step(part)} if isinstance(part, Mapping) else dict(document)
