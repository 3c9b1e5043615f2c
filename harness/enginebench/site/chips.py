"""Parts as the pages load them: every fact and rate with its source, and how near to their limits points came."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enginebench import config
from enginebench.analysis.chips import rate_table, specifications
from enginebench.analysis.roofline import SHARES, roofline
from enginebench.site.chunks import Chunks, number, slug, table

ENDS = ("", "_low", "_high")
COLUMNS = (
    *("id", *(f"{name}{end}" for name in SHARES for end in ENDS)),
    *("compute_precision", "decoding_sequences", "binds", "attention_counted", "absent"),
)
"""Columns of `roofline/<model>`, shares in %; `absent`: figure to why it is null."""


def write_chips(points: pd.DataFrame, chunks: Chunks) -> None:
    """Make `chips` and, of each model's points that stand now, `roofline/<model>`."""
    chunks.write("chips", document())
    for model, own in points[points["now"]].groupby("model", sort=True):
        chunks.write(f"roofline/{slug(str(model))}", table(against_limits(own), COLUMNS))


def document() -> dict[str, Any]:
    """`specifications` and `rates`, rows of plain values; `parts`: how many are described."""
    facts, rates = specifications(config.parts()), rate_table(config.rates())
    return {"specifications": _rows(facts), "rates": _rows(rates), "parts": len(config.parts())}


def against_limits(points: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS of points: ours by their steady window, those of other tools by the whole run, for they tell no other."""
    models = config.models()
    frames = [
        roofline(own, models, whole_run=foreign).assign(id=own["id"])
        for foreign, own in points.groupby(points["tool"] != "")
    ]
    found = pd.concat(frames)[list(COLUMNS)]
    for name in (f"{share}{end}" for share in SHARES for end in ENDS):
        found[name] *= 100
    return found


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): value if isinstance(value, str) else number(value) for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]
