"""How many accelerators a traffic needs under an objective, what they cost, and which measured points say so. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from enginebench.analysis.economics import KINDS, RATE_COLUMNS, OwnRate, rates_of
from enginebench.analysis.interpolation import BESIDE, CURVE, Reading, read
from enginebench.analysis.parts import numbers
from enginebench.analysis.points import why_not_eligible
from enginebench.analysis.slo import Kept, column, judge
from enginebench.config import Hardware, PriceClass, Rates
from enginebench.errors import mistake
from enginebench.records import Objective, record

MONTH_HOURS = 730
"""Hours of a month: 8,760 / 12."""
_MONTH_S = MONTH_HOURS * 3600
Requests = Callable[[Mapping[Any, Any]], pd.DataFrame | None]
"""Gives the requests of a point (a row of the table of points), or null where they are kept no more."""
LimitedBy = Literal[
    "ttft",
    "tpot",
    "e2el",
    "joint",
    "highest load measured",
    "throughput peaks",
    "not judged",
    "no load meets it",
    "left out",
]
"""What ends the measured rate of a curve: the limit that the next heavier load breaks (`joint`: all at once); there is
no heavier load, so more may fit; heavier loads keep the objective and are no faster; the next heavier load can't be
judged, or no load can; no load keeps the objective; no point may be used."""


@record
class Demand:
    """What is to be served."""

    model: str
    """Name of the model's configuration."""
    objective: Objective
    """Limits on latency, and the share of requests that is to keep them."""
    workload: str | None = None
    """Name of the workload's configuration; null: by lengths."""
    isl_tokens: int | None = None
    """Input tokens of a request, where no workload is named: one of exactly these lengths is looked for."""
    osl_tokens: int | None = None
    """Output tokens of a request, likewise."""
    rate_rps: float | None = None
    """Requests a second; one of this and `output_tps`."""
    output_tps: float | None = None
    """Output tokens a second."""
    utilisation: float = 0.8
    """Share of a deployment's measured rate that is planned for, over 0 to 1."""
    spare: int = 1
    """Deployments beyond those that the traffic needs (N + 1)."""


@record
class Capacity:
    """The highest rate of one curve that keeps the objective."""

    rate_rps: float | None
    """Requests a second of one deployment; null: none is known."""
    low: float | None = None
    """Lower end of its interval; null with `interval_reason`."""
    high: float | None = None
    """Upper end."""
    basis: Literal["measured", "between", "none"] = "none"
    """`measured`: a load's own rate. `between`: read between that load, which keeps the objective, and the next
    heavier one, which does not."""
    on: tuple[Hashable, ...] = ()
    """Labels of the points it rests on, the one that keeps the objective first."""
    kept: Kept | None = None
    """How that one was judged; without one, the lightest load."""
    limited_by: LimitedBy
    """What ends it."""
    words: str
    """The same, with figures."""
    interval_reason: str = ""
    """Why the rate has no interval; empty: it has, or there is no rate."""


_ENDS = ("", "_low", "_high")
_COUNTS = ("replicas", "deployments", "accelerators")
_FIGURES = ("deployment_rps", "usd_per_month", "kw", *(f"{kind}_usd_per_mtok" for kind in KINDS))
COLUMNS = (
    *BESIDE,
    *("night", "meets", "basis", "load", "traffic_rps"),
    *(f"{name}{end}" for name in ("deployment_rps", *_COUNTS, *_FIGURES[1:]) for end in _ENDS),
    *(
        "limited_by",
        "limit_words",
        "evidence",
        "sure",
        "joint_low",
        "joint_high",
        "rests_on",
        "loads",
        "trials",
        "left_out",
    ),
    *(*RATE_COLUMNS[1:], "absent"),
)
"""Columns of `size`; those of `BESIDE` where the points have them."""


