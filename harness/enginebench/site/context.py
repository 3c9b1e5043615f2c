"""Lines over input length and the saving of a prefix cache, as the page `context` loads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from enginebench import config
from enginebench.analysis.context import Recipe, cache_saving, context, recipes
from enginebench.records import Result
from enginebench.site.chunks import Chunks, slug, table

LINES = ("id", "line", "contexts", "left_out", "prefix_cache")
"""Of each point the line that it is on, how many input lengths of it were measured, why it counts in none, and whether
its recipe has a prefix cache (null: not known)."""
_RATIOS = tuple(f"{name}_ratio{end}" for name in ("ttft", "throughput", "cost") for end in ("", "_low", "_high"))
SAVINGS = ("with_cache", "without_cache", "hit_share", *_RATIOS)
"""Ids of both points, the share of input tokens found in the cache in %, and with / without for each figure."""


def write_context(points: pd.DataFrame, results: Iterable[Result], chunks: Chunks) -> None:
    """Make `context/<model>` of the points that stand now."""
    known = recipes(results)
    for model, own in points[points["now"]].groupby("model", sort=True):
        chunks.write(f"context/{slug(str(model))}", document(own, known))


def document(points: pd.DataFrame, known: Mapping[str, Recipe]) -> dict[str, Any]:
    """`lines` and `savings`, tables by column, of one model's points."""
    points = points.set_index("id")
    lines = []
    for tool, own in points.groupby("tool"):
        found = context(own, config.rates(), known=known).rename_axis("id").reset_index()
        found["prefix_cache"] = [known[one].prefix_cache if one in known else None for one in found["recipe"]]
        # Lines of two tools are two, however alike.
        lines.append(found.assign(line=[f"{tool}:{line}" for line in found["line"]]))
    savings = cache_saving(points[points["tool"] == ""], known)
    savings["hit_share"] = pd.to_numeric(savings["hit_share"]) * 100
    for name in _RATIOS:
        savings[name] = pd.to_numeric(savings[name])
    return {"lines": table(pd.concat(lines), LINES), "savings": table(savings, SAVINGS)}
