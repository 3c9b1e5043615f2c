"""From day 0 to the peak: how an engine came to its best figure, what set each best, and who led when. Pure.

All stands on the best figure of a night: of one model, precision and workload on one part, over all loads, recipes and
hosts. The best of many noisy figures lies above the truth, and an envelope of nights creeps upward by luck alone: so
every step says whether it lies beyond the interval of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pandas as pd

from enginebench.analysis.points import eligible
from enginebench.metrics import METRICS
from enginebench.records.nights import date_of, days_between

GROUP = ("model", "precision", "dummy_weights", "vendor", "product", "devices", "workload")
"""What figures are held against each other within: engines compete here."""
SUBJECT = (*GROUP, "engine")
"""Whose way to the peak it is; `engine` is the engine's kind, whatever its configurations are called."""
LEVELS_PERCENT = (50, 90, 100)
"""Shares of the best so far, percent."""
Verdict = Literal["leads", "tie", "no interval", "alone"]

_BEST = (
    *SUBJECT,
    "night",
    "value",
    "low",
    "high",
    "n",
    "version",
    "version_label",
    "load",
    "host",
    "versions",
    "loads",
)
_STEPS = (*SUBJECT, "night", "day", "value", "low", "high", "version_label", "load", "host", "gain", "sure", "new_load")
_LEADS = (*GROUP, "night", "leader", "value", "low", "high", "second", "ratio", "verdict", "level_with")