def size(
    points: pd.DataFrame,
    demand: Demand,
    rates: Rates,
    *,
    price_class: PriceClass = "neocloud",
    on: str | None = None,
    own: Mapping[str, OwnRate] | None = None,
    requests: Requests | None = None,
    whole_run: bool = False,
    parts: Mapping[str, Hardware] | None = None,
) -> pd.DataFrame:
    """COLUMNS for each curve of the demand's model and workload, the cheapest first, those without an answer last.

    `points` is what `snapshot` gives. A deployment's rate is that of the measured load with the highest throughput that
    keeps the objective, or one read between it and the next heavier load, where that breaks a limit on a stored
    percentile; never beyond the loads measured. From it `replicas` = ⌈traffic / (rate × utilisation)⌉, `deployments` =
    replicas + spare, `accelerators`, $ a month of 730 h, $/Mtok of the traffic (what is spare or idle is paid for) and
    all-in kW of all deployments. `_low` and `_high` of these are from the rate's interval: more rate, fewer replicas.

    With `requests` points are judged by their requests, else by stored percentiles; `evidence` says which, and `sure`
    whether the evidence's intervals lie on the verdict's side. `absent` is a dictionary: column to why it is null.
    `rests_on` are labels of the points and `loads` their loads: how far apart these are is how much `between` is worth.
    Other tools (column `tool`) tell no requests a second: `with_rates` makes them of their tokens.
    Rates of the newest night it rests on, or as asked (`rates_of`). Raises UserError for a demand that can't be.
    """
    _check(demand)
    asked = with_rates(_asked(points, demand), whole_run=whole_run)
    reasons = why_not_eligible(asked)
    keys = [name for name in CURVE if name in asked]
    rows, found = [], []
    for _, curve in asked.groupby(keys, dropna=False, sort=False):
        usable = curve[reasons[curve.index] == ""]
        one = (
            capacity(usable, demand.objective, requests, whole_run=whole_run)
            if len(usable)
            else _left_out(reasons[curve.index])
        )
        rows.append(_beside(curve, one) | {"left_out": len(curve) - len(usable)})
        found.append(one)
    table = pd.DataFrame(rows)
    priced = rates_of(table, rates, price_class=price_class, on=on, own=own, parts=parts)
    whole = [
        row | _sized(row, one, demand, price) | {name: price[name] for name in RATE_COLUMNS}
        for row, one, price in zip(rows, found, priced.to_dict("records"), strict=True)
    ]
    result = pd.DataFrame(whole)
    counts = dict.fromkeys((f"{name}{end}" for name in _COUNTS for end in _ENDS), "Int64")
    figures = dict.fromkeys((f"{name}{end}" for name in _FIGURES for end in _ENDS), "float64")
    result = result.astype(counts | figures)[[name for name in COLUMNS if name in result]]
    return result.sort_values(["usd_per_month", "accelerators"], kind="stable").reset_index(drop=True)


def _check(demand: Demand) -> None:
    """Raises UserError for a demand that can't be."""
    place = "sizing"
    given = [value for value in (demand.rate_rps, demand.output_tps) if value is not None]
    if len(given) != 1 or not (math.isfinite(given[0]) and given[0] > 0):
        raise mistake(place, "traffic is not one rate above 0", "give requests a second or output tokens a second")
    if not 0 < demand.utilisation <= 1:
        raise mistake(place, f"utilisation is {demand.utilisation:g}", "give a share above 0 and up to 1")
    if demand.spare < 0:
        raise mistake(place, f"{demand.spare} deployments to spare", "give 0 or more")
    lengths = (demand.isl_tokens, demand.osl_tokens)
    if (demand.workload is None) == (lengths == (None, None)) or (demand.workload is None and None in lengths):
        raise mistake(
            place, "what requests look like is not said once", "give a workload, or isl_tokens and osl_tokens"
        )


def _asked(points: pd.DataFrame, demand: Demand) -> pd.DataFrame:
    """The points of the demand's model and workload; raises UserError where nothing like it was measured."""
    of_model = points[points["model"] == demand.model]
    if of_model.empty:
        known = ", ".join(sorted(points["model"].unique())) or "none"
        raise mistake("sizing", f"nothing was measured of model {demand.model}", f"measured: {known}")
    if demand.workload is not None:
        words, same = f"workload {demand.workload}", of_model["workload"] == demand.workload
    else:
        words = f"{demand.isl_tokens} tokens in and {demand.osl_tokens} out"
        same = (of_model["isl_tokens"] == demand.isl_tokens) & (of_model["osl_tokens"] == demand.osl_tokens)
    if not same.any():
        rows = of_model.drop_duplicates("workload").sort_values("workload")
        known = ", ".join(f"{row.workload} ({row.isl_tokens} in, {row.osl_tokens} out)" for row in rows.itertuples())
        raise mistake("sizing", f"no {words} was measured of {demand.model}", f"measured: {known}")
    return of_model[same]


def with_rates(points: pd.DataFrame, *, whole_run: bool = False) -> pd.DataFrame:
    """The points with a rate of requests where another `tool` told none: its output tok/s / OSL, else all its tok/s /
    (ISL + OSL), so requests of the nominal lengths, whatever lengths it sent."""
    if "tool" not in points:
        return points
    span = "_whole_run" if whole_run else ""
    found = {f"requests_rps{span}{end}": numbers(points, f"requests_rps{span}{end}") for end in _ENDS}
    isl, osl, devices = (numbers(points, name) for name in ("isl_tokens", "osl_tokens", "devices"))
    for kind, length in (("output", osl), ("total", isl + osl)):
        lacking = (points["tool"] != "") & found[f"requests_rps{span}"].isna()
        for end in _ENDS:
            made = numbers(points, f"{kind}_tps_per_accelerator{span}{end}") * devices / length
            found[f"requests_rps{span}{end}"] = found[f"requests_rps{span}{end}"].mask(lacking, made)
    return points.assign(**found)


