"""What tokens cost and draw: from throughput and the rates in force on a night's day. Pure.

Every figure is a monotone function of one measured figure, so its interval is that figure's, both ends put through the
same formula and turned round where the function falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from enginebench.analysis.parts import numbers, part_names
from enginebench.config import PRICE_CLASSES, Hardware, InForce, PriceClass, RateRow, Rates
from enginebench.config.rates import is_day
from enginebench.errors import mistake
from enginebench.metrics import Metric
from enginebench.records import record

KINDS = ("total", "input", "output")
"""Which tokens are counted."""
HOUR_S = 3600
"""Seconds of an hour."""
MILLION = 1e6
"""Tokens of a Mtok; watts of a MW."""
_ENERGY = "energy_j_per_output_token"
_SOURCES = {
    "usd_per_mtok": "InferenceX: $/GPU-hour ÷ tokens a GPU-hour",
    "provisioned": "InferenceX, all-in kW; what is provisioned, whatever is drawn",
    "measured": "enginebench; the accelerators' own counters, without host, network and cooling",
}


def _declared() -> Iterator[Metric]:
    power = "tok/s/accelerator × 1000 / all-in kW of an accelerator"
    rows: tuple[tuple[str, str, str, Literal["higher", "lower"], str], ...] = (
        ("usd_per_mtok", "Cost", "$/Mtok", "lower", "$/accelerator-hour / (tok/s/accelerator × 3600) × 10⁶"),
        ("provisioned_tps_per_mw", "Throughput per MW provisioned", "tok/s/MW", "higher", power),
        ("measured_tps_per_mw", "Throughput per MW measured", "tok/s/MW", "higher", "10⁶ / measured J/token"),
        ("provisioned_j_per_token", "Energy provisioned", "J/token", "lower", "all-in kW × 1000 / tok/s/accelerator"),
        (
            "measured_j_per_token",
            "Energy measured",
            "J/token",
            "lower",
            "joules the accelerators drew in a run / tokens",
        ),
    )
    for kind in KINDS:
        for name, title, unit, better, formula in rows:
            yield Metric(
                name=f"{kind}_{name}",
                title=f"{title}, {kind} tokens",
                unit=unit,
                scale=1.0,
                better=better,
                formula=f"{formula}, of {kind} tokens",
                source=_SOURCES.get(name) or _SOURCES[name.partition("_")[0]],
            )


FIGURES: Mapping[str, Metric] = {one.name: one for one in _declared()}
"""Every figure of `economics`, by name, with unit, formula and which way is better."""
RATE_COLUMNS = (
    *("part", "rate", "rate_since", "rate_source", "rate_condition", "rate_day", "price_class"),
    *("usd_per_accelerator_hour", "all_in_kw"),
)
"""What stands beside the figures: the part, the row in force and where it was read, the day it was looked up for."""
COLUMNS = (*RATE_COLUMNS, *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")), "absent")
"""Columns of `economics`."""


@record
class OwnRate:
    """A price or power of the reader's own, which goes before the file's."""

    usd_per_hour: float | None = None
    """US dollars an accelerator-hour; null: as in the file."""
    all_in_kw: float | None = None
    """kW of one accelerator, all in; null: as in the file."""


def rates_of(
    points: pd.DataFrame,
    rates: Rates,
    *,
    price_class: PriceClass = "neocloud",
    on: str | None = None,
    own: Mapping[str, OwnRate] | None = None,
    parts: Mapping[str, Hardware] | None = None,
) -> pd.DataFrame:
    """RATE_COLUMNS of each point, by its index, and why there is no price or power (`usd_reason`, `kw_reason`).

    In force is what holds on the point's `night`, or on the day `on` where the reader asks for another; `own` is by
    part. Raises UserError for an unknown class of price and for an `on` that is no date.
    """
    if price_class not in PRICE_CLASSES:
        raise mistake("price class", f"no class `{price_class}`", f"take one of {', '.join(PRICE_CLASSES)}")
    if on is not None and not is_day(on):
        raise mistake("rates of another day", f"`{on}` is no date", "write it as 2026-08-01")
    names = part_names(points, parts)
    days = points["night"].astype("str") if on is None else pd.Series(on, index=points.index)
    # A part and day stand in thousands of rows: each is looked up once.
    places: dict[tuple[Any, str], int] = {}
    taken = [places.setdefault(pair, len(places)) for pair in zip(names, days, strict=True)]
    rows = [
        _row(_own(rates.on(part, price_class, day), part, price_class, (own or {}).get(part)), part, day, price_class)
        for part, day in places
    ]
    found = pd.DataFrame(rows, columns=[*RATE_COLUMNS, "usd_reason", "kw_reason"], dtype="object")
    found = found.astype({"usd_per_accelerator_hour": "float64", "all_in_kw": "float64"})
    return found.take(taken).set_index(points.index)


def _own(found: InForce, part: str | None, price_class: PriceClass, own: OwnRate | None) -> InForce:
    """What holds where the reader gave a price or power: what he left out is the file's, and the source says so."""
    if own is None or part is None or own == OwnRate():
        return found
    usd = found.usd_per_hour if own.usd_per_hour is None else own.usd_per_hour
    power_kw = found.all_in_kw if own.all_in_kw is None else own.all_in_kw
    rest = [
        f"{what} of {found.row.id}"
        for what, given, value in (("price", own.usd_per_hour, usd), ("power", own.all_in_kw, power_kw))
        if found.row and given is None and value is not None
    ]
    row = RateRow(
        id="own",
        part=part,
        since="",
        usd_per_hour={} if usd is None else {price_class: usd},
        all_in_kw=power_kw,
        source=", ".join(["the reader's own", *rest]),
    )
    return replace(
        found,
        row=row,
        usd_per_hour=usd,
        all_in_kw=power_kw,
        usd_reason=found.usd_reason if usd is None else "",
        kw_reason=found.kw_reason if power_kw is None else "",
    )


