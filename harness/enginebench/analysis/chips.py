"""What is known of every part, and what it costs, each with where and when it was read: as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from enginebench.config import PRICE_CLASSES, Fact, Hardware, Rates

SPECIFICATION_COLUMNS = (
    *("part", "vendor", "product", "fact", "precision", "value", "unit", "source", "date", "condition"),
)
"""Columns of `specifications`."""
RATE_TABLE_COLUMNS = (
    *("part", "rate", "since", "before", *(f"{name}_usd" for name in PRICE_CLASSES), "all_in_kw", "source"),
    "condition",
)
"""Columns of `rate_table`."""


def specifications(parts: Mapping[str, Hardware]) -> pd.DataFrame:
    """SPECIFICATION_COLUMNS: a row a part and fact of `config.parts()`; what is not known of a part has no row.

    `fact` is `memory`, `memory bandwidth`, `dense compute` (with its `precision`) or `power limit`; `value` is of one
    device in `unit` (bytes, bytes/s, FLOP/s, W).
    """
    rows = [
        {"part": name, "vendor": part.vendor, "product": part.product, **row}
        for name, part in parts.items()
        for row in _facts(part)
    ]
    return pd.DataFrame(rows, columns=list(SPECIFICATION_COLUMNS))


def _facts(part: Hardware) -> Iterator[dict[str, Any]]:
    plain: tuple[tuple[str, str, Fact | None], ...] = (
        ("memory", "bytes", part.memory_bytes),
        ("memory bandwidth", "bytes/s", part.memory_bandwidth_bytes_per_s),
        ("power limit", "W", part.tdp_w),
    )
    for fact, unit, one in plain:
        if one is not None:
            yield _row(fact, None, unit, one)
    for precision, one in part.dense_flops_per_s.items():
        yield _row("dense compute", precision, "FLOP/s", one)


def _row(fact: str, precision: str | None, unit: str, one: Fact) -> dict[str, Any]:
    told = {"value": one.value, "unit": unit, "source": one.source, "date": one.date, "condition": one.condition}
    return {"fact": fact, "precision": precision, **told}


def rate_table(rates: Rates) -> pd.DataFrame:
    """RATE_TABLE_COLUMNS: every row of the rates, the oldest of each part first; `before` is the first day that it
    holds no more for, null while it does. Prices in US dollars an accelerator-hour, power in kW all in, null where not
    known.
    """
    rows = [
        {
            "part": part,
            "rate": row.id,
            "since": row.since,
            "before": later.since if later else None,
            **{f"{name}_usd": row.usd_per_hour.get(name) for name in PRICE_CLASSES},
            "all_in_kw": row.all_in_kw,
            "source": row.source,
            "condition": row.condition,
        }
        for part, found in rates.rows.items()
        for row, later in zip(found, (*found[1:], None), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(RATE_TABLE_COLUMNS))
