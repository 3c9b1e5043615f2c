"""InferenceX's `*-master.yaml`: configurations, each with entries of search spaces, and what they ask for that can't
be written here. Read against its schema of August 2026 (utils/matrix_logic/validation.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from enginebench.config.documents import Document
from enginebench.convert.account import Reason
from enginebench.records import Parallelism, record

FIXED = "fixed-seq-len"
_ROLES = "several nodes or roles"
_KIND = "a value of another kind than expected"
_UNKNOWN = "a key that is not known here"
MEANINGS: Mapping[str, str] = {
    "image": "engines/: kind and version; its name stands there as a comment, as an engine's file has no key for it",
    "model": "`models` of the grid: the file in configs/models, or in models/ of the output folder, of this repository",
    "model-prefix": "nothing: it picks their script",
    "runner": "runners/, and the vendor of the engine's build",
    "precision": "`precisions` of the grid and of the engine's build",
    "framework": "`kind` of the engine",
    "multinode": "nothing where false; true: a deployment of several nodes or roles can't be written yet",
    "disagg": "as `multinode`",
    "router": "as `multinode`",
    "kv-p2p-transfer": "as `multinode`",
    "prefill": "as `multinode`",
    "decode": "as `multinode`",
    "isl": "workloads/; their workflows draw lengths from 0.8 to 1.0 of it, here it is exact",
    "osl": "as `isl`",
    "tp": "`parallelism`",
    "pp": "`parallelism`",
    "ep": "`parallelism`",
    "dp-attn": "nothing where false; true: over how many replicas stands in their script",
    "dcp-size": "nothing where 1; no counterpart",
    "pcp-size": "nothing where 1; no counterpart",
    "spec-decoding": "nothing where `none`; else how many tokens are drafted stands in their script",
    "conc-start": "`loads.concurrency`, or `include`: doubled from here to `conc-end`, as their generator does",
    "conc-end": "as `conc-start`",
    "conc-list": "`loads.concurrency`, or `include`",
    "kv-offloading": "nothing: it goes with agentic traces",
    "kv-offload-backend": "as `kv-offloading`",
    "dram-utilization": "as `kv-offloading`",
}
"""Field to what becomes of it."""
_OF_ALL = ("image", "model", "model-prefix", "runner", "precision", "framework")
_OF_LENGTHS = frozenset(("isl", "osl", "search-space", "dram-utilization"))
_OF_CONFIGURATION = frozenset((*_OF_ALL, "multinode", "disagg", "router", "kv-p2p-transfer", "scenarios"))
_OF_ENTRY = frozenset(MEANINGS) - _OF_LENGTHS - {*_OF_ALL, "multinode", "disagg"}


@record
class Entry:
    """One entry of a search space."""

    keys: tuple[str, ...]
    """Its fields."""
    lengths_at: int
    """Which list item of lengths it stands in, counted through the configuration."""
    isl_tokens: int
    osl_tokens: int
    parallelism: Parallelism
    concurrency: tuple[int, ...]
    reasons: tuple[Reason, ...]
    """Why it can't be carried over; where there are any, the values above are not to be used."""


@record
class Configuration:
    """One key of a master file."""

    key: str
    place: str
    """File and line."""
    keys: tuple[str, ...]
    """Its fields, scenarios left out."""
    lengths: tuple[tuple[str, ...], ...]
    """Fields of each list item of lengths."""
    image: str
    """As it stands there, and so the next four; empty where it is no text."""
    model: str
    precision: str
    framework: str
    runner: str
    reasons: tuple[Reason, ...]
    """What holds back all its entries."""
    entries: tuple[Entry, ...]


def configurations(document: Document) -> Iterator[Configuration]:
    """Every key of a master file; one of another shape has reasons and no entries."""
    for key, raw in document.data.items():
        yield _configuration(document, key, raw if isinstance(raw, dict) else {"scenarios": raw})


def _configuration(document: Document, key: str, raw: Mapping[str, Any]) -> Configuration:
    words = {name: raw.get(name) for name in ("image", "model", "precision", "framework", "runner")}
    reasons = [Reason(kind=_UNKNOWN, detail=name) for name in raw if name not in _OF_CONFIGURATION]
    reasons += [_odd(name, value) for name, value in words.items() if not isinstance(value, str) or not value]
    asked = {"disagg": raw.get("disagg", False), "multinode": raw.get("multinode"), "router": raw.get("router", False)}
    if roles := [name for name, value in asked.items() if value is not False]:
        reasons.append(Reason(kind=_ROLES, detail=roles[0]))
    scenarios = raw.get("scenarios")
    entries: list[Entry] = []
    lengths: list[tuple[str, ...]] = []
    for scenario, items in scenarios.items() if isinstance(scenarios, dict) else ():
        for item in items if isinstance(items, list) else [items]:
            item = item if isinstance(item, dict) else {"search-space": item}
            space = item.get("search-space")
            found = space if isinstance(space, list) else [space]
            entries += [_entry(scenario, item, one if isinstance(one, dict) else {}, len(lengths)) for one in found]
            lengths.append(tuple(name for name in item if name != "search-space"))
    if not entries:
        reasons.append(_odd("scenarios", scenarios))
    return Configuration(
        key=key,
        place=document.place((key,)),
        keys=tuple(name for name in raw if name != "scenarios"),
        lengths=tuple(lengths),
        reasons=tuple(dict.fromkeys(reasons)),
        entries=tuple(entries),
        **{name: value if isinstance(value, str) else "" for name, value in words.items()},
    )


