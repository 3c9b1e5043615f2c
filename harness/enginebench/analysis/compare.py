"""Two slices of the table of runs held against each other: what got better, what worse, and how sure that is. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import pandas as pd

from enginebench.analysis import estimate
from enginebench.analysis.estimate import Estimate, How
from enginebench.analysis.matching import Alone, Difference, Pair, Side, asked_columns, differences, match
from enginebench.analysis.slices import Slice, select
from enginebench.analysis.starts import WRONG, Means, Starts, of_starts, usable, why_not
from enginebench.errors import mistake
from enginebench.metrics import METRICS
from enginebench.records import record

Verdict = Literal["better", "worse", "no change", "insufficient", "incomparable", "missing"]
FALSE_SHARE = 0.01
"""Share of the verdicts better and worse that may be false, over all points, and over all curves, of a comparison."""
MARGIN = 0.02
"""A difference below this is none that matters."""
SPEED, RATE = "interactivity_mean_tps", "output_tps_per_accelerator"
"""The two axes of a curve."""
EQUIVALENT = 0.05
"""Level of the two one-sided tests."""


@record
class Judged:
    """A point or a curve in one metric."""

    kind: Literal["point", "curve"]
    """Which of the two."""
    subject: str
    """What was measured, in words: `tiny bf16 on 1 × H100 tp1, chat`."""
    curve: str
    """Key of the curve that it is or lies on: one of each slice, open and closed loops apart; empty: on none."""
    load: str
    """The load in short; of a curve what it is a mean over."""
    metric: str
    """Name of the metric."""
    verdict: Verdict
    """`better` or `worse`: the interval excludes 1, the ratio is off by the margin or more, and so few verdicts of the
    comparison are false as asked. `no change`: surely within the margin. `insufficient`: neither is shown.
    `incomparable`: a figure can't be had or held against the other. `missing`: one of the slices lacks it."""
    why: str
    """Why it is none of better, worse and no change; empty: it is one."""
    estimate: Estimate | None
    """The ratio; null: none is had."""
    p_adjusted: float | None
    """`p` after Benjamini and Hochberg; null as `p`."""


@record
class _Of:
    """What a point or curve is of."""

    words: str
    """For a person."""
    curve: str
    """Key of its curve."""


@record
class Comparison:
    """All that can be said of two slices."""

    a: Slice
    b: Slice
    margin: float
    """Difference that matters, a share."""
    differences: tuple[Difference, ...]
    """What of the environment is not the same, what was not asked for first."""
    matched: int
    """Points in both slices."""
    alone: tuple[Alone, ...]
    """Points that have no counterpart."""
    left_out: tuple[str, ...]
    """Runs that no verdict rests on, a line a slice: `A: 2 of 45 runs left out: neighbour`."""
    curves: tuple[Judged, ...]
    """A verdict a curve and metric, and one on throughput at equal interactivity."""
    points: tuple[Judged, ...]
    """A verdict a point and metric."""
    notes: tuple[str, ...] = ()
    """What else a reader must know, a line each."""

    def judged(self) -> tuple[Judged, ...]:
        """Curves, then points."""
        return (*self.curves, *self.points)

    def outcome(self) -> Verdict:
        """In one word: `worse` if anything is; else `incomparable` if anything is; else `insufficient` if a curve, or a
        point that is on none, is, or nothing was matched; else `better` if anything is; else `no change`.

        A point on a curve may be insufficient: the curve is surer than each of its points. Points that one slice lacks
        do not count, unless there are only such.
        """
        found = {one.verdict for one in self.judged()}
        on_curve = {(one.curve, one.metric) for one in self.curves}
        loners = [one for one in self.points if (one.curve, one.metric) not in on_curve]
        unsure = any(one.verdict == "insufficient" for one in (*self.curves, *loners))
        if "worse" in found or "incomparable" in found:
            return "worse" if "worse" in found else "incomparable"
        if unsure or not found & {"better", "no change"}:
            return "insufficient"
        return "better" if "better" in found else "no change"


def compare(runs: pd.DataFrame, a: Slice, b: Slice, *, metrics: Sequence[str], margin: float = MARGIN) -> Comparison:
    """Hold slice B against slice A of `runs`, as `Store.runs()` gives them, in each of `metrics`.

    Raises UserError for a slice without runs and for a run in both.
    """
    ordered = runs.sort_values(["started_utc", "run"])
    of_a, of_b = (some(select(ordered, one), one) for one in (a, b))
    both = sorted(set(of_a["run"]) & set(of_b["run"]))
    if both:
        raise mistake(f"`{a.words}` and `{b.words}`", f"run {both[0]} is in both", "name slices that share no run")
    return held_against(a, b, of_a, of_b, metrics=metrics, margin=margin)