def _row(found: InForce, part: str | None, day: str, price_class: PriceClass) -> dict[str, Any]:
    row = found.row
    return {
        "part": part,
        "rate": row.id if row else None,
        "rate_since": (row.since or None) if row else None,
        "rate_source": row.source if row else None,
        "rate_condition": row.condition if row else None,
        "rate_day": day,
        "price_class": price_class,
        "usd_per_accelerator_hour": found.usd_per_hour,
        "all_in_kw": found.all_in_kw,
        "usd_reason": found.usd_reason,
        "kw_reason": found.kw_reason,
    }


def economics(
    points: pd.DataFrame,
    rates: Rates,
    *,
    price_class: PriceClass = "neocloud",
    on: str | None = None,
    own: Mapping[str, OwnRate] | None = None,
    whole_run: bool = False,
    parts: Mapping[str, Hardware] | None = None,
) -> pd.DataFrame:
    """COLUMNS of each point, by its index; `priced` gives them beside the points.

    `points` has `night`, `vendor` and `product` (or `part`), and `{kind}_tps_per_accelerator` with `_low` and `_high`
    as `summarise_points`, `snapshot` and `at_target` give them; what is not there is null. `whole_run` takes
    the figures of the whole run. `absent` is a dictionary: figure to the reason why it is null, and `…_high` where an
    interval has no upper end. Rates as in `rates_of`.
    """
    found = rates_of(points, rates, price_class=price_class, on=on, own=own, parts=parts)
    suffix = "_whole_run" if whole_run else ""
    usd, power_kw = numbers(found, "usd_per_accelerator_hour"), numbers(found, "all_in_kw")
    sheet = _Sheet(points.index)
    for kind in KINDS:
        base = _ends(points, f"{kind}_tps_per_accelerator{suffix}")
        lack = _lack(base[0], f"no {kind} throughput of the {'whole run' if whole_run else 'steady window'}")
        priced, powered = (lack.where(lack != "", found[name]) for name in ("usd_reason", "kw_reason"))
        sheet.falling(f"{kind}_usd_per_mtok", usd * MILLION / HOUR_S, base, priced)
        sheet.rising(f"{kind}_provisioned_tps_per_mw", 1000 / power_kw, base, powered)
        sheet.falling(f"{kind}_provisioned_j_per_token", power_kw * 1000, base, powered)
        energy, unknown = _energy(points, kind)
        sheet.rising(f"{kind}_measured_j_per_token", pd.Series(1.0, index=points.index), energy, unknown)
        sheet.falling(f"{kind}_measured_tps_per_mw", pd.Series(MILLION, index=points.index), energy, unknown)
    return pd.concat([found[list(RATE_COLUMNS)], sheet.frame()], axis=1)[list(COLUMNS)]


