"""What other tools measured: one file an import, a JSON object a line, named by what is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from enginebench.records import ForeignPoint, plain
from enginebench.records.files import from_json
from enginebench.store.place import Place

FOLDER = "foreign"


def add(place: Place, points: Sequence[ForeignPoint]) -> int:
    """Keep those of `points` that are not kept yet; gives their number."""
    new = 0
    for tool in sorted({point.tool for point in points}):
        there = {identity for identity, _ in _kept(place, tool)}
        chosen = {one.identity(): one for one in points if one.tool == tool}
        fresh = {identity: one for identity, one in sorted(chosen.items()) if identity not in there}
        if not fresh:
            continue
        # The same points make the same file, so two who import them at once keep them once.
        name = hashlib.sha256("\n".join(fresh).encode()).hexdigest()[:16]
        lines = "".join(json.dumps(plain(one), allow_nan=False) + "\n" for one in fresh.values())
        new += len(fresh) if place.create(f"{FOLDER}/{tool}/{name}.jsonl", lines.encode()) else 0
    return new


def kept(place: Place) -> Iterator[ForeignPoint]:
    """Every kept point, by tool and identity; raises UserError naming the file and line that can't be read."""
    for tool in place.folders(FOLDER):
        # Two imports at once that share points may each have kept them.
        for _, point in sorted(dict(_kept(place, tool)).items()):
            yield point


def _kept(place: Place, tool: str) -> Iterator[tuple[str, ForeignPoint]]:
    """Identity and point, of one tool. A `.json` is a file of before one import was one file, and holds one point."""
    for name in place.names(f"{FOLDER}/{tool}"):
        content = place.read(f"{FOLDER}/{tool}/{name}")
        where = f"{place.url}/{FOLDER}/{tool}/{name}"
        lines = content.splitlines() if name.endswith(".jsonl") else [content] if name.endswith(".json") else []
        for number, line in enumerate(lines, 1):
            point = from_json(ForeignPoint, line, f"{where}:{number}" if name.endswith("l") else where)
            yield point.identity(), point
