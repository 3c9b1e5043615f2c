"""InferenceX (formerly InferenceMAX): its aggregate results `agg_*.json`, one object or a list, and rows of its public
API: benchmarks and their history, evaluations, reliability; a list or JSON lines.

Read against the repository of August 2026 and API rows of June 2026. Times are in seconds, throughputs in tokens a
second and GPU. Evaluations and reliability are points of their own kind.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from enginebench.importers._inferencex_figures import energies, latencies, replayed, throughputs
from enginebench.importers._inferencex_rows import attributes, figures, integer, text
from enginebench.importers._rows import Broken, Refused, each, rows
from enginebench.importers._source import Source
from enginebench.records import ForeignPoint

_MAKES = "InferenceX's process_result.py (agg_*.json), or its public API"
_NOMINAL = "`isl` and `osl` are nominal: its workflows draw lengths from 0.8 to 1.0 of them"
_JOBS = "jobs of one workflow run on this hardware, whatever they measured; neither requests nor points"
_OTHER_START = "scored on a server start of its own; here on the server that was measured"


class InferenceX:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint | Refused]:
        """The rows in the file."""
        source = Source("inferencex", path, _MAKES)
        # The API leaves the workflow run out: two runs of a day with the same counts are two rows of the same content.
        met: Counter[str] = Counter()

        def point(place: int, row: Mapping[str, Any]) -> ForeignPoint:
            if "n_success" in row:
                content = json.dumps(row, sort_keys=True)
                met[content] += 1
                return replace(_reliability(source, place, row), occurrence=met[content] - 1)
            if "task" in row:
                return _evaluation(source, place, row)
            if "hw" in row or "metrics" in row:
                return _benchmark(source, place, row)
            raise source.wrong("has no `hw`, `metrics` or `n_success`, one of which every row of inferencex has")

        yield from each(rows(source), point)


def _benchmark(source: Source, place: int, row: Mapping[str, Any]) -> ForeignPoint:
    found = figures(row)
    if not found:
        raise Broken("has no figures")
    said = {
        "date": text(row, "date") if "date" in row else None,
        "model": text(row, "model"),
        "engine": text(row, "framework"),
        "concurrency": integer(row, "conc", 1),
        "completed_requests": row.get("num_requests_successful"),
    }
    text(row, "hw" if "hw" in row else "hardware")
    if row.get("scenario_type", "fixed-seq-len") != "fixed-seq-len":
        return replace(source.point(place, said, found, {}, replayed(found)), said=attributes(row, found))
    same, unlike, notes = throughputs(row, found)
    energy, other = energies({**row, **found})
    same, unlike = same | energy, unlike | other | latencies(found)
    notes += (_NOMINAL,) if "isl" in row else ()
    made = source.point(place, said, found, same, unlike)
    return replace(made, said=attributes(row, found), notes=made.notes + notes)


def _evaluation(source: Source, place: int, row: Mapping[str, Any]) -> ForeignPoint:
    found = figures(row)
    if not found:
        raise Broken("has no `metrics`, which every evaluation has")
    text(row, "task")
    said = {
        "date": text(row, "date"),
        "model": text(row, "model"),
        "engine": text(row, "framework"),
        "concurrency": None if row.get("conc") is None else integer(row, "conc", 1),
    }
    scores = {name: _OTHER_START for name in found if name.startswith(("em_", "score")) and not name.endswith("_se")}
    made = source.point(place, said, found, {}, scores)
    return replace(made, kind="evaluation", said=attributes(row, found))


def _reliability(source: Source, place: int, row: Mapping[str, Any]) -> ForeignPoint:
    text(row, "hardware")
    found = {"n_success": integer(row, "n_success", 0), "total": integer(row, "total", 0)}
    if found["n_success"] > found["total"]:
        raise Broken(f"`n_success` is {found['n_success']}, more than `total`, {found['total']}")
    made = source.point(place, {"date": text(row, "date")}, found, {}, {})
    return replace(made, kind="reliability", said=attributes(row, found), notes=(_JOBS,))


IMPORTER = InferenceX()
