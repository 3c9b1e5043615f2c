"""Sizes that the page reckons for a reader's traffic, limits and prices: figures, reasons and words are Python's."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from enginebench import config
from enginebench.analysis.economics import OwnRate
from enginebench.analysis.interpolation import read
from enginebench.analysis.sizing import Demand, size
from enginebench.records import Limit, Objective
from enginebench.site import build
from stored import a_run, a_store, a_trial

SIZED = """async (cases) => {
  for (const one of ["economics", "pareto", "interpolation", "sizing"]) await EB.script(`parts/${one}.js`);
  const rates = await EB.load("rates");
  const sized = ({ points, demand, pricing, whole }) => EB.size(points, demand, { rates, pricing, whole });
  return cases.map((one) => sized(one).map((row) => ({
    curve: row.first.curve, rests: row.on.map((point) => point.id), figures: row.figures, basis: row.basis,
    limited: row.limitedBy, words: row.words, absent: row.absent, night: row.night, left: row.leftOut,
    rate: row.price.id, traffic: row.traffic,
    sure: row.kept?.sure ?? null, joint: row.kept?.joint ?? null,
  })));
}"""
READ = """async (curves) => {
  await EB.script("parts/interpolation.js");
  return curves.map(({ rows, target }) => {
    const found = EB.read(rows, (row) => row.x, (row) => row.y, target);
    return [found.value, found.low, found.high, found.points.map((row) => row.id)];
  });
}"""
SHARES = {0.5: "p50", 0.9: "p90", 0.99: "p99"}
MS = 1_000_000
ENDS = ("", "_low", "_high")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sizing")
    return build(a_store(folder / "store", a_trial("t", [a_run(0)])), folder / "site").parent


def four(draw: random.Random, centre: float | None, *, n: int = 3) -> list[Any]:
    if centre is None:
        return [None, None, None, draw.choice([0, 0, n - 1])]
    around = draw.random() < 0.6
    reach = draw.uniform(0.01, 0.2)
    low = draw.choice([centre * (1 - reach)] * 9 + [0.0]) if around else None
    return [centre, low, centre * (1 + reach) if around else None, n]


def a_curve(draw: random.Random, name: str) -> list[dict[str, Any]]:
    """Points of one deployment over its loads: mostly slower and fuller with load, with gaps and freaks."""
    foreign, loads = draw.random() < 0.2, sorted(draw.sample(range(1, 64), draw.randint(1, 6)))
    once = {
        "curve": name,
        "host": draw.choice(["h1", "h2"]),
        "load_kind": draw.choice(["closed", "closed", "open"]),
        "tool": "other" if foreign else "",
        "devices": draw.choice([1, 2, 8]),
        "part": draw.choice(["h100-sxm", "b200", "mi300x", None]),
    }
    speed, latency = draw.uniform(0.2, 20), draw.uniform(20, 400)
    return [a_point(draw, once, load, speed, latency) for load in loads]


def a_point(draw: random.Random, once: dict[str, Any], load: int, speed: float, latency: float) -> dict[str, Any]:
    closed = once["load_kind"] == "closed"
    served = draw.choice([None] + [speed * load / (1 + load / 20) * draw.uniform(0.8, 1.2)] * 14)
    success = draw.choice([100.0] * 24 + [draw.uniform(85, 99.9), None])
    values = {"success_share": four(draw, success) if success is not None else [None, None, None, 0]}
    for span, factor in (("", 1.0), ("_whole_run", 0.9)):
        tokens = None if served is None else served * factor * 100 / once["devices"]
        rate = None if served is None or once["tool"] else served * factor
        values |= {
            f"requests_rps{span}": four(draw, rate),
            f"output_tps_per_accelerator{span}": four(draw, draw.choice([tokens, tokens, None])),
            f"total_tps_per_accelerator{span}": four(draw, None if tokens is None else 10 * tokens),
        }
    for metric, share in (("ttft", 1.0), ("tpot", 0.1), ("e2el", 9.0)):
        base = latency * share * (1 + load / 30) * draw.uniform(0.9, 1.1)
        for short, more in (("p50", 1.0), ("p90", 1.5), ("p99", 2.2)):
            for which in ("", "_all"):
                gone = draw.random() < (0.015 if which else 0.05)
                values[f"{metric}_{short}{which}_ns"] = four(draw, None if gone else base * more)
    return once | {
        "load": f"c{load}" if closed else f"r{load}",
        "concurrency": load if closed else None,
        "rate_rps": None if closed else load / 2,
        "model": "m",
        "workload": "w",
        "isl_tokens": 900,
        "osl_tokens": 100,
        "night": draw.choice(["2026-01-01", "2026-05-02", "2026-11-24"]),
        "trials": [f"t{load}"],
        "marks": draw.choice([[]] * 12 + [["client_bound"]]),
        "failed_quality": draw.random() < 0.06,
        "invalid": False,
        "reproduces": None,
        "values": values,
    }


def a_demand(draw: random.Random) -> dict[str, Any]:
    metrics = draw.sample(["ttft", "tpot", "e2el"], draw.randint(1, 3))
    typical = {"ttft": 300.0, "tpot": 30.0, "e2el": 3000.0}
    limits = [
        {
            "metric": metric,
            "at_most_ms": float(round(typical[metric] * draw.uniform(0.4, 5))),
            "share": draw.choice([0.5, 0.9, 0.99, 0.99, 0.95]),
        }
        for metric in metrics
    ]
    together = draw.choice([None, None, None, 0.4, 0.9, 0.95])
    for limit in limits if together else ():
        limit["share"] = draw.choice([0.5, limit["share"]])
    tokens = draw.random() < 0.3
    return {
        "limits": limits,
        "together": together,
        "rate_rps": None if tokens else draw.uniform(0.1, 500),
        "output_tps": draw.uniform(10, 50_000) if tokens else None,
        "utilisation": draw.choice([0.5, 0.8, 1.0]),
        "spare": draw.choice([0, 1, 2]),
    }


def as_frame(points: list[dict[str, Any]]) -> pd.DataFrame:
    rows = []
    for point in points:
        row = {name: value for name, value in point.items() if name != "values"}
        for name, (centre, low, high, n) in point["values"].items():
            scale = MS if name.endswith("_ns") else 0.01 if name == "success_share" else 1
            for end, value in zip(ENDS, (centre, low, high), strict=True):
                row[f"{name}{end}"] = None if value is None else value * scale
            row[f"{name}_n"] = n
        rows.append(row)
    return pd.DataFrame(rows, index=[point["id"] for point in points])


def of_python(case: dict[str, Any]) -> list[dict[str, Any]]:
    asked, pricing = case["demand"], case["pricing"]
    limits = tuple(
        Limit(metric=one["metric"], at_most_ns=int(one["at_most_ms"] * MS), share=one["share"])
        for one in asked["limits"]
    )
    demand = Demand(
        model="m",
        objective=Objective(name="ours", limits=limits, goodput_share=asked["together"]),
        workload="w",
        **{name: asked[name] for name in ("rate_rps", "output_tps", "utilisation", "spare")},
    )
    own = {part: OwnRate(usd_per_hour=one.get("usd"), all_in_kw=one.get("kw")) for part, one in pricing["own"].items()}
    words = {"price_class": pricing["price"], "on": pricing["on"], "own": own, "whole_run": case["whole"]}
    table = size(as_frame(case["points"]), demand, config.rates(), **words)
    return table.astype(object).where(table.notna(), None).to_dict("records")


FIGURES = ("deployment_rps", "replicas", "deployments", "accelerators", "usd_per_month", "kw")
FIGURES += tuple(f"{kind}_usd_per_mtok" for kind in ("total", "input", "output"))


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9)


def test_every_size_reason_and_word_is_pythons(opened, site):
    draw = random.Random(11)
    cases = []
    for number in range(150):
        points = [point for at in range(draw.randint(1, 4)) for point in a_curve(draw, f"k{number}-{at}")]
        for at, point in enumerate(points):
            point["id"] = f"p{at}"
        own = draw.choice([{}, {"b200": {"usd": 4.5}}, {"h100-sxm": {"usd": 0.9, "kw": 1.0}, "mi300x": {"kw": 2.0}}])
        pricing = {
            "price": draw.choice(["neocloud", "rental", "hyperscaler"]),
            "on": draw.choice([None, "2026-09-09"]),
            "own": own,
        }
        whole = draw.random() < 0.3
        cases.append({"points": points, "demand": a_demand(draw), "pricing": pricing, "whole": whole})
    reckoned = opened(site, "#/methods").evaluate(SIZED, cases)
    met: dict[str, int] = {}
    for case, rows in zip(cases, reckoned, strict=True):
        truth = of_python(case)
        assert [row["curve"] for row in rows] == [row["curve"] for row in truth]
        for row, found in zip(truth, rows, strict=True):
            for name in FIGURES:
                assert found["figures"][name] == [near(row[f"{name}{end}"]) for end in ENDS], name
            assert found["absent"] == row["absent"]
            assert (found["basis"], found["limited"]) == (row["basis"], row["limited_by"])
            assert (found["words"], found["rests"]) == (row["limit_words"], row["rests_on"])
            assert (found["night"], found["rate"], found["left"]) == (row["night"], row["rate"], row["left_out"])
            assert (found["sure"], found["traffic"]) == (row["sure"], near(row["traffic_rps"]))
            assert (found["joint"] or [None, None]) == [near(row["joint_low"]), near(row["joint_high"])]
            for key in (row["basis"], row["limited_by"]):
                met[key] = met.get(key, 0) + 1
    # The random choices reach every kind of answer.
    kinds = {"measured", "between", "none", "ttft", "tpot", "e2el", "joint", "highest load measured"}
    kinds |= {"throughput peaks", "not judged", "no load meets it", "left out"}
    assert set(met) == kinds
    assert met["between"] >= 10


def test_every_reading_between_points_is_pythons(opened, site):
    draw = random.Random(5)
    curves = []
    for _ in range(400):
        rows = []
        for at in range(draw.randint(1, 7)):
            x, y = draw.choice([draw.uniform(1, 100), float(draw.randint(1, 9))]), draw.uniform(-5, 100)
            rows.append({"id": f"p{at}", "x": four(draw, x)[:3], "y": four(draw, y)[:3]})
        target = draw.choice([draw.uniform(0, 110), draw.choice(rows)["x"][0], draw.uniform(3, 50)])
        curves.append({"rows": rows, "target": target})
    found = opened(site, "#/methods").evaluate(READ, curves)
    between = 0
    for curve, (value, low, high, on) in zip(curves, found, strict=True):
        columns = {
            f"{axis}{end}": [row[axis][place] for row in curve["rows"]]
            for axis in "xy"
            for place, end in enumerate(ENDS)
        }
        frame = pd.DataFrame(columns, index=[row["id"] for row in curve["rows"]])
        truth = read(frame, "x", "y", curve["target"])
        expected = [None if one is None or np.isnan(one) else one for one in (truth.value, truth.low, truth.high)]
        assert [value, low, high] == [
            None if one is None else pytest.approx(one, rel=1e-9, abs=1e-9) for one in expected
        ]
        assert on == list(truth.points)
        between += len(on) > 1
    assert between > 100