def best_by_night(points: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row an engine of a group and night that has an eligible figure of `metric`: the best, with its interval,
    version, load and host; `versions` and `loads` are all of that night that have a figure.

    `points` is what `summarise_points` gives, with `metric`. Nights that are no dates are left out.
    """
    known = eligible(points)
    dated = [night for night in known["night"].unique() if date_of(night) is not None]
    known = known[known[metric].notna() & known["night"].isin(dated)].assign(engine=lambda frame: frame["engine_kind"])
    known = known.sort_values(
        [metric, "version", "load", "host"], ascending=[METRICS[metric].better == "lower"] + [True] * 3
    )
    # Lists, not frames: a frame a group costs a hundred times what is done with it.
    group = known.groupby([*SUBJECT, "night"], dropna=False).ngroup().tolist()
    members: dict[int, list[int]] = {}
    for at, one in enumerate(group):
        members.setdefault(one, []).append(at)
    same = (*SUBJECT, "night", "version", "version_label", "load", "host")
    of = {
        name: known[name].tolist() for name in (*same, metric, *(f"{metric}{end}" for end in ("_low", "_high", "_n")))
    }
    rows = []
    for one in sorted(members):
        mine = members[one]
        first = mine[0]
        rows.append(
            {name: of[name][first] for name in same}
            | {"value": float(of[metric][first])}
            | {end: _null(of[f"{metric}_{end}"][first]) for end in ("low", "high")}
            | {"n": int(of[f"{metric}_n"][first])}
            | {"versions": tuple(dict.fromkeys(of["version"][at] for at in mine))}
            | {"loads": tuple(sorted({of["load"][at] for at in mine}))}
        )
    return _table(rows, _BEST)


def envelope(best: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The best-ever figure as steps: a row a night that beat all nights before, `day` counted from the first.

    `gain`: as a share of the step before, above 0; null for the first. `sure`: the step's interval lies beyond that of
    the step before; null where one of them is not had. `new_load`: no night before had measured its load, so the grid
    may have set the step and not the engine.
    """
    rows: list[dict[str, Any]] = []
    for _, nights in _of_each(best, SUBJECT):
        last: dict[str, Any] | None = None
        loads: set[str] = set()
        for row in nights:
            if last is None or _beats(metric)(row["value"], last["value"]):
                step = {name: row[name] for name in _STEPS if name in row}
                step["day"] = days_between(nights[0]["night"], row["night"])
                step["gain"] = None if last is None else _gain(row["value"], last["value"], metric)
                step["sure"] = None if last is None else _beyond(row, last, metric)
                step["new_load"] = last is not None and row["load"] not in loads
                rows.append(step)
                last = step
            loads |= set(row["loads"])
    return _table(rows, _STEPS)


def day_0_to_peak(best: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row an engine of a group: the first night, the best so far and what set it, and for 50, 90 and 100 % of it
    `days_to_50` … and `versions_to_50` …; nights and versions measured since the best as `nights_since`,
    `versions_since`.

    Days are from the first night with an eligible figure, which is day 0. Versions are those tried up to the night that
    reached it, the first being 1; of several in that night only the one that reached it counts. `days_to_tie`: to the
    first night whose interval meets the best's, which is all that a noisy figure tells; null where the best has none.
    """
    rows: list[dict[str, Any]] = []
    for key, nights in _of_each(best, SUBJECT):
        top = nights[0]
        for row in nights:
            top = row if _beats(metric)(row["value"], top["value"]) else top
        first, after = nights[0]["night"], [row for row in nights if row["night"] > top["night"]]
        until = {version for row in nights if row["night"] <= top["night"] for version in row["versions"]}
        found = dict(zip(SUBJECT, key, strict=True)) | {
            "first_night": first,
            "first": nights[0]["value"],
            "last_night": nights[-1]["night"],
            "nights": len(nights),
            "versions": len({version for row in nights for version in row["versions"]}),
            **{name: top[name] for name in ("value", "low", "high", "version_label", "load", "host")},
            "best_night": top["night"],
            "nights_since": len(after),
            "versions_since": len({version for row in after for version in row["versions"]} - until),
        }
        for percent in LEVELS_PERCENT:
            row = next(row for row in nights if _reaches(row["value"], top["value"], percent, metric))
            before = {one for other in nights if other["night"] < row["night"] for one in other["versions"]}
            found |= {f"days_to_{percent}": days_between(first, row["night"])}
            found |= {f"versions_to_{percent}": len(before | {row["version"]})}
        ties = [row for row in nights if _meet(row, top)]
        found["days_to_tie"] = days_between(first, ties[0]["night"]) if ties else None
        rows.append(found)
    levels = [f"{what}_to_{percent}" for percent in LEVELS_PERCENT for what in ("days", "versions")]
    names = [*SUBJECT, "first_night", "first", "last_night", "nights", "versions", "value", "low", "high"]
    names += ["version_label", "load", "host", "best_night", "nights_since", "versions_since", *levels, "days_to_tie"]
    return _table(rows, names)


def leads(best: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a group and night that has a figure: which engine was best in that night, and how surely.

    `leads`: its interval lies beyond that of every other engine. `tie`: it meets those in `level_with`. `no interval`:
    it meets none that is known, but one is not had. `alone`: no other engine has a figure in that night; figures of
    other nights are not carried over. `ratio`: the leader's figure / that of the `second`.
    """
    rows: list[dict[str, Any]] = []
    for key, engines in _of_each(best, (*GROUP, "night")):
        top, *others = sorted(engines, key=lambda row: (_signed(row["value"], metric), row["engine"]), reverse=True)
        met = [_meet(top, other) for other in others]
        verdict: Verdict = (
            "alone" if not others else "tie" if True in met else "no interval" if None in met else "leads"
        )
        rows.append(
            dict(zip((*GROUP, "night"), key, strict=True))
            | {"leader": top["engine"], **{name: top[name] for name in ("value", "low", "high")}, "verdict": verdict}
            | {"second": others[0]["engine"] if others else None}
            | {"ratio": top["value"] / others[0]["value"] if others and others[0]["value"] else None}
            | {"level_with": tuple(sorted(one["engine"] for one, yes in zip(others, met, strict=True) if yes))}
        )
    return _table(rows, _LEADS)


def reigns(found: pd.DataFrame) -> pd.DataFrame:
    """The rows of `leads` drawn together: a row for consecutive measured nights of one group with one outcome.

    `who` is the leader, or in a tie all that are level with it; `nights` how many were measured from `first_night` to
    `last_night`, `ratio` their median.
    """
    rows: list[dict[str, Any]] = []
    for key, nights in _of_each(found, GROUP):
        spans: list[tuple[tuple[str, str], list[dict[str, Any]]]] = []
        for row in nights:
            names = [row["leader"], *row["level_with"]]
            outcome = (row["verdict"], ", ".join(sorted(names)))
            if not spans or spans[-1][0] != outcome:
                spans.append((outcome, []))
            spans[-1][1].append(row)
        for (verdict, who), held in spans:
            ratios = [row["ratio"] for row in held if row["ratio"] is not None]
            rows.append(
                dict(zip(GROUP, key, strict=True))
                | {"first_night": held[0]["night"], "last_night": held[-1]["night"], "nights": len(held)}
                | {"verdict": verdict, "who": who, "ratio": float(pd.Series(ratios).median()) if ratios else None}
            )
    return _table(rows, (*GROUP, "first_night", "last_night", "nights", "verdict", "who", "ratio"))


def _of_each(frame: pd.DataFrame, names: tuple[str, ...]) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    """The rows of each group, by night."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    ordered = frame.sort_values([*names, "night"], kind="stable")
    columns = [str(name) for name in ordered.columns]
    for values in zip(*(ordered[name].tolist() for name in columns), strict=True):
        row = dict(zip(columns, values, strict=True))
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    yield from groups.items()


def _table(rows: list[dict[str, Any]], names: tuple[str, ...] | list[str]) -> pd.DataFrame:
    # As objects: a null among numbers stays null, and a whole number whole.
    return pd.DataFrame(rows, columns=list(names), dtype=object)


def _signed(value: float, metric: str) -> float:
    """The greater the better."""
    return value if METRICS[metric].better == "higher" else -value


def _beats(metric: str) -> Callable[[float, float], bool]:
    return lambda one, other: _signed(one, metric) > _signed(other, metric)


def _reaches(value: float, best: float, percent: int, metric: str) -> bool:
    """Whether `value` is `percent` of the best or better; of a metric where less is better, best / value counts."""
    # A centre goes through logs and back: 50 may be 49.999999999999993.
    share = percent / 100 * (1 - 1e-9)
    return value >= best * share if METRICS[metric].better == "higher" else value * share <= best


def _gain(value: float, before: float, metric: str) -> float | None:
    above, below = (value, before) if METRICS[metric].better == "higher" else (before, value)
    return above / below - 1 if below else None


def _meet(one: dict[str, Any], other: dict[str, Any]) -> bool | None:
    """Whether two intervals have a value in common; null where one is not had."""
    ends = (one["low"], one["high"], other["low"], other["high"])
    return None if None in ends else bool(one["low"] <= other["high"] and other["low"] <= one["high"])


def _beyond(row: dict[str, Any], before: dict[str, Any], metric: str) -> bool | None:
    met = _meet(row, before)
    return None if met is None else not met and _beats(metric)(row["value"], before["value"])


def _null(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
