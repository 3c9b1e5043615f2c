"""Changes over nights on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from enginebench.metrics import METRICS

if TYPE_CHECKING:
    from enginebench.analysis.changes import Finding


def show_changes(changes: Sequence[Finding], notes: Iterable[str], screen: Console) -> None:
    """A line a change: curve, night, size with its interval, whether it is confirmed, and what else differed; then the
    notes."""
    for one in changes:
        what = f"{one.label}{f', {one.load} alone' if one.load else ''}: {METRICS[one.metric].title}"
        size = f"{one.ratio - 1:+.1%} [{one.low - 1:+.1%}, {one.high - 1:+.1%}]"
        sure = "confirmed" if one.status == "confirmed" else "waiting for a confirming rerun"
        if one.apart is not None:
            sure += f", {one.apart - 1:+.1%} beside the version before"
        line = f"{one.night} {what} {size} {'worse' if one.worse else 'better'}, {sure}: {'; '.join(one.causes)}"
        style = "red" if one.worse and one.status == "confirmed" else None
        screen.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    if not changes:
        screen.print("no change", highlight=False)
    for note in notes:
        screen.print(note, markup=False, highlight=False, soft_wrap=True)
