"""Entries of search spaces as one grid: a cross product as far as they are one, and includes for the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from enginebench.convert.master import Entry
from enginebench.records import Parallelism

Cell = tuple[str, Parallelism]
"""Workload and split."""


def workload_name(isl_tokens: int, osl_tokens: int) -> str:
    """The name of the synthetic workload of these lengths."""
    return f"synthetic-{isl_tokens}-{osl_tokens}"


def engine_name(image: str) -> str:
    """A name for the engine in an image, its digest left out: `lmsysorg-sglang-v0.5.12-cu130`."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", image.partition("@")[0])


def engine_version(image: str) -> str | None:
    """The version that an image's tag begins with, else the tag; null where there is none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = re.match(r"v?(\d+(?:\.\d+)+(?:\.?(?:post|rc|dev)\d+)?)(?![\w.])", tag)
    return found[1] if found else tag or None


def grid(*, description: str, model: str, engine: str, precision: str, entries: Sequence[Entry]) -> dict[str, Any]:
    """What stands in the grid's file: every concurrency of every entry once."""
    loads: dict[Cell, tuple[int, ...]] = {}
    for entry in entries:
        cell = (workload_name(entry.isl_tokens, entry.osl_tokens), entry.parallelism)
        loads[cell] = tuple(sorted({*loads.get(cell, ()), *entry.concurrency}))
    inside = _product(loads)
    workloads = list(dict.fromkeys(workload for workload, _ in inside))
    splits = list(dict.fromkeys(split for _, split in inside))
    include = [
        {"model": model, "engine": engine, "workload": workload, "precision": precision}
        | {"parallelism": _sizes(split), "concurrency": value}
        for (workload, split), values in loads.items()
        if (workload, split) not in inside
        for value in values
    ]
    return {
        "description": description,
        "models": [model],
        "engines": [engine],
        "workloads": workloads,
        "precisions": [precision],
        "parallelism": [_sizes(split) for split in splits],
        "loads": {"concurrency": list(loads[inside[0]])},
        "max_sequences": max(value for values in loads.values() for value in values),
        **({"include": include} if include else {}),
    }


def _product(loads: Mapping[Cell, tuple[int, ...]]) -> Sequence[Cell]:
    """The cells of the largest set of points that is a cross product: cells of the same loads and, where those are not
    every split with every workload, of one workload."""
    best: Sequence[Cell] = ()
    for values in dict.fromkeys(loads.values()):
        same = [cell for cell, others in loads.items() if others == values]
        workloads = list(dict.fromkeys(workload for workload, _ in same))
        whole = len(same) == len(workloads) * len({split for _, split in same})
        sets = [same] if whole else [[cell for cell in same if cell[0] == workload] for workload in workloads]
        best = max([best, *sets], key=lambda cells: sum(len(loads[cell]) for cell in cells))
    return best


def _sizes(split: Parallelism) -> dict[str, int]:
    """The split as a grid has it, ones left out but for tp."""
    sizes = {"tp": split.tp, "pp": split.pp, "ep": split.ep}
    return {name: size for name, size in sizes.items() if size > 1 or name == "tp"}
