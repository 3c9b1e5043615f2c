"""AIPerf's `profile_export_aiperf.json`, one object a run, or `profile_export_aiperf.csv`, two tables a run.

Read against AIPerf 0.13.0 (exporters/). The CSV tells the same figures, rounded, and nothing of how they were asked.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enginebench.importers._aiperf import CHUNKS, counted, judged
from enginebench.importers._source import Source, flat
from enginebench.records import ForeignPoint

_TABLES = (b"Metric,avg,", b"Metric,Value")
"""How the CSV begins: with what has a distribution, or, where nothing has, with what is one number."""
_UNSAID = f"with `--per-chunk-usage`, of which the file says nothing, {CHUNKS}"
_ROUNDED = "figures are rounded to two decimals"


class Aiperf:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint]:
        """The run in the file."""
        source = Source("aiperf", path, "`aiperf profile` (profile_export_aiperf.json or .csv)")
        yield _of_csv(source) if source.content.startswith(_TABLES) else _of_json(source)


def _of_json(source: Source) -> ForeignPoint:
    one = source.document()
    source.expect(one, "aiperf_version", "input_config", "request_count")
    metrics = {tag: value for tag, value in one.items() if isinstance(value, Mapping) and "unit" in value}
    averages = {tag: (f"{tag}.avg", value["unit"]) for tag, value in metrics.items()}
    figures = flat(metrics)
    per_chunk = (one["input_config"].get("endpoint") or {}).get("per_chunk_usage")
    same, unlike = judged(figures, averages, CHUNKS if per_chunk else None)
    return source.point(0, _asked(one) | counted(figures, averages), figures, same, unlike)


def _asked(one: Mapping[str, Any]) -> dict[str, Any]:
    config = one["input_config"]
    models = [item.get("name") for item in (config.get("models") or {}).get("items", [])]
    phases = [phase for phase in config.get("phases") or [] if phase.get("kind") == "profiling"]
    # Of several phases, or models, none is that of the figures.
    phase = phases[0] if len(phases) == 1 else {}
    return {
        "tool_version": one["aiperf_version"],
        "date": one.get("start_time"),
        "model": models[0] if len(models) == 1 else None,
        "engine": (config.get("endpoint") or {}).get("type"),
        "concurrency": phase.get("concurrency"),
        "rate_rps": phase.get("rate"),
    }


def _of_csv(source: Source) -> ForeignPoint:
    figures: dict[str, float] = {}
    averages: dict[str, tuple[str, str]] = {}
    header: list[str] = []
    for row in filter(None, csv.reader(source.text().splitlines())):
        if row[0] in ("Metric", "Endpoint"):
            header = row
        elif header[0] == "Metric":  # the table of endpoints is of their GPUs, left out of the JSON too
            cells = zip(header[1:], row[1:], strict=True)
            figures |= {f"{row[0]}.{column}": float(cell) for column, cell in cells if cell}
            title, _, unit = row[0].removesuffix(")").rpartition(" (")
            averages[(title or row[0]).lower().replace(" ", "_")] = (f"{row[0]}.{header[1]}", unit)
    same, unlike = judged(figures, averages, _UNSAID)
    return source.point(0, counted(figures, averages), figures, same, unlike, [_ROUNDED])


IMPORTER = Aiperf()
