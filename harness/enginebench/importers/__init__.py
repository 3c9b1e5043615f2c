"""Other tools' results: each importer reads one tool's file into points, figures as given. One file a tool.

Adding `importers/foo.py` with an `IMPORTER` is the whole change; a distribution of someone else's registers its
importer under the entry point group `enginebench.importers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from enginebench import extensions
from enginebench.errors import UserError, mistake
from enginebench.records import ForeignPoint
from enginebench.records.files import from_json, to_json


@runtime_checkable
class Importer(Protocol):
    """Knowledge of one tool's file."""

    def read(self, path: Path) -> Iterator[ForeignPoint]:
        """The points in the file, in its order, at least one; raises UserError where it is no such file."""
        ...


def names() -> tuple[str, ...]:
    """Every known importer's key, in order."""
    return extensions.known(__name__)


def get(name: str) -> Importer:
    """The importer of a tool; raises UserError naming the known ones."""
    found = extensions.find(__name__, name, "IMPORTER")
    if not isinstance(found, Importer):
        problem = "no importer of this name" if found is None else f"{type(found).__name__} has no `read`: no importer"
        raise mistake(f"--as {name}", problem, f"known: {', '.join(names())}")
    return found


def points(name: str, path: Path) -> tuple[ForeignPoint, ...]:
    """All points of a file of the tool `name`; raises UserError if there is one thing in it that can't be read."""
    importer, remedy = get(name), "name a file as the tool wrote it, or another tool by --as"
    try:
        points = list(importer.read(path))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise mistake(str(path), f"is no whole file of {name} ({type(error).__name__}: {error})", remedy) from None
    try:
        # Through JSON and back: what is of another type than the record says is found here, not by its readers.
        return tuple(from_json(ForeignPoint, to_json(point), str(path)) for point in points)
    except UserError as error:
        wrong = error.mistakes[0].problem
        raise mistake(str(path), f"is no whole file of {name} ({wrong})", remedy) from None
