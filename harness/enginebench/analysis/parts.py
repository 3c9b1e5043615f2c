"""Which described part each point was measured on, and figures of points as numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from enginebench import config
from enginebench.config import Hardware


def part_names(points: pd.DataFrame, known: Mapping[str, Hardware] | None = None) -> pd.Series:
    """Name in `known` (the shipped parts, if left out) of each point's accelerator; None: it is none of them.

    By `vendor` and `product`, as a part's `match` says. A column `part` goes before, for figures of other tools: a
    name, or what stands before its dash where no other part has it (`h100` is h100-sxm).
    """
    parts = config.parts() if known is None else known
    given = points["part"] if "part" in points else pd.Series(None, index=points.index, dtype="object")
    found: dict[tuple[str, str], str | None] = {}
    names: list[str | None] = []
    for part, vendor, product in zip(given, _words(points, "vendor"), _words(points, "product"), strict=True):
        if isinstance(part, str) and part:
            names.append(_named(part, parts))
            continue
        if (vendor, product) not in found:
            one = config.hardware(vendor, product, parts.values())
            found[vendor, product] = one.name if one else None
        names.append(found[vendor, product])
    return pd.Series(names, index=points.index, dtype="object", name="part")


def _named(words: str, parts: Mapping[str, Hardware]) -> str | None:
    if words in parts:
        return words
    close = [name for name, part in parts.items() if name.partition("-")[0] == words != part.vendor]
    return close[0] if len(close) == 1 else None


def _words(points: pd.DataFrame, name: str) -> Iterable[str]:
    return points[name].fillna("").astype("str") if name in points else [""] * len(points)


def numbers(points: pd.DataFrame, name: str) -> pd.Series:
    """A column as floats, null as NaN; all NaN where there is no such column."""
    if name not in points:
        return pd.Series(np.nan, index=points.index, dtype="float64", name=name)
    return pd.to_numeric(points[name], errors="coerce").astype("float64")