def held_against(
    a: Slice,
    b: Slice,
    of_a: pd.DataFrame,
    of_b: pd.DataFrame,
    *,
    metrics: Sequence[str],
    margin: float,
    how: How = estimate,
) -> Comparison:
    """The comparison of the runs `of_a` and `of_b`, of the slices `a` and `b`, with estimates had by `how`."""
    asked = asked_columns(a, b)
    matched = match(of_a, of_b, asked)
    told = _of_pairs(of_a, of_b, matched.pairs)
    curves, points = estimates(of_a, of_b, matched.pairs, metrics, margin, how)
    return Comparison(
        a=a,
        b=b,
        margin=margin,
        differences=differences(*told, asked),
        matched=len(matched.pairs),
        alone=matched.alone,
        left_out=tuple(line for name, one in zip("AB", told, strict=True) if (line := _left_out(name, one))),
        curves=sentenced(curves, margin),
        points=(*sentenced(points, margin), *map(_alone, matched.alone)),
    )


def estimates(
    a: pd.DataFrame,
    b: pd.DataFrame,
    pairs: Sequence[Pair],
    metrics: Sequence[str],
    margin: float = MARGIN,
    how: How = estimate,
) -> tuple[list[Judged], list[Judged]]:
    """The curves and the points of `pairs`, from the runs `a` and `b`, as they are before verdicts."""
    wanted = list(dict.fromkeys([*metrics, SPEED, RATE]))
    starts = (of_starts(a, wanted), of_starts(b, wanted))
    subjects = _subjects(pairs)
    points = [
        one for pair, of in zip(pairs, subjects, strict=True) for one in _points(pair, of, starts, metrics, margin, how)
    ]
    groups: dict[_Of, list[Pair]] = defaultdict(list)
    for pair, of in zip(pairs, subjects, strict=True):
        groups[of].append(pair)
    curves = [one for of, group in groups.items() for one in _curves(group, of, starts, metrics, margin, how)]
    return curves, points


def sentenced(judged: Iterable[Judged], margin: float) -> tuple[Judged, ...]:
    """The same with verdicts: those of one family, so that of its verdicts better and worse FALSE_SHARE may be false.

    Where nothing differs, this is how often any verdict of the whole family says so.
    """
    from scipy.stats import false_discovery_control

    rows = list(judged)
    known = [one.estimate.p for one in rows if one.estimate is not None and one.estimate.p is not None]
    adjusted = iter(false_discovery_control(known) if known else ())
    found = []
    for one in rows:
        p = float(next(adjusted)) if one.estimate is not None and one.estimate.p is not None else None
        verdict, why = (one.verdict, one.why) if one.estimate is None else _verdict(one, one.estimate, p, margin)
        found.append(replace(one, p_adjusted=p, verdict=verdict, why=why))
    return tuple(found)


def _verdict(of: Judged, one: Estimate, p: float | None, margin: float) -> tuple[Verdict, str]:
    if one.ratio is None and of.kind == "point":
        empty = "A" if not one.n_a else "B" if not one.n_b else ""
        return ("missing", f"no figure in {empty}") if empty else ("incomparable", one.lack)
    if one.ratio is None or p is None or one.low is None or one.high is None or one.p_equivalent is None:
        return "insufficient", one.lack
    great = one.ratio <= 0 or max(one.ratio, 1 / one.ratio) >= 1 + margin
    if p <= FALSE_SHARE and not one.low <= 1 <= one.high and great:
        return ("better" if (one.ratio > 1) == (METRICS[of.metric].better == "higher") else "worse"), ""
    if one.p_equivalent <= EQUIVALENT:
        return "no change", ""
    if one.low <= 1 <= one.high:
        return "insufficient", f"the interval holds 1 and more than ±{margin * 100:g} %"
    if not great:
        return "insufficient", f"differs by less than {margin * 100:g} %, though that is not sure"
    return "insufficient", f"p is above {FALSE_SHARE:g}"


def some(runs: pd.DataFrame, one: Slice) -> pd.DataFrame:
    """The runs of a slice; raises UserError where there are none."""
    if runs.empty:
        raise mistake(f"slice `{one.words}`", "no run in the store is of it", "see `enginebench results list`")
    return runs


def _left_out(name: str, runs: pd.DataFrame) -> str:
    out = int((~usable(runs)).sum())
    return f"{name}: {out} of {len(runs)} runs left out: {why_not(runs)}" if out else ""


