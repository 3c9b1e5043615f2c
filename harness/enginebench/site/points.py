"""Points as the pages load them: all that stand now of a model, and all of a model in a month."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from enginebench.analysis.foreign import foreign_points
from enginebench.analysis.points import KEY, POINT, summarise_points
from enginebench.analysis.snapshot import snapshot
from enginebench.metrics import METRICS
from enginebench.records import content_hash
from enginebench.site.chunks import Chunks, figures, slug, table
from enginebench.site.rates import parts_of
from enginebench.store import Store

COLUMNS = ("id", *POINT, "part", "tool", "unlike", "now", "missing")
"""What is told of a point beside its figures. `part`: its accelerator's name in `configs/hardware`. `now`: it is the
newest figure of its load, by its curve's newest version; `missing`, then: loads of its curve that this version has not
measured."""


def all_points(runs: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Every point of the store, ours and those that other tools measured, by night, with `COLUMNS`."""
    ours = summarise_points(runs).assign(tool="")
    ours["unlike"] = pd.Series([{}] * len(ours), index=ours.index, dtype=object)
    foreign = foreign_points(store.foreign())
    # A copy is of one piece, where columns are soon added.
    points = pd.concat([one for one in (ours, foreign) if len(one)] or [ours], ignore_index=True).copy()
    keys = points[[*KEY, "tool", "product", "curve"]].astype(object).where(points.notna(), None)
    points["id"] = [content_hash([str(value) for value in row])[:12] for row in keys.itertuples(index=False)]
    points["part"] = parts_of(points)
    standing = snapshot(points).set_index("id")
    points["now"] = points["id"].isin(standing.index)
    points["missing"] = points["id"].map(standing["missing"].to_dict())
    points["missing"] = [value if isinstance(value, list) else [] for value in points["missing"]]
    return points.sort_values(["night", "model", "series"], kind="stable").reset_index(drop=True)


def write_points(points: pd.DataFrame, chunks: Chunks) -> list[dict[str, Any]]:
    """Make `now/<model>` and `points/<model>/<month>`; gives each model's name, key, months and number of points."""
    models = []
    for model, own in points.groupby("model", dropna=False, sort=True):
        key = slug(str(model))
        chunks.write(f"now/{key}", document(own[own["now"]]))
        months = []
        for month, part in _by_month(own):
            chunks.write(f"points/{key}/{month}", document(part))
            months.append({"month": month, "points": len(part)})
        models.append({"name": model, "key": key, "months": months, "points": len(own), "now": int(own["now"].sum())})
    return models


def document(points: pd.DataFrame) -> dict[str, Any]:
    """Points by column, with the figures that any of them has."""
    return {**table(points, COLUMNS), "metrics": figures(points)}


def for_scripts(points: pd.DataFrame) -> pd.DataFrame:
    """The same points for a notebook or a script: figures in the units of the pages, lists as text."""
    shown = points[[*COLUMNS]].copy()
    for name in shown.columns:
        if shown[name].map(lambda value: isinstance(value, list | dict)).any():
            shown[name] = shown[name].map(lambda value: str(value) if value else "")
    scaled = {
        f"{name}{end}": pd.to_numeric(points[name + end], errors="coerce") * METRICS[name].scale
        for name in METRICS
        for end in ("", "_low", "_high")
    }
    counts = {f"{name}_n": points[f"{name}_n"].astype(int) for name in METRICS}
    return pd.concat([shown, pd.DataFrame(scaled | counts)], axis=1)


def _by_month(points: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for month, part in points.groupby(points["night"].str[:7], sort=True):
        yield str(month), part
