"""Extension points, one way for all rooms: a file in the room's package, or an entry point of another distribution.

A file's name is its key; one whose name begins with `_` is no key. The entry point group has the package's name, as
`enginebench.engines`. A name of the house stays the house's.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import Any

from enginebench.errors import mistake


def known(package: str) -> tuple[str, ...]:
    """Every key that `package` has, its own and others', in order."""
    return tuple(sorted({*_own(package), *(point.name for point in entry_points(group=package))}))


def find(package: str, key: str, attribute: str) -> Any:
    """What stands under `key`: `attribute` of the package's file, or what the entry point names; null: nothing does.

    Raises UserError for an entry point that can't be loaded.
    """
    if key in _own(package):
        return getattr(importlib.import_module(f"{package}.{key}"), attribute)
    for point in entry_points(group=package, name=key):
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            place = f"entry point `{key} = {point.value}` of {package}"
            owner = point.dist.name if point.dist else "that names it"
            remedy = f"repair or remove the distribution {owner}"
            raise mistake(place, f"cannot be loaded ({type(error).__name__}: {error})", remedy) from None
    return None


def _own(package: str) -> set[str]:
    places = importlib.import_module(package).__path__
    return {module.name for module in pkgutil.iter_modules(places) if not module.name.startswith("_")}
