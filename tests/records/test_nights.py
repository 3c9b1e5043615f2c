"""A night's name as a date, and what a grid's own cadence lacks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from enginebench.records.nights import date_of, days_between, gaps


def nights(*days, first=date(2026, 1, 1)):
    return [str(first + timedelta(days=day)) for day in days]


@pytest.mark.parametrize(
    ("night", "day"),
    [
        ("2026-11-24", date(2026, 11, 24)),
        ("2026-11-24-b200", date(2026, 11, 24)),
        ("2026-11-24T03:00", date(2026, 11, 24)),
        ("2026-11-31", None),
        ("release", None),
        ("", None),
    ],
)
def test_a_night_is_of_the_date_that_its_name_begins_with(night, day):
    assert date_of(night) == day


def test_days_lie_between_nights_that_have_dates():
    assert days_between("2026-11-24", "2026-12-01-again") == 7
    assert days_between("2026-11-24", "release") is None


def test_a_daily_grid_misses_days():
    (gap,) = gaps(nights(0, 1, 2, 5, 6))
    assert (gap.after, gap.before, gap.missed, gap.every_days) == (date(2026, 1, 3), date(2026, 1, 6), 2, 1.0)
    assert gap.first_and_last() == (date(2026, 1, 4), date(2026, 1, 5))


def test_a_weekly_grid_misses_weeks_and_not_days():
    assert gaps(nights(0, 7, 14, 22, 28)) == ()
    (gap,) = gaps(nights(0, 7, 14, 28, 35))
    assert (gap.missed, gap.first_and_last()) == (1, (date(2026, 1, 22), date(2026, 1, 22)))


def test_two_nights_tell_no_cadence_and_names_without_dates_are_left_out():
    assert gaps(nights(0, 9)) == ()
    assert gaps([*nights(0, 1, 2), "release", *nights(3)]) == ()
    assert gaps([*nights(0, 1), "2026-01-02-again", *nights(2)]) == ()
