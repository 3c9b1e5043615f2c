"""Pieces of data that a page loads when it needs them: tables by column, numbers rounded, equal words once."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
import pandas as pd

from enginebench.metrics import METRICS

DIGITS = 6
"""Significant digits of a figure on a page."""


class Chunks:
    """The folder `data/` of a dashboard."""

    MADE = "made.txt"
    """File in a folder of pieces that may be kept: what they were made of."""

    def __init__(self, folder: Path, earlier: Path | None = None) -> None:
        """Pieces go to `folder`; `earlier` is the folder that an earlier build left, if it did."""
        self.folder = folder
        self.earlier = earlier

    def keep(self, name: str, made_of: str) -> bool:
        """Take the folder of pieces `name` over from the earlier build, if it was made of the very same."""
        if self.earlier is None:
            return False
        try:
            same = (self.earlier / name / self.MADE).read_text(encoding="utf-8") == made_of
        except OSError:
            return False
        if same:
            shutil.copytree(self.earlier / name, self.folder / name)
        return same

    def kept_next(self, name: str, made_of: str) -> None:
        """Let the next build take over the folder of pieces `name`, now that all of it is written."""
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / name / self.MADE).write_text(made_of, encoding="utf-8")

    def write(self, name: str, document: Any) -> int:
        """Make the piece `name`, its slashes folders; gives its bytes.

        A script, for a page opened from disk may load one and may not fetch a file.
        """
        path = self.folder / f"{name}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = msgspec.json.encode(document).decode()
        path.write_text(f"EB.put({msgspec.json.encode(name).decode()},{script_safe(text)});\n", encoding="utf-8")
        return path.stat().st_size


def slug(words: str) -> str:
    """A file name for a name of any letters, another for each."""
    plain = quote(words.lower(), safe="").replace("%", "_")[:48]
    return f"{plain}-{sha256(words.encode()).hexdigest()[:8]}"


def shard(trial: str, count: int) -> int:
    """Which of a night's pieces holds a trial; the page reckons the same (`EB.trial`)."""
    return sum(map(ord, trial)) % count


def script_safe(text: str) -> str:
    """JSON that no browser can take for the end of a script."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def table(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, Any]:
    """`{n, columns}` of a table: a column of numbers as a list, any other as `{values, codes}`. Nothing stays null."""
    return {"n": len(frame), "columns": {name: _column(frame[name]) for name in columns}}


def figures(frame: pd.DataFrame, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Metric to `[centres, lows, highs, ns]` in the units people read, of a table of points; those that no row has are
    left out."""
    found: dict[str, Any] = {}
    for name in METRICS if names is None else names:
        values = _numbers(frame[name])
        if np.isnan(values).all():
            continue
        scale = METRICS[name].scale
        three = [_shown(_numbers(frame[name + end]) * scale) for end in ("", "_low", "_high")]
        found[name] = [*three, frame[f"{name}_n"].astype(int).tolist()]
    return found


def number(value: Any, scale: float = 1.0) -> float | int | None:
    """One figure as `figures` shows it."""
    if value is None or value != value or value is pd.NA:
        return None
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool | int) and scale == 1:
        return value
    return float(f"{value * scale:.{DIGITS}g}") if math.isfinite(value) else None


def _numbers(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _shown(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float | None]:
    # A text's six digits are the nearest float to them; rounding by powers of ten is not.
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values.tolist()]


def _column(column: pd.Series[Any]) -> Any:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return _coded(column.tolist())
    if pd.api.types.is_integer_dtype(column):
        return [None if value is pd.NA else int(value) for value in column.tolist()]
    return _shown(_numbers(column))


def _coded(column: list[Any]) -> dict[str, list[Any]]:
    """Each value once, by its JSON, and the place of each row's."""
    places: dict[bytes, int] = {}
    words: dict[str, int] = {}
    kept: list[Any] = []
    codes = []
    for value in column:
        # A word is its own key, and most columns are of few words; 1, 1.0 and True are equal and not the same.
        place = words.get(value) if type(value) is str else None
        if place is None:
            shown = _plain(value)
            place = places.setdefault(msgspec.json.encode(shown), len(kept))
            if place == len(kept):
                kept.append(shown)
            if type(value) is str:
                words[value] = place
        codes.append(place)
    return {"values": kept, "codes": codes}


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, Mapping | list | tuple):
        return value
    return None if value is None or value is pd.NA or value != value else value
