"""Which compacted files a store consists of: `manifests/<sequence>.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Gt

from enginebench.records.base import record


@record
class Part:
    """A compacted Parquet file: one table of many trials."""

    table: str
    """`runs`, `files`, or the name of a table that a trial leaves (`requests`, `telemetry`, …)."""
    path: str
    """Where it lies below the store."""
    nights: tuple[str, ...]
    """Nights of which it holds trials, sorted."""
    rows: Annotated[int, Ge(0)]
    """Its rows."""
    bytes: Annotated[int, Gt(0)]
    """Its size."""


@record
class Manifest:
    """The newest is what counts: its parts, and the trial folders whose ids it does not name."""

    format: Literal["enginebench.manifest/1"] = "enginebench.manifest/1"
    sequence: Annotated[int, Ge(0)]
    """Its number, as in its name; each is made once, by one writer."""
    writer: str
    """What its writer drew, to know its own again when an object store's answer was lost."""
    written_utc: str
    """ISO 8601 time."""
    harness_version: str
    """Version of enginebench that compacted."""
    parts: tuple[Part, ...]
    """All compacted files."""
    trials: Mapping[str, tuple[str, ...]]
    """Night to the ids of its trials that are in the parts, sorted."""
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Night to what retention dropped of it, sorted: `chunk_times`, `logs` or tables."""