def _of_pairs(a: pd.DataFrame, b: pd.DataFrame, pairs: Sequence[Pair]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs that are compared; of slices of which nothing matches all, for their difference is why."""
    if not pairs:
        return a, b
    return (
        a[a["series"].isin([one.a.series for one in pairs])],
        b[b["series"].isin([one.b.series for one in pairs])],
    )


def _points(
    pair: Pair, of: _Of, starts: tuple[Starts, Starts], metrics: Sequence[str], margin: float, how: How
) -> list[Judged]:
    loads = [str(one.row["load"]) for one in (pair.a, pair.b)]
    load = " → ".join(dict.fromkeys(loads))
    sides = tuple(zip("AB", starts, (pair.a.series, pair.b.series), strict=True))
    out = [f"{name}: {one.left_out[series]}" for name, one, series in sides if series in one.left_out]
    found = []
    for metric in metrics:
        if out:
            wrong = WRONG in {one.left_out.get(series) for _, one, series in sides}
            found.append(_judged("point", of, load, metric, None, "incomparable" if wrong else "insufficient", out))
            continue
        means = [one.points[series] for _, one, series in sides]
        one = how.figure(means[0], means[1], metric, margin)
        if one is not None:
            found.append(_judged("point", of, load, metric, one))
    return found


def _curves(
    pairs: Sequence[Pair], of: _Of, starts: tuple[Starts, Starts], metrics: Sequence[str], margin: float, how: How
) -> list[Judged]:
    """A verdict a metric over all loads of a curve that both sides have, and one at equal interactivity."""
    means = [(starts[0].points.get(one.a.series), starts[1].points.get(one.b.series)) for one in pairs]
    whole = [(one, other) for one, other in means if one is not None and other is not None]
    kind, found = pairs[0].a.row["load_kind"], []
    for metric in metrics:
        loads = _with(whole, metric)
        if len(loads) > 1:
            words = f"mean over {len(loads)} {kind} loads"
            found.append(_judged("curve", of, words, metric, how.over_loads(loads, metric, margin)))
    loads = _with(whole, SPEED, RATE)
    if RATE in metrics and len(loads) > 1:
        one = how.at_equal_interactivity(loads, SPEED, RATE, margin)
        found.append(_judged("curve", of, f"at equal interactivity{one.over and f', {one.over}'}", RATE, one))
    return found


def _with(loads: Sequence[tuple[Means, Means]], *metrics: str) -> list[tuple[Means, Means]]:
    """The loads that have each of `metrics` on both sides."""
    return [load for load in loads if all(len(one.log(name)) for one in load for name in metrics)]


def _alone(one: Alone) -> Judged:
    return Judged(
        kind="point",
        subject=" ".join(_parts(one.point)),
        curve="",
        load=str(one.point.row["load"]),
        metric="",
        verdict="incomparable" if one.why else "missing",
        why=f"only in {one.side}" + (f": {one.why}" if one.why else ""),
        estimate=None,
        p_adjusted=None,
    )


def _judged(
    kind: Literal["point", "curve"],
    of: _Of,
    load: str,
    metric: str,
    found: Estimate | None,
    verdict: Verdict = "insufficient",
    why: Sequence[str] = (),
) -> Judged:
    return Judged(
        kind=kind,
        subject=of.words,
        curve=of.curve,
        load=load,
        metric=metric,
        verdict=verdict,
        why="; ".join(why),
        estimate=found,
        p_adjusted=None,
    )


def _subjects(pairs: Sequence[Pair]) -> list[_Of]:
    """What each pair is of, in words: what both sides have in common, and what they have not, of both."""
    sides = [[(a, b) for a, b in zip(_parts(pair.a), _parts(pair.b), strict=True)] for pair in pairs]
    words = [" ".join(a if a == b else f"{a} → {b}" for a, b in parts) for parts in sides]
    curves = [f"{pair.a.row['curve']} {pair.b.row['curve']}" for pair in pairs]
    alike = Counter(words for words, _ in dict.fromkeys(zip(words, curves, strict=True)))
    # Two recipes read alike.
    return [
        _Of(
            words=f"{told} (curve {curve[:6]})" if alike[told] > 1 else told,
            curve=f"{curve} {pair.a.row['load_kind']}",
        )
        for pair, told, curve in zip(pairs, words, curves, strict=True)
    ]


def _parts(point: Side) -> tuple[str, ...]:
    row = point.row
    return (
        str(row["model"]),
        str(row["precision"]),
        str(row["engine_kind"]),
        f"on {row['devices']} × {row['product']}",
        f"{row['parallelism']},",
        str(row["workload"]),
    )
