"""Finds what ships as data (`configs/`, `runners/`, `dashboards/`) in a checkout or in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

from enginebench.errors import mistake

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def root() -> Path:
    """The folder that holds `configs/`, `runners/` and `dashboards/`: the checkout, or the wheel's `_data`."""
    return _CHECKOUT if (_CHECKOUT / "configs" / "grids").is_dir() else _PACKAGE / "_data"


def find(name: str) -> Path:
    """The asset `name` (as `configs/grids/quickstart.yaml`), taken from the working folder first, then as shipped.

    Raises UserError when neither holds it.
    """
    for candidate in (Path(name), root() / name):
        if candidate.exists():
            return candidate
    raise mistake(name, "no such file here or among the shipped ones", f"see what ships with `ls {root()}`")


def cache() -> Path:
    """Where environments and models are kept by content hash: `$ENGINEBENCH_CACHE`, else the user's cache folder."""
    given = os.environ.get("ENGINEBENCH_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "enginebench"
