"""What a night's name says: its date, and which nights a grid's own cadence lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from statistics import median

from enginebench.records.base import record

_DATE = len("2026-11-24")


@record
class Gap:
    """Nights that are not there, between two that are."""

    after: date
    """The night before them."""
    before: date
    """The night after them."""
    every_days: float
    """Usual distance of the nights, the median."""
    missed: int
    """How many are missing at that distance, 1 or more."""

    def first_and_last(self) -> tuple[date, date]:
        """When the first and the last of them were due."""
        step = timedelta(days=round(self.every_days))
        return self.after + step, self.before - step


def date_of(night: str) -> date | None:
    """The date with which a night's name begins, whatever stands behind it; null: it begins with none."""
    try:
        return date.fromisoformat(night[:_DATE])
    except ValueError:
        return None


def days_between(first: str, last: str) -> int | None:
    """Days from one night to another; null where one has no date."""
    one, other = date_of(first), date_of(last)
    return None if one is None or other is None else (other - one).days


def gaps(nights: Iterable[str]) -> tuple[Gap, ...]:
    """Where nights are missing among those of these names, by their usual distance: a weekly grid misses weeks.

    Three nights at least tell the usual distance. Names without a date are left out, and nights to come are not missed.
    """
    days = sorted({day for night in nights if (day := date_of(night)) is not None})
    apart = [(after - before).days for before, after in pairwise(days)]
    if len(apart) < 2:
        return ()
    every = float(median(apart))
    return tuple(
        Gap(after=one, before=other, every_days=every, missed=missed)
        for one, other in pairwise(days)
        if (missed := round((other - one).days / every) - 1) > 0
    )
