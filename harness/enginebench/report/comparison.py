"""A comparison on a terminal, and as Markdown for a pull request: what differs first, then coverage, curves, points."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from enginebench.analysis.compare import FALSE_SHARE, Comparison, Judged
from enginebench.analysis.matching import Difference
from enginebench.metrics import METRICS

_COLOURS = {"better": "green", "worse": "red", "no change": "", "incomparable": "yellow"}
_MOST = 4
"""Values of a column that are told before it is only counted."""
_TITLES = ("of", "load", "metric", "B / A", "95 % interval", "p", "starts", "verdict")
_ORDER = ("worse", "better", "no change", "insufficient", "incomparable", "missing")


def show_comparison(found: Comparison, screen: Console) -> None:
    """Everything of a comparison, as tables."""
    for line in head(found):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    for subject in dict.fromkeys(one.subject for one in found.judged()):
        table = Table(title=subject, title_justify="left")
        for name in _TITLES[1:]:
            table.add_column(name, justify="right" if name in ("B / A", "p") else "left", no_wrap=name != "verdict")
        for one in found.judged():
            if one.subject == subject:
                table.add_row(*_cells(one)[1:], style=_COLOURS.get(one.verdict, "dim"))
        screen.print(table)
    for line in _foot(found):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)


def markdown(found: Comparison) -> str:
    """The same for a pull request; the points folded away."""
    lines = [f"### {_summary(found)}", "", *map(_bullet, head(found)[1:]), ""]
    for title, rows in (("Curves", found.curves), ("Points", found.points)):
        if not rows:
            continue
        folded = title == "Points" and bool(found.curves)
        lines += [f"<details><summary>{title}: {counted(rows)}</summary>" if folded else f"#### {title}", ""]
        lines += [f"| {' | '.join(_TITLES)} |", f"|{'---|' * len(_TITLES)}"]
        lines += [f"| {' | '.join([*map(_safe, _cells(one)[:-1]), _bold(one)])} |" for one in rows]
        lines += ["", *(["</details>", ""] if folded else [])]
    return "\n".join([*lines, *(f"{_safe(line)}  " for line in _foot(found))]) + "\n"


def counted(rows: Sequence[Judged]) -> str:
    """How many of each verdict: `1 worse, 4 no change`."""
    counts = Counter(str(one.verdict) for one in rows)
    return ", ".join(f"{counts[name]} {name}" for name in _ORDER if counts[name]) or "nothing"


def in_words(one: Judged) -> str:
    """A verdict in a sentence: `TPOT mean: B / A 1.052 [1.04, 1.065], p 2e-05 …: worse`."""
    _, _, metric, ratio, interval, p, starts, verdict = _cells(one)
    figures = f"B / A {ratio} {interval}, p {p}, server starts {starts}: " if one.estimate is not None else ""
    return f"{metric}: {figures}{verdict}" if metric else verdict


def _summary(found: Comparison) -> str:
    return f"{found.outcome()}: B `{found.b.words}` against A `{found.a.words}`"


def head(found: Comparison) -> list[str]:
    """Outcome, what else differs, and coverage, a line each."""
    lines = [_summary(found)]
    unasked = [one for one in found.differences if not one.asked]
    if unasked:
        lines.append("Differs though not asked for, and so may be the cause of what is seen:")
    lines += [f"  {_difference(one)}" for one in unasked]
    lines += [f"As asked, or with it: {_difference(one)}" for one in found.differences if one.asked]
    only = Counter(one.side for one in found.alone)
    lines.append(f"{found.matched} points in both, {only['A']} only in A, {only['B']} only in B")
    return [*lines, *found.left_out]


def _difference(one: Difference) -> str:
    sides = [", ".join(side) if len(side) <= _MOST else f"{len(side)} values" for side in (one.a, one.b)]
    return f"{one.column}: {sides[0]} → {sides[1]}"


def _foot(found: Comparison) -> Iterator[str]:
    yield f"Curves: {counted(found.curves)}. Points: {counted(found.points)}."
    methods = sorted({one.estimate.method for one in found.judged() if one.estimate and one.estimate.low is not None})
    for method in methods:
        yield f"Intervals: {method}; p corrected for many (Benjamini and Hochberg, curves and points apart)."
    yield (
        f"better, worse: the interval excludes 1, the ratio is off by {found.margin * 100:g} % or more, and p is at "
        f"most {FALSE_SHARE:g}. no change: within {found.margin * 100:g} % by two one-sided tests at 5 %. "
        "insufficient: neither is shown."
    )


def _cells(one: Judged) -> tuple[str, ...]:
    metric = METRICS[one.metric].title if one.metric else ""
    verdict = one.verdict + (f": {one.why}" if one.why else "")
    found = one.estimate
    if found is None:
        return one.subject, one.load, metric, "–", "", "–", "", verdict
    interval = "" if found.low is None or found.high is None else f"[{found.low:.4g}, {found.high:.4g}]"
    p = "–" if one.p_adjusted is None else f"{one.p_adjusted:.2g}"
    starts = f"{found.n_a} and {found.n_b}"
    df = "" if found.df is None or math.isinf(found.df) else f", df {found.df:.1f}"
    ratio = "–" if found.ratio is None else f"{found.ratio:.4g}"
    return one.subject, one.load, metric, ratio, interval, p, starts + df, verdict


def _bullet(line: str) -> str:
    return f"{'  ' if line.startswith(' ') else ''}- {_safe(line)}"


def _bold(one: Judged) -> str:
    words = _safe(_cells(one)[-1])
    return f"**{words}**" if one.verdict in ("worse", "better") else words


def _safe(text: str) -> str:
    """Text that ends no cell of a table and opens no tag."""
    return text.strip().replace("|", "\\|").replace("<", "&lt;")