def capacity(
    curve: pd.DataFrame, objective: Objective, requests: Requests | None = None, *, whole_run: bool = False
) -> Capacity:
    """The highest rate of one curve's points, of one kind of load, that keeps the objective; `whole_run` takes the rate
    of the whole run instead of the steady window's."""
    rate = "requests_rps_whole_run" if whole_run else "requests_rps"
    loads = _by_load(curve, rate)
    rows = loads.to_dict("records")
    kept = [judge(row, objective, requests(row) if requests else None) for row in rows]
    speeds = numbers(loads, rate)
    good = [at for at, one in enumerate(kept) if one.verdict == "passed" and speeds.notna().iloc[at]]
    if not good:
        return _none(loads, kept)
    best = max(good, key=lambda at: (speeds.iloc[at], -at))
    heavier = best + 1
    base: dict[str, Any] = {"kept": kept[best], "on": (loads.index[best],)}
    speed = Reading(
        value=float(speeds.iloc[best]),
        low=_end(rows[best], f"{rate}_low"),
        high=_end(rows[best], f"{rate}_high"),
        points=base["on"],
    )
    if heavier == len(rows):
        words = f"{rows[best]['load']} is the highest load measured: more may fit, not measured"
        return _capacity(speed, "measured", "highest load measured", words, base)
    other = kept[heavier]
    if other.verdict == "undecided":
        words = f"{rows[heavier]['load']} can't be judged: {other.words}"
        return _capacity(speed, "measured", "not judged", words, base)
    if other.verdict == "passed":
        words = f"{rows[heavier]['load']} keeps it too, at no higher rate that is known"
        return _capacity(speed, "measured", "throughput peaks", words, base)
    crossing, limit = _crossing(loads, (best, heavier), rate, other, objective)
    words = f"{rows[heavier]['load']}: {other.words}"
    lighter = [row["load"] for row, one in zip(rows[:best], kept, strict=False) if one.verdict == "failed"]
    words += f"; so does the lighter {', '.join(lighter)}" if lighter else ""
    by: LimitedBy = limit or (other.broken[0].limit.metric if other.broken else "joint")
    if crossing is not None and crossing.value is not None and crossing.value > float(speeds.iloc[best]):
        base["on"] = (loads.index[best], *(label for label in crossing.points if label != loads.index[best]))
        return _capacity(crossing, "between", by, words, base)
    return _capacity(speed, "measured", by, words, base)


def _capacity(
    speed: Reading, basis: Literal["measured", "between"], by: LimitedBy, words: str, base: Mapping[str, Any]
) -> Capacity:
    why = "" if speed.low is not None and speed.high is not None else speed.interval_reason or "the load has one run"
    return Capacity(
        rate_rps=speed.value,
        low=speed.low if not why else None,
        high=speed.high if not why else None,
        basis=basis,
        limited_by=by,
        words=words,
        interval_reason=why,
        **base,
    )


def _by_load(curve: pd.DataFrame, rate: str) -> pd.DataFrame:
    """The points from the lightest load to the heaviest: by requests in flight or rate asked, else by rate served."""
    asked = numbers(curve, "concurrency")
    asked = asked.where(asked.notna(), numbers(curve, "rate_rps"))
    if asked.isna().any():
        asked = numbers(curve, rate)
    return curve.loc[asked.sort_values(kind="stable", na_position="last").index]


def _end(row: Mapping[Any, Any], name: str) -> float | None:
    value = row.get(name)
    return None if value is None or pd.isna(value) else float(value)


def _none(loads: pd.DataFrame, kept: Sequence[Kept]) -> Capacity:
    """Why no load is known to keep the objective: what the lightest one breaks, or lacks."""
    first = kept[0]
    if first.verdict == "passed":
        words = f"{loads.iloc[0]['load']} keeps it, but its rate of requests is not known"
        return Capacity(rate_rps=None, limited_by="not judged", words=words, kept=first)
    words = f"at the lowest load, {loads.iloc[0]['load']}: {first.words}"
    failed = all(one.verdict == "failed" for one in kept)
    return Capacity(rate_rps=None, limited_by="no load meets it" if failed else "not judged", words=words, kept=first)


def _left_out(reasons: pd.Series) -> Capacity:
    words = ", ".join(sorted(set(reasons)))
    return Capacity(rate_rps=None, limited_by="left out", words=f"no point may be used: {words}")


