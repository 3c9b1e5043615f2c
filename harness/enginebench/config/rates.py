"""Prices and power of accelerators by date: `configs/rates.yaml`. A rate holds from its date on, never before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, get_args

from annotated_types import Gt, MinLen

from enginebench.config.check import build, in_order, nearest
from enginebench.config.documents import Document, load
from enginebench.errors import Mistake, UserError
from enginebench.records import record

PriceClass = Literal["hyperscaler", "neocloud", "rental"]
"""Who sells the accelerator-hour."""
PRICE_CLASSES: tuple[PriceClass, ...] = get_args(PriceClass)
"""All of them."""


@record
class PartRate:
    """What one part costs and draws, as a list in the file has it."""

    hyperscaler_usd: Annotated[float, Gt(0)] | None = None
    """US dollars an accelerator-hour at one of the great clouds; null: not known."""
    neocloud_usd: Annotated[float, Gt(0)] | None = None
    """US dollars an accelerator-hour at a cloud of accelerators; null: not known."""
    rental_usd: Annotated[float, Gt(0)] | None = None
    """US dollars an accelerator-hour rented on the open market; null: not known."""
    all_in_kw: Annotated[float, Gt(0)] | None = None
    """Power provisioned for one accelerator with its share of host, network, cooling, losses, kW; null: unknown."""


@record
class RateList:
    """Rates of several parts that were read in one place."""

    since: Annotated[str, MinLen(1)]
    """First day that they hold for, `2026-08-01`."""
    source: Annotated[str, MinLen(1)]
    """Where they were read."""
    condition: str | None = None
    """What they hold for; null: without condition."""
    parts: Annotated[Mapping[str, PartRate], MinLen(1)]
    """Part, a name of `configs/hardware`, to its rates."""


@record
class RatesFile:
    """The whole file."""

    lists: Annotated[tuple[RateList, ...], MinLen(1)]
    """The lists, in any order."""


@record
class RateRow:
    """The rates of one part from one day on."""

    id: str
    """`h100-sxm@2026-08-01`; `own` for prices that a reader gave."""
    part: str
    """The part, a name of `configs/hardware`."""
    since: str
    """First day that it holds for; empty: for every day."""
    usd_per_hour: Mapping[PriceClass, float]
    """Kind of seller to US dollars an accelerator-hour; those that are not known are left out."""
    all_in_kw: float | None
    """Power provisioned for one accelerator, kW; null: not known."""
    source: str
    """Where it was read."""
    condition: str | None = None
    """What it holds for; null: without condition."""


@record
class InForce:
    """What holds for a part on a day; each null has its reason."""

    row: RateRow | None
    """The row; null: there is none."""
    usd_per_hour: float | None
    """US dollars an accelerator-hour."""
    all_in_kw: float | None
    """kW of one accelerator, all in."""
    usd_reason: str
    """Why there is no price; empty: there is one."""
    kw_reason: str
    """Why there is no power; empty: there is one."""


@record
class Rates:
    """Every rate known, by part."""

    rows: Mapping[str, tuple[RateRow, ...]]
    """Part to its rows, the oldest first."""

    def on(self, part: str | None, price_class: PriceClass, day: str) -> InForce:
        """What holds for a part on a day (`2026-11-24`): the newest row that is not younger. A row is whole: what it
        does not say is not taken from an older one."""
        row, reason = self._row(part, day)
        if row is None:
            return InForce(row=None, usd_per_hour=None, all_in_kw=None, usd_reason=reason, kw_reason=reason)
        usd = row.usd_per_hour.get(price_class)
        return InForce(
            row=row,
            usd_per_hour=usd,
            all_in_kw=row.all_in_kw,
            usd_reason="" if usd is not None else f"rate {row.id} has no {price_class} price",
            kw_reason="" if row.all_in_kw is not None else f"rate {row.id} has no power",
        )

    def _row(self, part: str | None, day: str) -> tuple[RateRow | None, str]:
        if part is None:
            return None, "the part is not one of configs/hardware"
        rows = self.rows.get(part)
        if not rows:
            return None, f"no rate for {part}"
        if not is_day(day):
            return None, f"`{day}` is no date, so no rate is in force"
        known = [row for row in rows if row.since <= day]
        return (known[-1], "") if known else (None, f"no rate for {part} before {rows[0].since}")


def is_day(text: str) -> bool:
    """Whether a text is a date as `2026-11-24`."""
    try:
        return len(text) == 10 and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def rate_on(rates: Rates, part: str | None, price_class: PriceClass, day: str) -> InForce:
    """`Rates.on` as a function: the row in force for a part at a night's date, or nulls with their reason."""
    return rates.on(part, price_class, day)


def read_rates(path: Path, parts: Iterable[str]) -> Rates:
    """The rates in `path` for `parts`, names of hardware; raises UserError with every mistake: a part that is not
    described, no date, a part twice from one day on, rates that say nothing."""
    document = load(path)
    file = build(RatesFile, document)
    mistakes = list(_mistakes(file, document, tuple(parts)))
    if mistakes:
        raise UserError(in_order(mistakes))
    rows: dict[str, list[RateRow]] = {}
    for one in file.lists:
        for part, rate in one.parts.items():
            rows.setdefault(part, []).append(_row(one, part, rate))
    return Rates(rows={part: tuple(sorted(found, key=lambda row: row.since)) for part, found in sorted(rows.items())})


def _row(one: RateList, part: str, rate: PartRate) -> RateRow:
    prices = {name: getattr(rate, f"{name}_usd") for name in PRICE_CLASSES}
    return RateRow(
        id=f"{part}@{one.since}",
        part=part,
        since=one.since,
        usd_per_hour={name: usd for name, usd in prices.items() if usd is not None},
        all_in_kw=rate.all_in_kw,
        source=one.source,
        condition=one.condition,
    )


def _mistakes(file: RatesFile, document: Document, known: tuple[str, ...]) -> Iterator[Mistake]:
    seen: dict[tuple[str, str], str] = {}
    for index, one in enumerate(file.lists):
        if not is_day(one.since):
            yield Mistake(
                place=document.place(("lists", index, "since")),
                problem=f"`lists.{index}.since` is `{one.since}`, no date",
                remedy="write it as 2026-08-01",
            )
        for part, rate in one.parts.items():
            place = document.place(("lists", index, "parts", part))
            if part not in known:
                yield Mistake(place=place, problem=f"no hardware `{part}`", remedy=nearest(part, known))
            if rate == PartRate():
                yield Mistake(
                    place=place, problem=f"the rate of {part} says nothing", remedy="give a price or all_in_kw"
                )
            if (part, one.since) in seen:
                yield Mistake(
                    place=place,
                    problem=f"{part} has a rate from {one.since} on already, in {seen[part, one.since]}",
                    remedy="keep one of them, or give the other its own date",
                )
            seen.setdefault((part, one.since), place)
