"""Charts for a notebook: each as a plotly figure and the table it is drawn from (the extra `notebook`).

What the dashboard shows, of the same functions: frontier, trend, comparison, peak. Figures are in the units that people
read, as `metrics` has them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enginebench.analysis import peak as way
from enginebench.analysis.compare import compare
from enginebench.analysis.frontier import frontier as pareto
from enginebench.analysis.points import eligible, summarise_points
from enginebench.analysis.slices import parse
from enginebench.analysis.snapshot import snapshot
from enginebench.errors import mistake
from enginebench.metrics import METRICS
from enginebench.records import record
from enginebench.store import Store

if TYPE_CHECKING:
    import plotly.graph_objects as go

RATE, SPEED = "output_tps_per_accelerator", "interactivity_mean_tps"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#6E6E6E")
"""Okabe and Ito's, told apart by colour-blind readers, as on the dashboard."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down", "pentagon")
_CURVE = ("model", "engine", "engine_version", "precision", "devices", "product", "parallelism", "workload", "host")


@record
class Chart:
    """A chart and what it is drawn from."""

    figure: go.Figure
    """The plotly figure; a notebook shows it."""
    data: pd.DataFrame
    """Every figure drawn, a row a point."""


def frontier(store: Store, *, x: str = SPEED, y: str = RATE, **filters: str) -> Chart:
    """What stands now: of each curve its newest version, `y` against `x`, with intervals. `filters` are those of
    `Store.runs`.

    `data`: the points as `summarise_points` gives them, in the units people read, with `curve_words` and `on_frontier`,
    of the points of its model that may stand there. Raises UserError for an unknown metric, and where nothing is stored
    that has both.
    """
    data = snapshot(_points(store, (x, y), filters))
    data = _scaled(data[data[x].notna() & data[y].notna()], (x, y)).assign(curve_words=_words, on_frontier=False)
    may = eligible(data)
    for _, own in may.groupby("model", dropna=False):
        better = {f"{name}_higher": METRICS[metric].better == "higher" for name, metric in (("x", x), ("y", y))}
        on = pareto(list(zip(own[x], own[y], strict=True)), **better)
        data.loc[own.index[list(on)], "on_frontier"] = True
    data = _some(data.sort_values(["curve_words", x], kind="stable"), f"{x} and {y}", store)
    figure = _figure(x, y)
    for place, (words, own) in enumerate(data.groupby("curve_words", sort=False)):
        hollow = own["failed_quality"].astype(bool) | own["marked"].astype(bool)
        _add(figure, place, str(words), own[x], own[y], hollow, mode="lines+markers",
             error_x=_bars(own, x), error_y=_bars(own, y), text=own["load"])  # fmt: skip
    return Chart(figure=figure, data=data)


def trend(store: Store, *, metric: str = RATE, **filters: str) -> Chart:
    """A metric over nights, a line a series (one load of a curve) of one host; gaps stay gaps.

    `data`: the points with `curve_words` and `load`, in the units people read.
    """
    points = _points(store, (metric,), filters)
    points = points[points["reproduces"].isna() & ~points["invalid"].astype(bool) & points[metric].notna()]
    data = _scaled(points, (metric,)).assign(
        curve_words=lambda frame: _words(frame, version=False) + ", " + frame["load"]
    )
    data = _some(data.sort_values(["curve_words", "night"], kind="stable"), metric, store)
    figure = _figure("night", metric)
    for place, (words, own) in enumerate(data.groupby("curve_words", sort=False)):
        hollow = own["failed_quality"].astype(bool) | own["marked"].astype(bool)
        _add(figure, place, str(words), own["night"], own[metric], hollow, mode="markers",
             error_y=_bars(own, metric), text=own["version_label"])  # fmt: skip
    return Chart(figure=figure, data=data)


def comparison(store: Store, a: str, b: str, *, metrics: Sequence[str] = (RATE,), margin: float = 0.02) -> Chart:
    """Slice B against slice A, written as for `enginebench compare`: the ratio of every curve and point.

    `data`: a row a verdict: `kind`, `subject`, `load`, `metric`, `ratio`, `low`, `high`, `n_a`, `n_b`, `p`, `verdict`,
    `why`; null where none is had, and then it is not drawn.
    """
    found = compare(store.runs(), parse(a), parse(b), metrics=[_known(one) for one in metrics], margin=margin)
    rows = []
    for one in found.judged():
        kept = one.estimate
        figures = {name: kept and getattr(kept, name) for name in ("ratio", "low", "high", "n_a", "n_b")}
        told = {name: getattr(one, name) for name in ("kind", "subject", "load", "metric", "verdict", "why")}
        rows.append(told | figures | {"p": one.p_adjusted})
    names = ["kind", "subject", "load", "metric", "ratio", "low", "high", "n_a", "n_b", "p", "verdict", "why"]
    data = pd.DataFrame(rows, columns=names)
    figure = _figure("B / A", "")
    drawn = data[data["ratio"].notna()]
    for place, (verdict, own) in enumerate(drawn.groupby("verdict", sort=True)):
        words = own["subject"] + ", " + own["load"] + ": " + own["metric"].map(lambda name: METRICS[name].title)
        _add(figure, place, str(verdict), own["ratio"], words, pd.Series(False, index=own.index), mode="markers",
             error_x=_ends(own["ratio"], own["low"], own["high"]), text=own["why"])  # fmt: skip
    figure.add_vline(x=1)
    return Chart(figure=figure, data=data)


