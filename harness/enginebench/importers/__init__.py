"""Other tools' results: each importer reads one tool's file into points, figures as given. One file a tool.

Adding `importers/foo.py` with an `IMPORTER` is the whole change; the file's name is its key.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

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
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")))


def get(name: str) -> Importer:
    """The importer of a tool; raises UserError naming the known ones."""
    if name not in names():
        raise mistake(f"--as {name}", "no importer of this name", f"known: {', '.join(names())}")
    found = importlib.import_module(f"{__name__}.{name}").IMPORTER
    assert isinstance(found, Importer), name
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
