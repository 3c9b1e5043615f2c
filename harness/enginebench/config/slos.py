"""Published objectives by name: `configs/slos/SOURCE.yaml` holds limits that are asked for as `SOURCE-NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from annotated_types import Gt, Lt, MinLen

from enginebench.config.check import named
from enginebench.config.schema import Limits
from enginebench.errors import mistake
from enginebench.records import record


@record
class SloFile:
    """One source's limits."""

    name: str
    """Key: the file's name."""
    source: Annotated[str, MinLen(1)]
    """Where they were read."""
    date: Annotated[str, MinLen(4)]
    """When they were read."""
    condition: str | None = None
    """What they hold for; null: without condition."""
    share: Annotated[float, Gt(0), Lt(1)] = 0.99
    """Share of requests that must keep each limit."""
    limits: Mapping[str, Limits]
    """Name to limits."""


@record
class NamedSlo:
    """One published objective."""

    limits: Limits
    """The limits."""
    share: float
    """Share of requests that must keep each."""
    source: str
    """Where and when they were read, and what they hold for."""


def read_slos(path: Path) -> Mapping[str, NamedSlo]:
    """The objectives of one file, each under its whole name; raises UserError."""
    file, document = named(SloFile, path)
    for key, one in file.limits.items():
        if one == Limits():
            raise mistake(
                document.place(("limits", key)), f"`limits.{key}` limits nothing", "give ttft_ms, tpot_ms or e2el_ms"
            )
    told = ", ".join(filter(None, [file.source, file.date, file.condition]))
    return {
        f"{file.name}-{key}": NamedSlo(limits=one, share=file.share, source=told) for key, one in file.limits.items()
    }