def _entry(scenario: str, item: Mapping[str, Any], raw: Mapping[str, Any], lengths_at: int) -> Entry:
    reasons = [Reason(kind=_UNKNOWN, detail=name) for name in raw if name not in _OF_ENTRY]
    reasons += [Reason(kind=_UNKNOWN, detail=name) for name in item if name not in _OF_LENGTHS]
    numbers = {name: raw.get(name, 1) for name in ("tp", "pp", "ep", "dcp-size", "pcp-size")}
    numbers |= {name: item.get(name) for name in ("isl", "osl")} if scenario == FIXED else {}
    if scenario != FIXED:
        reasons.append(Reason(kind="a workload that can't be written here", detail=scenario))
    if roles := [name for name in ("prefill", "decode", "router", "kv-p2p-transfer") if name in raw]:
        reasons.append(Reason(kind=_ROLES, detail=roles[0]))
    elif "tp" not in raw:
        reasons.append(_odd("tp", None))
    reasons += [_odd(name, value) for name, value in numbers.items() if not _counts(value)]
    reasons += _asked(raw)
    concurrency = _concurrency(raw)
    if not concurrency:
        reasons.append(_odd("conc-list", raw.get("conc-list", [raw.get("conc-start"), raw.get("conc-end")])))
    sound = {name: value if _counts(value) else 1 for name, value in numbers.items()}
    return Entry(
        keys=tuple(raw),
        lengths_at=lengths_at,
        isl_tokens=sound.get("isl", 1),
        osl_tokens=sound.get("osl", 1),
        parallelism=Parallelism(tp=sound["tp"], pp=sound["pp"], ep=sound["ep"]),
        concurrency=concurrency,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def _asked(raw: Mapping[str, Any]) -> Iterator[Reason]:
    """What an entry asks for that has no counterpart, or whose settings are not in the file."""
    if (drafted := raw.get("spec-decoding", "none")) != "none":
        yield Reason(kind="speculative decoding, whose settings their script holds", detail=str(drafted))
    if (shared := raw.get("dp-attn", False)) is not False:
        words = "data-parallel attention, whose replicas their script holds"
        yield Reason(kind=words, detail="dp-attn") if shared is True else _odd("dp-attn", shared)
    for name in ("dcp-size", "pcp-size"):
        if _counts(size := raw.get(name, 1)) and size > 1:
            yield Reason(kind="a split that can't be written here", detail=f"{name} {size}")
    if (offloading := raw.get("kv-offloading", "none")) != "none":
        yield Reason(kind="a KV cache beyond the accelerators", detail=str(offloading))


def _concurrency(raw: Mapping[str, Any]) -> tuple[int, ...]:
    """The listed values, or those doubled from the first up to the last, and the last; empty where it is neither."""
    if "conc-list" in raw:
        listed = raw["conc-list"]
        good = isinstance(listed, list) and all(_counts(value) for value in listed)
        return tuple(dict.fromkeys(listed)) if good else ()
    value, last = raw.get("conc-start"), raw.get("conc-end")
    if not (_counts(value) and _counts(last) and value <= last):
        return ()
    found = []
    while value < last:
        found.append(value)
        value *= 2
    return (*found, last)


def _counts(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _odd(name: str, value: Any) -> Reason:
    return Reason(kind=_KIND, detail=f"{name}: {json.dumps(value)[:40]}")


def fields_of(found: Configuration, carried: frozenset[int]) -> Iterator[tuple[str, bool]]:
    """Every field in the configuration and whether it was carried over, `carried` being the places of its entries."""
    kept = [one for index, one in enumerate(found.entries) if index in carried]
    yield from ((name, bool(kept)) for name in found.keys)
    items = {one.lengths_at for one in kept}
    yield from ((name, index in items) for index, names in enumerate(found.lengths) for name in names)
    yield from ((name, index in carried) for index, one in enumerate(found.entries) for name in one.keys)
