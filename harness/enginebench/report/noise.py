"""Where noise comes from, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from enginebench.analysis.noise import LEVELS, Diagnosis, Level
from enginebench.metrics import METRICS


def show_noise(found: Sequence[Diagnosis], screen: Console) -> None:
    """A table a metric: each level's standard deviation and share of the variance, and what halves the interval."""
    for metric in dict.fromkeys(one.metric for one in found):
        table = Table(title=f"{METRICS[metric].title}: where its noise comes from", title_justify="left")
        for name in ("point", "n", "± 95 %", *LEVELS, "to halve the interval"):
            table.add_column(name, justify="left" if name in ("point", "to halve the interval") else "right")
        for one in found:
            if one.metric == metric:
                half = "–" if one.half_width is None else f"{one.half_width * 100:.2g} %"
                cells = [_cell(level) for level in one.levels]
                table.add_row(one.point, f"{one.starts}×{one.repeats}", half, *cells, "\n".join(one.advice))
        screen.print(table)
    if found:
        screen.print(
            "A level: standard deviation, and its share of a single run's variance; – is not known and in the level to "
            "its left. n: server starts × repeats, medians. Runs marked as spoilt are left out.",
            highlight=False,
        )
    else:
        screen.print("no point has two usable runs of one version", highlight=False)


def _cell(level: Level) -> str:
    if level.deviation is None or level.share is None:
        return "–"
    return f"{level.deviation * 100:.2g} %\n{level.share * 100:.0f} %"
