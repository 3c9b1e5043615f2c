"""One page for mail: a night or a comparison as PDF, PNG or SVG, drawn by matplotlib (the extra `report`)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enginebench.errors import mistake
from enginebench.metrics import METRICS
from enginebench.report import figure
from enginebench.report.comparison import counted, head, in_words
from enginebench.report.nightly import FOOT, NightReport, cells, changes_told, failures_told, heads

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from enginebench.analysis.compare import Comparison, Judged

SUFFIXES = (".pdf", ".png", ".svg")
"""Ends of the names that a page can be written to."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#6E6E6E")
"""Okabe and Ito's, told apart by colour-blind readers, as on the dashboard."""
MARKERS = "osD^PX*v"
X, Y = "interactivity_mean_tps", "output_tps_per_accelerator"
_VERDICTS = {"better": ("#1a6b2d", "^"), "worse": ("#b3261e", "v"), "no change": ("#0072B2", "o")}
_A4 = (8.27, 11.69)
_MOST_ROWS, _MOST_CURVES, _MOST_LINES, _MOST_HEAD = 22, 7, 4, 12
_LONGEST = 220
"""Letters of a line of text; two lines of a page."""
_MOST_RATIOS = 24


def night_page(found: NightReport, path: Path) -> None:
    """A night: its sentence, what changed and failed, throughput against interactivity, a table of points."""
    page = _page()
    top = _lines(page, [found.summary()], 0.965, size=12, weight="bold")
    for title, told in (
        ("Changes", changes_told(found)),
        ("Failed", failures_told(found)),
        ("Wrong answers", found.wrong()),
    ):
        rest = [f"… {len(told) - _MOST_LINES} more in the dashboard"] if len(told) > _MOST_LINES else []
        top = _lines(
            page,
            [f"{title}: {'none' if not told else ''}".rstrip(), *(f"  {one}" for one in told[:_MOST_LINES]), *rest],
            top,
        )
    axes = page.add_axes((0.1, top - 0.31, 0.86, 0.27))
    _curves(axes, found)
    _table(page, found, top - 0.37)
    _lines(page, [FOOT, f"{found.store}, night {found.night}, by enginebench."], 0.055, size=6.5, width=150)
    _write(page, path)


def comparison_page(found: Comparison, path: Path) -> None:
    """A comparison: its outcome, what else differs, every curve's ratio with its interval (points where none is)."""
    page = _page()
    first, *rest = head(found)
    top = _lines(page, [first], 0.965, size=12, weight="bold")
    rest += [f"… {len(rest) - _MOST_HEAD} more lines in the Markdown report"] if len(rest) > _MOST_HEAD else []
    top = _lines(page, [*rest[:_MOST_HEAD], *rest[_MOST_HEAD:][-1:]], top)
    rows = found.curves or found.points
    top = _lines(page, [f"Curves: {counted(found.curves)}. Points: {counted(found.points)}."], top)
    most = min(_MOST_RATIOS, int((top - 0.25) / 0.022))
    shown = sorted((one for one in rows if one.estimate and one.estimate.low is not None), key=_order)[:most]
    if shown:
        height = 0.04 + 0.022 * len(shown)
        _ratios(page.add_axes((0.5, top - 0.03 - height, 0.46, height)), shown, found.margin)
        top -= height + 0.07
    told = []
    if left := len(rows) - len(shown):
        what = "curves" if found.curves else "points"
        why = f"they have no interval, or are beyond the first {most}"
        told.append(f"{left} figures of {what} are not drawn: {why}.")
    told += [f"{one.subject}, {one.load}: {in_words(one)}" for one in rows if one.verdict == "worse"][:_MOST_LINES]
    _lines(page, told, top)
    words = (
        "Marks: B / A with its 95 % interval; triangles up: better, down: worse, circles: no change, grey squares: "
        f"neither is shown. The band is the margin, {found.margin * 100:g} %. By enginebench compare."
    )
    _lines(page, [words], 0.045, size=6.5, width=150)
    _write(page, path)


def _order(one: Judged) -> tuple[int, str, str]:
    names = ("worse", "better", "no change")
    return names.index(one.verdict) if one.verdict in names else len(names), one.subject, one.metric


def _page() -> Figure:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise mistake(
            "the report's page",
            "needs matplotlib, which is not installed",
            "pip install 'enginebench[report]', or name a .md file",
        ) from None
    # What comes from the store is text: a `$` in a name begins no formula.
    matplotlib.rcParams["text.parse_math"] = False
    return Figure(figsize=_A4)


def _lines(
    page: Figure, lines: Sequence[str], top: float, *, size: float = 8.0, width: int | None = None, **how: Any
) -> float:
    """Text from `top` down, wrapped; gives where it ends."""
    width = width or int(118 * 8 / size)
    for line in lines:
        indent = "    " if line.startswith(" ") else ""
        kept = line.strip() if len(line) <= _LONGEST or size < 8 else f"{line.strip()[:_LONGEST]} …"
        for part in textwrap.wrap(kept, width, initial_indent=indent, subsequent_indent=indent) or [""]:
            page.text(0.05, top, part, fontsize=size, va="top", **how)
            top -= size * 1.45 / 72 / _A4[1]
    return top - 0.004