def priced(points: pd.DataFrame, rates: Rates, **asked: Any) -> pd.DataFrame:
    """The points with `economics` beside them, which takes what is `asked`; its columns go before others of a name."""
    found = economics(points, rates, **asked)
    return pd.concat([points.drop(columns=[name for name in found if name in points]), found], axis=1)


_Ends = tuple[pd.Series, pd.Series, pd.Series]


def _ends(points: pd.DataFrame, name: str) -> _Ends:
    """A figure and both ends of its interval."""
    return numbers(points, name), numbers(points, f"{name}_low"), numbers(points, f"{name}_high")


def _lack(value: pd.Series, reason: str) -> pd.Series:
    return pd.Series(np.where(value.isna(), reason, ""), index=value.index, dtype="object")


def _energy(points: pd.DataFrame, kind: str) -> tuple[_Ends, pd.Series]:
    """Measured joules a token of a kind, from those an output token: every request has its input in full, and the mean
    output that the server counted. The interval is the energy's; the lengths are taken as known."""
    value, low, high = _ends(points, _ENERGY)
    lack = _lack(value, "energy was not measured")
    if kind == "output":
        return (value, low, high), lack
    taken, given = numbers(points, "isl_tokens"), numbers(points, "output_tokens_mean")
    share = given / (taken + given) if kind == "total" else given / taken
    unknown = share.isna() | ~np.isfinite(share)
    lack = lack.where((lack != "") | ~unknown, "input or output tokens of a request are not known")
    return (value * share, low * share, high * share), lack


class _Sheet:
    """Figures as they are filled in: three columns each, and the reasons of nulls."""

    def __init__(self, index: pd.Index) -> None:
        self._index = index
        self._columns: dict[str, pd.Series] = {}
        self._absent: list[dict[str, str]] = [{} for _ in index]

    def rising(self, name: str, factor: pd.Series, base: _Ends, reason: pd.Series) -> None:
        """factor × base."""
        self._put(name, tuple(factor * one for one in base), reason)  # type: ignore[arg-type]

    def falling(self, name: str, factor: pd.Series, base: _Ends, reason: pd.Series) -> None:
        """factor / base: the upper end is of the lower base. Of a base of 0 or less there is none, rather than ∞."""
        value, low, high = base
        reason = reason.where((reason != "") | ~(value <= 0), "the figure it is divided by is 0")
        endless = (low <= 0) & value.notna() & (reason == "")
        for at in np.flatnonzero(endless):
            self._absent[at][f"{name}_high"] = "the interval of the figure it is divided by reaches 0"
        turned = (factor / one.where(one > 0) for one in (value, high, low))
        self._put(name, tuple(turned), reason)  # type: ignore[arg-type]

    def _put(self, name: str, ends: _Ends, reason: pd.Series) -> None:
        known = reason == ""
        for end, column in zip(("", "_low", "_high"), ends, strict=True):
            self._columns[f"{name}{end}"] = column.where(known)
        words = reason.to_numpy()
        for at in np.flatnonzero(~known.to_numpy()):
            self._absent[at][name] = str(words[at])

    def frame(self) -> pd.DataFrame:
        """All of them, and `absent`."""
        absent = pd.Series(self._absent, index=self._index, dtype="object")
        return pd.DataFrame({**self._columns, "absent": absent}, index=self._index)
