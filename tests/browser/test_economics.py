"""Costs that the page reckons with a reader's prices: the same figures and reasons as Python's."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from enginebench import config
from enginebench.analysis.economics import FIGURES, OwnRate, economics
from enginebench.site import build
from sites import piece
from stored import a_run, a_store, a_trial

RECKONED = """async ({ points, on, price, own, whole }) => {
  await EB.script("parts/economics.js");
  const rates = await EB.load("rates"), names = Object.keys(rates.figures);
  return points.map((point) => {
    const rate = EB.rateOf(rates, point.part, point.night, { price, on, own });
    return { rate, figures: Object.fromEntries(names.map((name) => [name, EB.costOf(point, name, rate, whole)])) };
  });
}"""
READ = """async (words) => {
  await EB.script("parts/economics.js");
  const given = new URLSearchParams(words);
  return EB.pricing({ get: (key) => given.get(key), list: (key) => given.getAll(key) }, await EB.load("rates"));
}"""
PARTS = (*config.parts(), None)
BASES = [f"{kind}_tps_per_accelerator{end}" for kind in ("total", "input", "output") for end in ("", "_whole_run")]
BASES += ["energy_j_per_output_token", "output_tokens_mean"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("economics")
    return build(a_store(folder / "store", a_trial("t", [a_run(0)])), folder / "site").parent


def a_point(draw: random.Random) -> dict[str, object]:
    values = {}
    for name in BASES:
        centre = draw.choice([None, 0.0, *[draw.uniform(0.01, 5000) for _ in range(8)]])
        around = centre is not None and draw.random() < 0.7
        low, high = (centre * 0.9, centre * 1.2) if around else (None, None)
        values[name] = [centre, draw.choice([low, low, 0.0]) if around else None, high, draw.randint(1, 5)]
    return {
        "night": draw.choice(["2026-01-02", "2026-04-01", "2026-07-31", "2026-08-01", "2026-11-24", "last night"]),
        "part": draw.choice(PARTS),
        "isl_tokens": draw.choice([None, 128, 1024]),
        "values": values,
    }


def as_frame(points: list[dict[str, object]]) -> pd.DataFrame:
    rows = []
    for point in points:
        row = {name: point[name] for name in ("night", "part", "isl_tokens")}
        for name, (centre, low, high, _) in point["values"].items():
            row |= {name: centre, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("price", "on", "whole", "own"),
    [
        ("neocloud", None, False, {}),
        ("rental", None, True, {"h100-sxm": {"usd": 9.0}, "cpu": {"usd": 0.5, "kw": 0.2}, "b300": {"kw": 3.0}}),
        ("hyperscaler", "2026-05-05", False, {"mi300x": {"kw": 1.0}}),
    ],
)
def test_every_figure_interval_and_reason_is_pythons(opened, site, price, on, whole, own):
    draw = random.Random(7)
    points = [a_point(draw) for _ in range(400)]
    asked = {"points": points, "on": on, "price": price, "own": own, "whole": whole}
    reckoned = opened(site, "#/methods").evaluate(RECKONED, asked)
    mine = {part: OwnRate(usd_per_hour=one.get("usd"), all_in_kw=one.get("kw")) for part, one in own.items()}
    truth = economics(as_frame(points), config.rates(), price_class=price, on=on, own=mine, whole_run=whole)
    given = 0
    for row, found in zip(truth.astype(object).where(truth.notna(), None).to_dict("records"), reckoned, strict=True):
        rate = found["rate"]
        assert rate["source"] == row["rate_source"]
        assert (rate["since"], rate["id"]) == (row["rate_since"], row["rate"])
        for name in FIGURES:
            ends = [row[name + end] for end in ("", "_low", "_high")]
            four = found["figures"][name]["four"]
            assert four[:3] == [end if end is None else pytest.approx(end, rel=1e-12) for end in ends]
            assert found["figures"][name]["reason"] == row["absent"].get(name, "")
            given += four[0] is not None
    assert given > 1000


def test_prices_are_read_from_the_address_and_nonsense_in_it_is_left_out(opened, site):
    page = opened(site, "#/methods")
    words = "price=rental&rates_on=2026-05-01&usd=h100-sxm:2.5&usd=b200:x&usd=b300:-1&kw=h100-sxm:1.1"
    assert page.evaluate(READ, words) == {
        "price": "rental",
        "on": "2026-05-01",
        "own": {"h100-sxm": {"usd": 2.5, "kw": 1.1}},
    }
    assert page.evaluate(READ, "price=cheap&rates_on=2026-02-30") == {"price": "neocloud", "on": None, "own": {}}


def test_the_rates_of_the_pages_are_those_of_the_file(site):
    told, held = piece(site, "rates"), config.rates()
    assert set(told["parts"]) == set(config.parts())
    for part, rows in held.rows.items():
        assert [row["id"] for row in told["parts"][part]["rows"]] == [row.id for row in rows]
        assert [row["usd_per_hour"] for row in told["parts"][part]["rows"]] == [dict(row.usd_per_hour) for row in rows]
