"""One night as Markdown, for mail and pull requests: what ran, what changed, what failed, every figure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from enginebench.analysis.changes import Finding, find_changes
from enginebench.analysis.nightly import Stint, stints
from enginebench.analysis.points import summarise_points
from enginebench.errors import mistake
from enginebench.metrics import METRICS
from enginebench.records import record
from enginebench.report import SHOWN, counted, figure, quality
from enginebench.store import Store

if TYPE_CHECKING:
    import pandas as pd

ORDER = ["model", "workload", "load_kind", "concurrency", "rate_rps", "engine", "engine_version", "host"]
"""Order of points in a table."""
FOOT = (
    "c8: eight requests in flight; r0.5: Poisson arrivals, 0.5 a second. n: server starts × mean repeats. Intervals "
    "are 95 %: over server starts where there are several, else over the repeats of one, which leaves out what a "
    "restart changes. Invalidated runs are in no figure; a server that gave wrong answers is on no frontier and in no "
    "verdict."
)


@record
class NightReport:
    """All that is told of a night."""

    night: str
    """Night."""
    store: str
    """Where it is stored."""
    stints: tuple[Stint, ...]
    """What each host did of each grid."""
    points: pd.DataFrame
    """Its points, as summarise_points gives them, in ORDER."""
    failures: tuple[Mapping[Hashable, Any], ...]
    """Rows of the table of failed and interrupted trials."""
    changes: tuple[Finding, ...]
    """What was found in this night of all nights up to it."""

    def summary(self) -> str:
        """One sentence: `Night 2026-11-20: 8 runs of 2 trials, 1 failed, 0 interrupted; 0.043 accelerator-hours.`"""
        trials = sum(sum(one.trials.values()) for one in self.stints)
        ended = [f"{sum(one.trials.get(how, 0) for one in self.stints)} {how}" for how in ("failed", "interrupted")]
        hours = sum(one.device_s for one in self.stints) / 3600
        runs = counted(sum(one.runs for one in self.stints), "run")
        told = f"{runs} of {counted(trials, 'trial')}, {', '.join(ended)}"
        return f"Night {self.night}: {told}; {figure(hours)} accelerator-hours."

    def wrong(self) -> list[str]:
        """A line a server that gave wrong answers."""
        told = set()
        for row in self.points[self.points["failed_quality"].astype(bool)].to_dict("records"):
            why = "; ".join(row["quality_reasons"]) or "wrong answers"
            told.add(f"{row['model']} on {row['engine']} {row['engine_version']}: {why}")
        return sorted(told)


def night_report(store: Store, night: str | None) -> NightReport:
    """What `store` holds of a night, the newest by default; raises UserError where it holds none."""
    known = sorted(set(store.view().all().values()))
    if not known or (night is not None and night not in known):
        remedy = f"stored are {known[0]} to {known[-1]}" if known else "measure one: enginebench night GRID"
        raise mistake(store.url, f"holds no night `{night}`" if night else "holds no night", remedy)
    chosen = night or known[-1]
    runs = store.runs()
    until = runs[runs["night"] <= chosen]
    points = summarise_points(runs[runs["night"] == chosen]).sort_values(ORDER, kind="stable").reset_index(drop=True)
    failures = store.failures()
    return NightReport(
        night=chosen,
        store=store.url,
        stints=stints(store.results(night=chosen)),
        points=points,
        failures=tuple(failures[failures["night"] == chosen].to_dict("records")),
        changes=tuple(one for one in find_changes(until).changes if one.found == chosen),
    )


def markdown(found: NightReport) -> str:
    """The night, headlines first; every point in a table at the end."""
    lines = [f"### {safe(found.summary())}", ""]
    for one in found.stints:
        spent = f"{figure(one.wall_s / 3600)} h of wall time, {figure(one.device_s / 3600)} accelerator-hours"
        left = f", {counted(one.unmeasured, 'run')} asked for and not measured" if one.unmeasured else ""
        lines.append(safe(f"- {one.grid} on {one.host} ({one.product}): {counted(one.runs, 'run')}, {spent}{left}"))
    for title, told in (
        ("Changes", changes_told(found)),
        ("Failed", failures_told(found)),
        ("Wrong answers", found.wrong()),
    ):
        lines += ["", f"#### {title}", "", *([f"- {safe(line)}" for line in told] or ["None."])]
    lines += ["", "#### Figures", "", *_table(found.points), "", safe(FOOT)]
    return "\n".join(lines) + "\n"


def changes_told(found: NightReport) -> list[str]:
    """A line a change that was found in the night."""
    return [
        f"{one.label}{f', {one.load} alone' if one.load else ''}: {METRICS[one.metric].title} {one.ratio - 1:+.1%} "
        f"[{one.low - 1:+.1%}, {one.high - 1:+.1%}], {'worse' if one.worse else 'better'}, "
        f"{'confirmed' if one.status == 'confirmed' else 'waiting for a confirming rerun'}: {'; '.join(one.causes)}"
        for one in found.changes
    ]


def failures_told(found: NightReport) -> list[str]:
    """A line a trial that failed or was interrupted."""
    return [
        f"{row['model']} on {row['engine']} {row['engine_version']}, {row['host']}: {row['status']} at {row['stage']}, "
        f"{row['failure_class']}: {row['message']} (trial {row['trial']})"
        for row in found.failures
    ]


def heads() -> list[str]:
    """Heads of the table of points."""
    titles = [f"{METRICS[name].title} ({METRICS[name].unit})" for name in SHOWN]
    return ["model", "workload", "load", "engine", "n", *titles, "quality", "marks"]


def cells(points: pd.DataFrame) -> Iterator[list[str]]:
    """The rows of the table of points, as text."""
    for row in points.to_dict("records"):
        count = f"{row['starts']}×{figure(row['repeats'] / row['starts'])}" if row["starts"] else "0"
        figures = [_figure(row, name) for name in SHOWN]
        marks = [*(["invalid"] if row["invalid"] else []), *row["marks"]]
        marks += [f"reproduces {row['reproduces']}"] if isinstance(row["reproduces"], str) else []
        who = f"{row['engine']} {row['engine_version']}"
        yield [
            str(row["model"]),
            str(row["workload"]),
            str(row["load"]),
            who,
            count,
            *figures,
            quality(row),
            ", ".join(marks),
        ]


def _figure(row: Mapping[Hashable, Any], name: str) -> str:
    centre, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    scale = METRICS[name].scale
    if centre is None or centre != centre:
        return "–"
    if low is None or high is None or low != low:
        return f"{figure(centre * scale)} (no interval)"
    return f"{figure(centre * scale)} [{figure(low * scale)}, {figure(high * scale)}]"


def _table(points: pd.DataFrame) -> list[str]:
    if points.empty:
        return ["No run was measured."]
    titles = heads()
    rows = [f"| {' | '.join(map(safe, row))} |" for row in cells(points)]
    return [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}", *rows]


def safe(text: str) -> str:
    """Text that ends no cell and no line of a table, opens no tag and is no emphasis or code."""
    for letter in "\\`*|":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())
