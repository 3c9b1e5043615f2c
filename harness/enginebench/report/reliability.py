"""What a terminal shows of how trials ended: rates, classes of failure, outages, missing nights."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from enginebench.report import counted

if TYPE_CHECKING:
    import pandas as pd


def show_success(rates: Mapping[str, pd.DataFrame], screen: Console) -> None:
    """How often trials came to their end: `rates` is what they are counted by to the table of it."""
    table = Table(title="Trials that came to their end (95 % Wilson intervals)")
    for name in ("by", "", "nights"):
        table.add_column(name)
    for name in ("trials", "complete", "failed", "interrupted", "success"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("failures")
    for by, frame in rates.items():
        for row in frame.to_dict("records"):
            span = row["first_night"] + ("" if row["first_night"] == row["last_night"] else f" to {row['last_night']}")
            rate = "–" if row["rate"] is None else f"{row['rate']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"
            classes = [f"{count} × {name}" for name, count in row["classes"].items()]
            classes += [f"{row['wrong']} complete with wrong answers"] if row["wrong"] else []
            counts = [str(row[name]) for name in ("trials", "complete", "failed", "interrupted")]
            cells = (by.replace("_", " "), str(row[by]), span, *counts, rate, ", ".join(classes))
            table.add_row(*map(escape, cells))
        table.add_section()
    screen.print(table)
    words = "Interrupted trials are in no rate: a person or a scheduler ended them. Reproductions are left out."
    screen.print(words, highlight=False)


def show_outages(outages: pd.DataFrame, screen: Console) -> None:
    """When a deployment stopped working and when it worked again, the open ones first, and how long that usually is."""
    if outages.empty:
        screen.print("No deployment failed.", highlight=False)
        return
    table = Table(title="Time to recover")
    for name in ("deployment", "host", "failed from", "trials", "class", "state"):
        table.add_column(name, justify="right" if name == "trials" else "left")
    rows = outages.to_dict("records")
    for row in sorted(rows, key=lambda row: row["state"] == "recovered"):
        what = f"{row['model']} {row['precision']}, {row['engine']} on {row['devices']} × {row['product']}"
        what += f", {row['parallelism']} ({row['grid']})"
        begun = f"{row['from_night']} with {row['version']}"
        cells = (what, row["host"], begun, str(row["failed"]), ", ".join(row["classes"]), _state(row))
        table.add_row(*map(escape, cells))
    screen.print(table)
    days = sorted(row["days"] for row in rows if row["days"] is not None)
    still = sum(row["state"] != "recovered" for row in rows)
    # Of the closed ones alone a mean would flatter: the open ones may be the longest.
    usual = (
        f"; of those that ended, half within {counted(days[(len(days) - 1) // 2], 'day')}, the longest after {days[-1]}"
        if days
        else ""
    )
    screen.print(f"{counted(len(rows), 'outage')}, {still} of them open{usual}.", highlight=False)


def show_missing(missing: pd.DataFrame, screen: Console) -> None:
    """A line a gap in the nights."""
    for row in missing.to_dict("records"):
        every = "every night" if row["every_days"] == 1 else f"every {row['every_days']:g} days"
        words = (
            f"missing: {row['engine']} on {row['product']} of grid {row['grid']}, "
            f"{counted(row['missed'], 'time')} between {row['after']} and {row['before']} (usually {every})"
        )
        screen.print(words, highlight=False, markup=False, soft_wrap=True)


def _state(row: Mapping[Hashable, Any]) -> str:
    if row["state"] == "recovered":
        took = "in the same night" if row["days"] == 0 else f"after {counted(row['days'], 'day')}"
        return f"recovered {took}, {row['until_night']}, with {row['recovered_by']}"
    return f"{row['state']} since {row['last_night']}" if row["state"] == "not tried again" else str(row["state"])
