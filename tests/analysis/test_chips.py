"""Facts and rates as tables: everything that is described, nothing that is not."""

from __future__ import annotations

import pandas as pd

from enginebench import config
from enginebench.analysis.chips import RATE_TABLE_COLUMNS, SPECIFICATION_COLUMNS, rate_table, specifications


def test_every_fact_stands_with_where_and_when_it_was_read():
    parts = config.parts()
    table = specifications(parts)
    assert list(table.columns) == list(SPECIFICATION_COLUMNS)
    assert table[["value", "unit", "source", "date"]].notna().all().all()
    h100 = table[table["part"] == "h100-sxm"].set_index(["fact", "precision"])["value"]
    assert h100["memory bandwidth"].item() == 3.35e12
    assert h100["dense compute", "fp8"] == 1.978e15
    assert h100["power limit"].item() == 700
    counted = sum(
        (part.memory_bytes is not None) + (part.tdp_w is not None) + 1 + len(part.dense_flops_per_s)
        for part in parts.values()
    )
    assert len(table) == counted
    assert "power limit" not in set(table[table["part"] == "tpu7x"]["fact"]), "what is not known has no row"


def test_rates_say_until_when_they_held():
    table = rate_table(config.rates())
    assert list(table.columns) == list(RATE_TABLE_COLUMNS)
    h100 = table[table["part"] == "h100-sxm"]
    assert list(h100["since"]) == ["2026-04-01", "2026-08-01"]
    assert list(h100["before"].fillna("")) == ["2026-08-01", ""]
    assert list(h100["rental_usd"]) == [1.30, 1.78]
    assert pd.isna(table.set_index("part").loc["tpu7x", "neocloud_usd"])