def _crossing(
    loads: pd.DataFrame, pair: tuple[int, int], rate: str, other: Kept, objective: Objective
) -> tuple[Reading | None, Literal["ttft", "tpot", "e2el"] | None]:
    """Where between two loads the first limit is reached, by the percentile that it is on, and which one that is.

    The rate over that percentile is read along the whole curve where the percentile grows with load, else on the
    straight line between the two. Null where a broken limit is on no stored percentile, or on all limits at once.
    """
    if objective.goodput_share is not None or not other.broken:
        return None, None
    first: tuple[Reading, Literal["ttft", "tpot", "e2el"]] | None = None
    two = loads.iloc[list(pair)]
    for limit in (one.limit for one in other.broken):
        name = column(loads.iloc[pair[0]].to_dict(), limit.metric, limit.share)
        latency = numbers(loads, name or "")
        below, above = (latency.iloc[at] for at in pair)
        # False too where one of them is not known.
        if name is None or not below <= limit.at_most_ns < above:
            return None, limit.metric
        grows = latency.notna().all() and latency.is_monotonic_increasing and latency.is_unique
        found = read(loads if grows else two, name, rate, limit.at_most_ns)
        if found.value is None:
            return None, limit.metric
        if first is None or first[0].value is None or found.value < first[0].value:
            first = found, limit.metric
    return first if first else (None, None)


def _beside(curve: pd.DataFrame, one: Capacity) -> dict[str, Any]:
    on = curve.loc[list(one.on)] if one.on else curve
    first = on.iloc[0]
    row: dict[str, Any] = {name: first[name] for name in BESIDE if name in curve}
    kept = one.kept
    return row | {
        "night": on["night"].max(),
        "meets": one.rate_rps is not None,
        "basis": one.basis,
        "load": first["load"] if one.on else None,
        "limited_by": one.limited_by,
        "limit_words": one.words,
        "evidence": kept.evidence if kept else None,
        "sure": kept.sure if kept else None,
        "joint_low": kept.joint_low if kept else None,
        "joint_high": kept.joint_high if kept else None,
        "rests_on": list(one.on),
        "loads": list(on["load"]) if one.on else [],
        "trials": sorted({trial for trials in on["trials"] for trial in trials}) if one.on and "trials" in on else [],
    }


def _sized(row: Mapping[str, Any], one: Capacity, demand: Demand, price: Mapping[Any, Any]) -> dict[str, Any]:
    """What the traffic takes of one curve's deployments, each figure with both ends."""
    osl, isl = float(row["osl_tokens"]), float(row["isl_tokens"])
    traffic = demand.rate_rps if demand.rate_rps is not None else (demand.output_tps or 0.0) / osl
    tokens = {"total": isl + osl, "input": isl, "output": osl}
    usd, power_kw = (_known(price[name]) for name in ("usd_per_accelerator_hour", "all_in_kw"))
    found: dict[str, Any] = {"traffic_rps": traffic}
    absent: dict[str, str] = {}
    # The fewest replicas come of the highest rate.
    for end, rate in (("", one.rate_rps), ("_low", one.high), ("_high", one.low)):
        found[f"deployment_rps{end}"] = {"": one.rate_rps, "_low": one.low, "_high": one.high}[end]
        count = None if rate is None or rate <= 0 else _replicas(traffic, rate * demand.utilisation)
        if rate is not None and count is None:
            absent[f"replicas{end}"] = "the rate, or its interval, reaches 0"
        whole = None if count is None else count + demand.spare
        devices = None if whole is None else whole * int(row["devices"])
        month = None if devices is None or usd is None else devices * usd * MONTH_HOURS
        found |= {f"replicas{end}": count, f"deployments{end}": whole, f"accelerators{end}": devices}
        found |= {f"usd_per_month{end}": month}
        found |= {f"kw{end}": None if devices is None or power_kw is None else devices * power_kw}
        for kind, of_one in tokens.items():
            cost = None if month is None or not of_one else month / (traffic * of_one * _MONTH_S / 1e6)
            found[f"{kind}_usd_per_mtok{end}"] = cost
    money = ("usd_per_month", *(f"{kind}_usd_per_mtok" for kind in tokens))
    for names, reason in ((money, price["usd_reason"]), (("kw",), price["kw_reason"])):
        absent |= dict.fromkeys(names, reason) if reason else {}
    if one.rate_rps is None:
        counted = ("deployment_rps", "replicas", "deployments", "accelerators", *money, "kw")
        absent |= dict.fromkeys(counted, f"{one.limited_by}: {one.words}")
    elif one.interval_reason:
        absent |= dict.fromkeys(("deployment_rps_low", "deployment_rps_high"), one.interval_reason)
    return found | {"absent": absent}


def _known(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _replicas(traffic: float, of_one: float) -> int:
    """Whole deployments; a quotient that is whole but for rounding asks for no further one."""
    return max(1, math.ceil(traffic / of_one * (1 - 1e-9)))
