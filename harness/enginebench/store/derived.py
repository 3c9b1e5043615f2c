"""The tables that are made from results, read: of compacted trials as they were made then, of the others made now.

Each part is in order, so rows are sorted only from the first night on that several parts or trial folders share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from enginebench.errors import mistake
from enginebench.metrics import METRICS
from enginebench.records import Part, Result
from enginebench.store import parts
from enginebench.store.columns import COLUMNS, FAILURE_COLUMNS
from enginebench.store.rows import ORDER
from enginebench.store.view import View

if TYPE_CHECKING:
    import pandas as pd

TODAY: Mapping[str, tuple[str, ...]] = {"runs": (*COLUMNS, *METRICS), "failures": tuple(FAILURE_COLUMNS)}
"""Table to its columns."""


def read(view: View, table: str, columns: Sequence[str] | None, filters: Mapping[str, str]) -> pd.DataFrame:
    """Rows of a table in its order, those whose columns have the values in `filters`; all columns or those named.

    Raises UserError for a column that is none of them.
    """
    from enginebench.store.frames import typed

    chosen = list(TODAY[table] if columns is None else columns)
    if unknown := [name for name in chosen if name not in TODAY[table]]:
        raise mistake(f"column `{unknown[0]}`", f"the table of {table} has none of the name", "see results/SCHEMA.md")
    ordered = list(dict.fromkeys([*chosen, *ORDER[table], *filters]))
    night = filters.get("night")
    held = sorted(
        (one for one in view.manifest.parts if one.table == table and night in (None, *one.nights)),
        key=lambda one: one.nights,
    )
    opened = parts.opened(view.place, [one.path for one in held])
    if not all(set(one.schema.names) >= set(TODAY[table]) for one in opened):
        # Compacted by a version that had other columns; the next compaction makes them anew.
        made = _made(table, (result for _, result in view.results(night)), filters)
        return made.sort_values(list(ORDER[table]), kind="stable")[chosen].reset_index(drop=True)
    clean = _clean(held, min(view.loose.values(), default=None))
    frames: list[pd.DataFrame] = []
    rest: list[pd.DataFrame] = []
    if (found := parts.chosen(opened[:clean], columns=chosen, where=filters)) is not None:
        frames.append(typed(found.to_pandas()))
    if (found := parts.chosen(opened[clean:], columns=ordered, where=filters)) is not None:
        rest.append(typed(found.to_pandas()))
    if view.loose or not held:
        rest.append(_made(table, (result for _, result in view.loose_results(list(view.loose))), filters)[ordered])
    if rest:
        frames.append(_joined(rest).sort_values(list(ORDER[table]), kind="stable")[chosen])
    return _joined(frames).reset_index(drop=True)


def _clean(held: Sequence[Part], loose: str | None) -> int:
    """How many of the first parts lie one behind the other, and before the first night that has folders."""
    for place, part in enumerate(held):
        after = [one.nights[0] for one in held[place + 1 : place + 2]] + ([] if loose is None else [loose])
        if any(part.nights[-1] >= night for night in after):
            return place
    return len(held)


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames behind each other; an empty one says nothing of the types, and is left out where there is another."""
    import pandas as pd

    filled = [one for one in frames if len(one)] or list(frames[:1])
    return filled[0] if len(filled) == 1 else pd.concat(filled)


def _made(table: str, results: Iterable[Result], filters: Mapping[str, str]) -> pd.DataFrame:
    from enginebench.store.frames import failures_frame, runs_frame

    makers: Mapping[str, Callable[[Iterable[Result]], pd.DataFrame]] = {"runs": runs_frame, "failures": failures_frame}
    made = makers[table](results)
    for name, value in filters.items():
        made = made[made[name] == value]
    return made
