"""Other tools' results: each importer reads one tool's file into points, figures as given. One file a tool.

Adding `importers/foo.py` with an `IMPORTER` is the whole change; a distribution of someone else's registers its
importer under the entry point group `enginebench.importers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from enginebench import extensions
from enginebench.errors import mistake
from enginebench.importers._rows import WRONG, Broken, Refused, checked
from enginebench.records import ForeignPoint

__all__ = ["Importer", "Refused", "get", "names", "points", "rows"]


@runtime_checkable
class Importer(Protocol):
    """Knowledge of one tool's file."""

    def read(self, path: Path) -> Iterator[ForeignPoint | Refused]:
        """The rows of the file in its order, at least one: a point, or why it is none.

        Raises UserError where it is no such file at all.
        """
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


def rows(name: str, path: Path) -> tuple[ForeignPoint | Refused, ...]:
    """All rows of a file of the tool `name`, each a point or refused; raises UserError if none of them is a point."""
    importer, remedy = get(name), "name a file as the tool wrote it, or another tool by --as"
    try:
        found = tuple(row if isinstance(row, Refused) else checked(row) for row in importer.read(path))
    except Broken as error:
        raise mistake(str(path), f"is no whole file of {name} ({error})", remedy) from None
    except WRONG as error:
        raise mistake(str(path), f"is no whole file of {name} ({type(error).__name__}: {error})", remedy) from None
    refused = [row for row in found if isinstance(row, Refused)]
    if len(refused) == len(found):
        more = f" (and none of the {len(found) - 1} others can be taken)" if len(found) > 1 else ""
        raise mistake(str(path), f"{refused[0]}{more}", remedy)
    return found


def points(name: str, path: Path) -> tuple[ForeignPoint, ...]:
    """All points of a file of the tool `name`; raises UserError if there is one row in it that can't be taken."""
    found = rows(name, path)
    for row in found:
        if isinstance(row, Refused):
            raise mistake(str(path), str(row), "mend the row, or leave it out")
    return tuple(row for row in found if isinstance(row, ForeignPoint))
