"""What a terminal shows of the way to the peak: how long it took, what set each best, who led when."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from enginebench.analysis.peak import GROUP, LEVELS_PERCENT
from enginebench.metrics import METRICS
from enginebench.report import counted, figure

if TYPE_CHECKING:
    import pandas as pd

VERDICTS: Mapping[str, str] = {
    "leads": "leads",
    "tie": "tie: intervals overlap",
    "no interval": "ahead, not proved: a figure has no interval",
    "alone": "alone",
}
"""Verdict of a lead to its plain words."""


def show_peak(peaks: pd.DataFrame, steps: pd.DataFrame, reigns: pd.DataFrame, metric: str, screen: Console) -> None:
    """A block of tables for each model, precision, part and workload; all that `analysis.peak` found of `metric`."""
    declared = METRICS[metric]
    for key, engines in peaks.groupby(list(GROUP), sort=True, dropna=False):
        same = dict(zip(GROUP, key, strict=True))
        weights = ", made-up weights" if same["dummy_weights"] else ""
        part = f"{same['devices']} × {same['product']}"
        title = f"{same['model']}, {same['precision']}{weights}, {part}, {same['workload']}"
        screen.print(f"{title}: {declared.title} ({declared.unit}), {declared.better} is better", markup=False)
        screen.print(_ways(engines, declared.scale))
        screen.print(_steps(_of(steps, same), declared.scale))
        screen.print(_reigns(_of(reigns, same)))
    if len(peaks):
        words = (
            "Best of a night: over all loads, recipes and hosts, 95 % intervals in brackets. Day 0 is the first night "
            "with an eligible figure; 90 % in `12 d, 3 v`: twelve days after it, by the third version tried. The best "
            "of many nights is in part luck: `beyond` says whether a step lies outside the interval of the one before, "
            "`as good from` the day from which a night's interval meets the best's."
        )
        screen.print(words, highlight=False, markup=False)


def _of(frame: pd.DataFrame, same: Mapping[str, Any]) -> list[Mapping[Hashable, Any]]:
    return [row for row in frame.to_dict("records") if all(row[name] == value for name, value in same.items())]


def _ways(engines: pd.DataFrame, scale: float) -> Table:
    table = Table(title="Day 0 to peak", title_justify="left")
    for name in ("engine", "day 0", "best"):
        table.add_column(name, no_wrap=True)
    for percent in LEVELS_PERCENT:
        table.add_column(f"{percent} %", justify="right", no_wrap=True)
    for name in ("as good from", "set by", "since then"):
        table.add_column(name)
    for row in engines.to_dict("records"):
        reached = [f"{row[f'days_to_{one}']} d, {row[f'versions_to_{one}']} v" for one in LEVELS_PERCENT]
        tie = "–" if row["days_to_tie"] is None else f"{row['days_to_tie']} d"
        by = f"{row['version_label']}, {row['load']}, {row['best_night']}"
        since = f"{counted(row['nights_since'], 'night')}, {counted(row['versions_since'], 'new version')}"
        cells = (row["engine"], row["first_night"], _value(row, scale), *reached, tie, by, since)
        table.add_row(*map(escape, cells))
    return table


def _steps(rows: list[Mapping[Hashable, Any]], scale: float) -> Table:
    table = Table(title="Best so far, step by step", title_justify="left")
    for name in ("engine", "night", "best", "gain", "beyond", "set by"):
        table.add_column(name, no_wrap=name != "set by", justify="right" if name == "gain" else "left")
    for row in rows:
        gain = "" if row["gain"] is None else f"{row['gain']:+.1%}"
        sure = "–" if row["sure"] is None else "yes" if row["sure"] else "no"
        by = f"{row['version_label']}, {row['load']}, {row['host']}"
        by += " (a load that was not measured before)" if row["new_load"] else ""
        table.add_row(*map(escape, (row["engine"], row["night"], _value(row, scale), gain, sure, by)))
    return table


def _reigns(rows: list[Mapping[Hashable, Any]]) -> Table:
    table = Table(title="Who leads when", title_justify="left")
    for name in ("nights", "engine", "verdict", "to the second"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        span = row["first_night"] + ("" if row["nights"] == 1 else f" to {row['last_night']} ({row['nights']})")
        ratio = "" if row["ratio"] is None else f"× {figure(row['ratio'])}"
        table.add_row(*map(escape, (span, row["who"], VERDICTS[row["verdict"]], ratio)))
    return table


def _value(row: Mapping[Hashable, Any], scale: float) -> str:
    words = figure(row["value"] * scale)
    if row["low"] is None or row["high"] is None:
        return words
    return f"{words} [{figure(row['low'] * scale)}, {figure(row['high'] * scale)}]"