def peak(store: Store, *, metric: str = RATE, **filters: str) -> Chart:
    """The best of each night, and the best so far as steps, a line an engine of a model, precision, part and workload.

    `data`: what `analysis.peak.best_by_night` gives, in the units people read, with `so_far` and `curve_words`.
    """
    best = way.best_by_night(_points(store, (metric,), filters), metric)
    scale, higher = METRICS[metric].scale, METRICS[metric].better == "higher"
    data = best.assign(
        **{name: pd.to_numeric(best[name], errors="coerce") * scale for name in ("value", "low", "high")},
        curve_words=[_group(row) for row in best.to_dict("records")],
    )
    data = _some(data.sort_values(["curve_words", "night"], kind="stable").reset_index(drop=True), metric, store)
    groups = data.groupby("curve_words", sort=False)
    data["so_far"] = groups["value"].cummax() if higher else groups["value"].cummin()
    figure = _figure("night", metric)
    for place, (words, own) in enumerate(data.groupby("curve_words", sort=False)):
        _add(figure, place, str(words), own["night"], own["value"], pd.Series(False, index=own.index), mode="markers",
             error_y=_ends(own["value"], own["low"], own["high"]), text=own["version_label"])  # fmt: skip
        steps = {"shape": "hv", "color": COLOURS[place % len(COLOURS)]}
        figure.add_scatter(x=list(own["night"]), y=list(own["so_far"]), mode="lines", line=steps, showlegend=False,
                           legendgroup=str(words), name=f"{words}: best so far", hoverinfo="skip")  # fmt: skip
    return Chart(figure=figure, data=data)


def _points(store: Store, metrics: Sequence[str], filters: dict[str, str]) -> pd.DataFrame:
    return summarise_points(store.runs(**filters), [_known(name) for name in metrics])


def _known(metric: str) -> str:
    if metric not in METRICS:
        raise mistake(f"metric `{metric}`", "no such metric", "see `enginebench metrics`")
    return metric


def _some(data: pd.DataFrame, what: str, store: Store) -> pd.DataFrame:
    if data.empty:
        raise mistake(store.url, f"holds no point with {what} of these filters", "choose others")
    return data


def _scaled(points: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Figures in the units that people read."""
    ends = [(f"{name}{end}", METRICS[name].scale) for name in metrics for end in ("", "_low", "_high")]
    return points.assign(**{name: pd.to_numeric(points[name], errors="coerce") * scale for name, scale in ends})


def _words(points: pd.DataFrame, *, version: bool = True) -> pd.Series[str]:
    """A curve in words."""
    names = [name for name in _CURVE if version or name != "engine_version"]
    words = [" ".join(str(one) for one in row) for row in points[names].itertuples(index=False)]
    return pd.Series(words, index=points.index, dtype="str")


def _group(row: Mapping[Hashable, Any]) -> str:
    """Whose way to the peak it is, in words."""
    weights = ["made-up weights"] if row["dummy_weights"] else []
    return " ".join([*(str(row[name]) for name in way.SUBJECT if name != "dummy_weights"), *weights])


def _bars(own: pd.DataFrame, metric: str) -> dict[str, Any]:
    return _ends(own[metric], own[f"{metric}_low"], own[f"{metric}_high"])


def _ends(centre: pd.Series[Any], low: pd.Series[Any], high: pd.Series[Any]) -> dict[str, Any]:
    """Error bars of plotly; none where there is no interval."""
    up, down = (np.nan_to_num(np.abs((end - centre).to_numpy(dtype=float))) for end in (high, low))
    return {"type": "data", "symmetric": False, "array": list(up), "arrayminus": list(down)}


def _figure(x: str, y: str) -> go.Figure:
    try:
        import plotly.graph_objects as go
    except ImportError:
        remedy = "pip install 'enginebench[notebook]'"
        raise mistake("enginebench.analysis.figures", "needs plotly, which is not installed", remedy) from None
    titles = [f"{METRICS[name].title} ({METRICS[name].unit})" if name in METRICS else name for name in (x, y)]
    figure = go.Figure()
    figure.update_layout(template="plotly_white", xaxis_title=titles[0], yaxis_title=titles[1])
    return figure


def _add(
    figure: go.Figure, place: int, name: str, x: Any, y: Any, hollow: pd.Series[bool], *, text: Any, **how: Any
) -> None:
    """A curve; what comes from the store is text, and plotly takes some markup for more."""
    symbol, colour = SYMBOLS[place % len(SYMBOLS)], COLOURS[place % len(COLOURS)]
    symbols = [f"{symbol}-open" if one else symbol for one in hollow]
    plain = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    figure.add_scatter(x=list(x), y=list(y), name=name.translate(plain), legendgroup=name.translate(plain),
                       marker={"symbol": symbols, "color": colour}, line={"color": colour, "width": 1},
                       text=[str(one).translate(plain) for one in text], **how)  # fmt: skip
