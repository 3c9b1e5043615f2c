"""A slice of the table of runs: those whose columns have certain values, as `engine=vllm,night=2026-11-01..`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import pandas as pd

from enginebench.errors import mistake
from enginebench.records import record
from enginebench.store.columns import COLUMNS

_NEXT = re.compile(r",(?=\s*[a-z_]+=)")
"""A comma before the next KEY=; others belong to a value, as a driver's may."""


@record
class Slice:
    """Runs that are one side of a comparison."""

    words: str
    """As a person wrote it."""
    wanted: Mapping[str, tuple[str, ...]]
    """Column to the values that it may have. `a..b` is a range with both ends, either of which may be left out; `none`
    stands for a value that is not known."""


def parse(words: str) -> Slice:
    """The slice written as `KEY=VALUE,KEY=VALUE`, several values of a key apart by `|`; raises UserError."""
    wanted: dict[str, tuple[str, ...]] = {}
    for pair in _NEXT.split(words):
        key, sign, value = (part.strip() for part in pair.partition("="))
        if not sign or not value:
            raise mistake(f"slice `{words}`", f"`{pair}` names no value", "write KEY=VALUE, as engine_version=0.31.0")
        if key in wanted:
            raise mistake(f"slice `{words}`", f"`{key}` stands twice", f"write {key}=ONE|OTHER for either value")
        wanted[key] = tuple(value.split("|"))
    return checked(Slice(words=words, wanted=wanted), f"slice `{words}`")


def checked(one: Slice, place: str) -> Slice:
    """The same slice, all of whose keys are columns of the table of runs; raises UserError naming `place`."""
    for key in one.wanted:
        if key not in COLUMNS:
            raise mistake(place, f"no column `{key}`", f"take one of {', '.join(COLUMNS)}")
    return one


def select(runs: pd.DataFrame, one: Slice) -> pd.DataFrame:
    """The runs of a slice, in their order; raises UserError where a column of numbers is asked for a word."""
    kept = pd.Series(True, index=runs.index)
    for key, values in one.wanted.items():
        found = pd.Series(False, index=runs.index)
        for value in values:
            found |= _has(runs[key], value, f"slice `{one.words}`")
        kept &= found
    return runs[kept]


def _has(column: pd.Series, value: str, place: str) -> pd.Series:
    """Which cells of a column have a value, or lie in a range."""
    if value == "none":
        return column.isna()
    if column.name == "marks":
        return column.map(lambda marks: value in marks).astype(bool)
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype("str").str.lower() == value.lower()
    low, dots, high = value.partition("..")
    if pd.api.types.is_numeric_dtype(column.dtype):
        try:
            least, most = (float(end) if end else None for end in (low, high))
        except ValueError:
            raise mistake(place, f"`{column.name}` holds no `{value}`", "write a number, or LOW..HIGH") from None
        numbers = column.astype("float64")
        return (
            numbers.between(-math.inf if least is None else least, math.inf if most is None else most)
            if dots
            else (numbers == least)
        )
    words = column.astype("str")
    if not dots:
        return words == value
    # `..2026-11-24` holds all of that day, also of a column that tells the time too.
    return words.notna() & (words >= low) & ((words <= high) | words.str.startswith(high))
