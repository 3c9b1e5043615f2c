"""Prices and powers as the pages load them, and which described part a point was measured on."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enginebench import config
from enginebench.analysis.economics import FIGURES
from enginebench.analysis.parts import part_names
from enginebench.config import PRICE_CLASSES
from enginebench.records import plain

STANDARD = "neocloud"
"""The class of price until a reader chooses another, as in `analysis.economics`."""


def document() -> dict[str, Any]:
    """Every rate by part with its source, and the figures that are made of them: `parts/economics.js` reckons with it.

    A page reckons costs itself, since a reader's own prices are known to it alone.
    """
    parts, rates = config.parts(), config.rates()
    return {
        "classes": list(PRICE_CLASSES),
        "standard": STANDARD,
        "parts": {
            name: {"product": part.product, "rows": [plain(row) for row in rates.rows.get(name, ())]}
            for name, part in parts.items()
        },
        "figures": {name: plain(figure) for name, figure in FIGURES.items()},
    }


def parts_of(points: pd.DataFrame) -> pd.Series:
    """Name in `configs/hardware` of each point's part; None: it is none of them.

    Other tools say a part in a word and no vendor: `h100` is the described part of that name or, where there is only
    one such, of that name and a form (`h100-sxm`; InferenceX, which says so little, has only SXM machines).
    """
    known = config.parts()
    found = part_names(points, known)
    words = points["product"].astype("str").str.lower()
    for word in set(words[points["tool"] != ""]):
        named = [name for name in known if name == word] or [name for name in known if name.startswith(f"{word}-")]
        if len(named) == 1:
            found = found.mask((words == word) & (points["tool"] != ""), named[0])
    return found
