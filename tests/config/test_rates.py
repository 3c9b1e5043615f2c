"""Prices and power by date: which row is in force, and what is wrong with a file."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enginebench import config
from enginebench.errors import UserError

OWN = """\
lists:
  - since: 2026-04-01
    source: a price list
    parts:
      h200-sxm: {rental_usd: 1.60, all_in_kw: 1.73}
  - since: 2026-08-01
    source: another
    condition: a year at least
    parts:
      h200-sxm: {rental_usd: 2.05, neocloud_usd: 1.59}
"""
DAYS = st.integers(0, 500).map(lambda days: (date(2026, 3, 1) + timedelta(days)).isoformat())


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "rates.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_rate_holds_from_its_day_on(own: Path) -> None:
    rates = config.read_rates(own)
    found = {day: rates.on("h200-sxm", "rental", day) for day in ("2026-04-01", "2026-07-31", "2026-08-01")}
    assert {day: (one.row.id, one.usd_per_hour) for day, one in found.items() if one.row} == {
        "2026-04-01": ("h200-sxm@2026-04-01", 1.60),
        "2026-07-31": ("h200-sxm@2026-04-01", 1.60),
        "2026-08-01": ("h200-sxm@2026-08-01", 2.05),
    }
    row = found["2026-08-01"].row
    assert row is not None
    assert (row.source, row.condition, row.since) == ("another", "a year at least", "2026-08-01")


def test_what_is_not_known_is_null_with_its_reason(own: Path) -> None:
    rates = config.read_rates(own)
    early = rates.on("h200-sxm", "rental", "2026-03-31")
    assert (early.row, early.usd_per_hour, early.all_in_kw) == (None, None, None)
    assert early.usd_reason == early.kw_reason == "no rate for h200-sxm before 2026-04-01"
    assert rates.on("b200", "rental", "2026-09-01").usd_reason == "no rate for b200"
    assert rates.on(None, "rental", "2026-09-01").usd_reason == "the part is not one of configs/hardware"
    assert rates.on("h200-sxm", "rental", "tuesday").usd_reason == "`tuesday` is no date, so no rate is in force"


def test_a_row_is_whole_and_borrows_nothing_from_an_older_one(own: Path) -> None:
    rates = config.read_rates(own)
    now = rates.on("h200-sxm", "hyperscaler", "2026-09-01")
    assert (now.usd_per_hour, now.usd_reason) == (None, "rate h200-sxm@2026-08-01 has no hyperscaler price")
    assert (now.all_in_kw, now.kw_reason) == (None, "rate h200-sxm@2026-08-01 has no power")


@given(day=DAYS, later=DAYS)
def test_a_later_row_never_restates_an_older_day(
    tmp_path_factory: pytest.TempPathFactory, day: str, later: str
) -> None:
    path = tmp_path_factory.mktemp("rates") / "rates.yaml"
    path.write_text(OWN, encoding="utf-8")
    before = config.read_rates(path).on("h200-sxm", "rental", day)
    if later in ("2026-04-01", "2026-08-01"):
        return
    more = f"  - since: {later}\n    source: new\n    parts:\n      h200-sxm: {{rental_usd: 9.99}}\n"
    path.write_text(OWN + more, encoding="utf-8")
    after = config.read_rates(path).on("h200-sxm", "rental", day)
    if day < later:
        assert after == before or (before.row is None and after.row is None)
    elif later > "2026-08-01":
        assert after.usd_per_hour == 9.99


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2026-08-01", "2026-04-01", "10: h200-sxm has a rate from 2026-04-01 on already, in {path}:5"),
        ("2026-08-01", "2026-02-30", "6: `lists.1.since` is `2026-02-30`, no date; write it as 2026-08-01"),
        (
            "h200-sxm: {rental_usd: 2.05",
            "h200-sx: {rental_usd: 2.05",
            "10: no hardware `h200-sx`; did you mean `h200-sxm`?",
        ),
        ("{rental_usd: 2.05, neocloud_usd: 1.59}", "{}", "10: the rate of h200-sxm says nothing; give a price or"),
        ("rental_usd: 2.05", "rental_usd: 0", "10: `lists.1.parts.h200-sxm.rental_usd` is 0; input should be greater"),
        ("rental_usd: 2.05", "rent_usd: 2.05", "10: unknown key `lists.1.parts.h200-sxm.rent_usd`; did you mean"),
    ],
)
def test_a_mistake_is_told_with_its_line(own: Path, old: str, new: str, words: str) -> None:
    own.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as error:
        config.read_rates(own)
    assert str(error.value).startswith(f"{own}:{words.format(path=own)}")


def test_every_mistake_of_a_file_is_told(own: Path) -> None:
    own.write_text(OWN.replace("2026-04-01", "April").replace("h200-sxm: {rental_usd: 2", "h9: {rental_usd: 2"))
    with pytest.raises(UserError) as error:
        config.read_rates(own)
    assert len(error.value.mistakes) == 2


def test_what_ships_is_dated_and_sourced() -> None:
    rates = config.rates()
    assert {row.source.startswith("constants of the InferenceX app") for rows in rates.rows.values() for row in rows}
    assert rates.on("h100-sxm", "neocloud", "2026-11-24").usd_per_hour == 1.55
    assert rates.on("h100-sxm", "neocloud", "2026-07-31").usd_per_hour == 1.69
    assert rates.on("b300", "neocloud", "2026-07-31").usd_reason == "no rate for b300 before 2026-08-01"
    assert rates.on("tpu7x", "neocloud", "2026-11-24").usd_reason == "rate tpu7x@2026-09-01 has no neocloud price"
    assert rates.on("tpu7x", "rental", "2026-11-24").all_in_kw == 1.207