def _curves(axes: Axes, found: NightReport) -> None:
    """Throughput against interactivity, a curve a deployment and workload; wrong answers hollow."""
    points = found.points[found.points[X].notna() & found.points[Y].notna()]
    curves = list(points.groupby(["curve", "engine", "version", "host"], sort=False, dropna=False))
    for place, (_, own) in enumerate(curves[:_MOST_CURVES]):
        own, first = own.sort_values(X), own.iloc[0]
        bars = [
            [(own[name] - own[f"{name}_low"]).fillna(0), (own[f"{name}_high"] - own[name]).fillna(0)] for name in (X, Y)
        ]
        label = f"{first['model']} {first['precision']}, {first['engine']} {first['engine_version']}, "
        label += f"{first['devices']} × {first['product']} ({first['host']}), {first['workload']}"
        axes.errorbar(
            own[X].astype(float), own[Y].astype(float), xerr=bars[0], yerr=bars[1], color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)], markersize=5, linewidth=1, elinewidth=0.8, capsize=2,
            label=label[:95],
            markerfacecolor="none" if bool(own["failed_quality"].any()) else None,
        )  # fmt: skip
    axes.set_xlabel(f"{METRICS[X].title} ({METRICS[X].unit})", fontsize=8)
    axes.set_ylabel(f"{METRICS[Y].title}\n({METRICS[Y].unit})", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(color="#d0d7de", linewidth=0.5)
    rest = f"; {len(curves) - _MOST_CURVES} more curves in the dashboard" if len(curves) > _MOST_CURVES else ""
    title = f"95 % intervals; hollow: wrong answers{rest}" if curves else "no point has both figures"
    axes.set_title(title, fontsize=7, loc="left")
    if curves:
        axes.legend(fontsize=6, frameon=False, loc="best")


def _table(page: Figure, found: NightReport, top: float) -> None:
    rows = list(cells(found.points))
    most = max(0, min(_MOST_ROWS, int((top - 0.1) / 0.0165)))
    if not rows or not most:
        return
    from matplotlib.transforms import Bbox

    short = [[text[:26] for text in row] for row in rows[:most]]
    # A title and its unit stand below each other: ten columns share the width of a page.
    titles = [title.replace(" (", "\n(") for title in heads()]
    axes = page.add_axes((0.05, top - 0.0165 * (len(short) + 2), 0.91, 0.0165 * (len(short) + 2)))
    axes.axis("off")
    widths = [0.085, 0.08, 0.05, 0.1, 0.04, 0.12, 0.115, 0.1, 0.1, 0.09, 0.06, 0.06]
    table = axes.table(short, colLabels=titles, bbox=Bbox.unit(), cellLoc="left", colWidths=widths, edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(5)
    for (row, _), cell in table.get_celld().items():
        cell.set_linewidth(0.3)
        cell.set_height((1.8 if row == 0 else 1.0) / (len(short) + 2))
    if len(rows) > most:
        _lines(page, [f"{len(rows) - most} more points in the dashboard and in the Markdown report."], 0.075, size=6.5)


def _ratios(axes: Axes, rows: Sequence[Judged], margin: float) -> None:
    """B / A of each row with its interval, worst first from the top."""
    axes.axvspan(1 - margin, 1 + margin, color="#d0d7de", alpha=0.5, linewidth=0)
    axes.axvline(1, color="#57606a", linewidth=0.8)
    for place, one in enumerate(rows):
        found = one.estimate
        assert found is not None
        assert found.ratio is not None
        assert found.low is not None
        assert found.high is not None
        colour, marker = _VERDICTS.get(one.verdict, ("#6E6E6E", "s"))
        axes.errorbar(
            [found.ratio], [place], xerr=[[found.ratio - found.low], [found.high - found.ratio]], color=colour,
            marker=marker, markersize=5, capsize=2, linewidth=1,
        )  # fmt: skip
    labels = [
        f"{one.subject}, {one.load}: {METRICS[one.metric].title}"[:84] + f"  {figure(one.estimate.ratio)}"
        for one in rows
        if one.estimate
    ]
    axes.set_yticks(range(len(rows)), labels, fontsize=5.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("B / A", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    axes.grid(axis="x", color="#d0d7de", linewidth=0.5)


def _write(page: Figure, path: Path) -> None:
    # No date within: the same night gives the same file.
    dates: dict[str, dict[str, Any]] = {
        ".pdf": {"CreationDate": None},
        ".svg": {"Date": None},
        ".png": {"Software": "enginebench"},
    }
    page.savefig(path, dpi=150, metadata=dates[path.suffix.lower()])
