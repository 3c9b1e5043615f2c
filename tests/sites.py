"""Built dashboards, looked into without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def piece(site: Path, name: str) -> Any:
    """A piece of a dashboard's data."""
    text = (site / "data" / f"{name}.js").read_text(encoding="utf-8")
    head = f"EB.put({json.dumps(name)},"
    assert text.startswith(head)
    return json.loads(text.removeprefix(head).removesuffix(");\n"), parse_constant=lambda word: 1 / 0)


def rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table by column, as a page makes them: a point has `values`."""
    found: list[dict[str, Any]] = [{} for _ in range(table["n"])]
    for name, column in table["columns"].items():
        listed = column if isinstance(column, list) else [column["values"][code] for code in column["codes"]]
        assert len(listed) == table["n"]
        for row, value in zip(found, listed, strict=True):
            row[name] = value
    for name, four in table.get("metrics", {}).items():
        for row, values in zip(found, zip(*four, strict=True), strict=True):
            row.setdefault("values", {})[name] = list(values)
    return found


def points(site: Path) -> list[dict[str, Any]]:
    """Every point of a dashboard, of all models and months."""
    return [
        row
        for model in piece(site, "index")["models"]
        for month in model["months"]
        for row in rows(piece(site, f"points/{model['key']}/{month['month']}"))
    ]


def trials(site: Path) -> dict[str, Any]:
    """Every trial of a dashboard, by id."""
    return {
        trial: document
        for night in piece(site, "index")["nights"]
        for shard in range(night["shards"])
        for trial, document in piece(site, f"trials/{night['night']}/{shard}").items()
    }
