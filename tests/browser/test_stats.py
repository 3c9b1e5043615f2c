"""What the browser reckons itself, held against Python on random samples and random slices of simulated runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import PchipInterpolator

from enginebench.analysis.compare import compare
from enginebench.analysis.slices import parse
from enginebench.errors import UserError
from enginebench.intervals import welch
from enginebench.site import build
from enginebench.site.starts import METRICS, document, of_runs, rules
from simulated_runs import RATE, SPEED, simulated
from stored import a_run, a_store, a_trial

TTFT, GOODPUT = "ttft_mean_ns", "goodput_rps"


@pytest.fixture
def page(opened, tmp_path):
    site = build(a_store(tmp_path / "store", a_trial("t", [a_run(0)])), tmp_path / "site").parent
    page = opened(site, "#/methods")
    page.evaluate("EB.script('parts/stats.js').then(() => EB.script('parts/compare.js'))")
    return page


def test_students_t_is_scipys(page):
    draw = np.random.default_rng(1)
    asked = [(float(df), float(t)) for df, t in zip(draw.uniform(1, 200, 300), draw.normal(0, 6, 300), strict=True)]
    found = page.evaluate("(rows) => rows.map(([df, t]) => EB.stats.tBelow(df, t))", asked)
    assert found == [pytest.approx(stats.t.cdf(t, df), rel=1e-9, abs=1e-300) for df, t in asked]
    asked = [(df, float(p)) for (df, _), p in zip(asked, draw.uniform(0.001, 0.999, 300), strict=True)]
    found = page.evaluate("(rows) => rows.map(([df, p]) => EB.stats.tQuantile(df, p))", asked)
    assert found == [pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-9) for df, p in asked]


def test_welch_and_the_adjusted_p_are_pythons(page):
    draw = np.random.default_rng(2)
    pairs = [(draw.normal(0, 1, draw.integers(2, 8)), draw.normal(0.5, 2, draw.integers(2, 8))) for _ in range(200)]
    pairs += [(np.full(3, 1.5), np.full(3, value)) for value in (1.5, 2.5)]
    asked = [[list(map(float, one)) for one in pair] for pair in pairs]
    found = page.evaluate("(rows) => rows.map(([a, b]) => EB.stats.welch(a, b, 0.02))", asked)
    for one, (a, b) in zip(found, pairs, strict=True):
        ours = welch(a, b, within=0.02)
        for name, key in (("difference",) * 2, ("low",) * 2, ("high",) * 2, ("p",) * 2, ("p_beyond", "pBeyond")):
            assert one[key] == pytest.approx(float(getattr(ours, name)), rel=1e-8, abs=1e-12), name
    ps = [float(one) for one in draw.uniform(0, 1, 50) ** 3]
    assert page.evaluate("(ps) => EB.stats.adjusted(ps)", ps) == pytest.approx(list(stats.false_discovery_control(ps)))


def test_a_curve_between_its_knots_is_scipys(page):
    draw = np.random.default_rng(3)
    for count in (2, 3, 4, 7) * 10:
        x, y = np.cumsum(draw.uniform(0.1, 2, count)), draw.normal(0, 1, count)
        low, high = sorted(map(float, draw.uniform(x[0], x[-1], 2)))
        wanted = float(PchipInterpolator(x, y).integrate(low, high)) / (high - low)
        found = page.evaluate("(all) => EB.stats.curveMean(...all)", [x.tolist(), y.tolist(), low, high])
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def odd(seed):
    """A simulated store with all that a comparison must heed: marks, wrong answers, invalidated runs, reproductions,
    zeros, figures that lack, loads and starts that lack, nights, hosts, recipes."""
    draw = np.random.default_rng(seed)
    starts = tuple(int(one) for one in draw.integers(1, 5, 2))
    runs = simulated(
        int(draw.integers(1, 5)),
        starts=starts,
        repeats=int(draw.integers(1, 4)),
        start_noise=float(draw.choice([0.0, 0.002, 0.01, 0.04])),
        step=float(draw.choice([0.0, 0.01, -0.03, 0.1])),
        seed=seed,
    ).assign(invalid="")
    runs[GOODPUT] = np.maximum(draw.normal(1, 0.8, len(runs)), 0) if draw.random() < 0.5 else draw.uniform(1, 2)
    trials = runs["trial"].unique()
    nights = {one: f"2026-{draw.integers(10, 12)}-{draw.integers(10, 13)}" for one in trials}
    hosts = {one: str(draw.choice(["here", "there"])) for one in trials}
    runs["night"], runs["host"] = runs["trial"].map(nights), runs["trial"].map(hosts)
    runs.loc[runs["workload"] == "w1", "product"] = "Other GPU"
    runs["driver"] = runs["host"].map({"here": "550.1"}).astype("str")

    def some(share):
        return draw.random(len(runs)) < share

    drawn = draw.choice(["neighbour", "coarse_events"], len(runs))
    marks = [[str(mark)] if hit else [] for mark, hit in zip(drawn, some(0.1), strict=True)]
    wrong = set(draw.choice(trials, 1)) if draw.random() < 0.3 else set()
    runs["marks"] = [
        [*own, *["failed_quality"] * (one in wrong)] for own, one in zip(marks, runs["trial"], strict=True)
    ]
    runs.loc[some(0.03), "invalid"] = "the fan had failed (me)"
    runs.loc[runs["trial"].isin(draw.choice(trials, 1)) & (draw.random() < 0.3), "reproduces"] = "t"
    runs.loc[some(0.05), SPEED] = math.nan
    return runs[draw.random(len(runs)) > (0.15 if draw.random() < 0.5 else 0)].reset_index(drop=True)


SLICES = (
    ("engine_version=1.0", "engine_version=1.1"),
    ("engine_version=1.0,host=here", "engine_version=1.1,host=here|there"),
    ("night=..2026-10-31", "night=2026-11-01.."),
    ("product=Test GPU", "product=Other GPU"),
    ("workload=w0", "workload=w2"),
    ("workload=w0,concurrency=1..4", "workload=w0,concurrency=8.."),
    ("driver=none", "driver=550.1"),
    ("night=2026-10-10|2026-10-11", "night=2026-11-10..2026-11-12"),
    ("dummy_weights=true,start=0", "dummy_weights=true,start=1"),
)


def said(call):
    """What a comparison says, or that it is none: what must not differ."""
    try:
        found = call()
    except UserError:
        return None
    rows = {
        (one.kind, one.subject, one.curve, one.load, one.metric): (one.verdict, one.why, one.estimate, one.p_adjusted)
        for one in found.judged()
    }
    assert len(rows) == len(found.judged())
    return found, rows


COMPARED = """([piece, rules, a, b, metrics]) => {
  try {
    const starts = EB.startRows(piece);
    return EB.compare(starts, EB.slice(a, rules), EB.slice(b, rules), metrics, 0.02, rules);
  } catch (error) { return String(error.message); }
}"""


@pytest.mark.parametrize("tens", range(4))
def test_random_slices_get_the_verdicts_of_compare(page, tens):
    assert sum(compared_alike(page, tens * 10 + seed) for seed in range(10)) > 30


def compared_alike(page, seed):
    runs, told = odd(seed), 0
    starts, metrics = of_runs(runs), [RATE, SPEED, TTFT, GOODPUT]
    piece = document(starts, list(METRICS), [GOODPUT])
    for a, b in SLICES:
        ours = said(lambda a=a, b=b: compare(runs, parse(a), parse(b), metrics=metrics))
        theirs = page.evaluate(COMPARED, [piece, rules(runs), a, b, metrics])
        if ours is None:
            assert isinstance(theirs, str), (a, b)
            continue
        found, rows = ours
        assert not isinstance(theirs, str), theirs
        told += 1
        assert theirs["outcome"] == found.outcome()
        assert theirs["matched"] == found.matched
        assert theirs["leftOut"] == list(found.left_out)
        assert [(one["column"], one["a"], one["b"], one["asked"]) for one in theirs["differences"]] == [
            (one.column, list(one.a), list(one.b), one.asked) for one in found.differences
        ]
        same(theirs, rows)
    return told


def same(theirs, rows):
    judged = [*theirs["curves"], *theirs["points"]]
    assert len(judged) == len(rows)
    for one in judged:
        verdict, why, wanted, p = rows[one["kind"], one["subject"], one["curve"], one["load"], one["metric"]]
        assert (one["verdict"], one["why"]) == (verdict, why)
        if wanted is None:
            assert one["estimate"] is None
            continue
        # Logs come with nine digits behind the point: of small variances that leaves fewer of df and p.
        ours, close = one["estimate"], {"ratio": 1e-6, "low": 1e-6, "high": 1e-6, "p": 1e-4, "df": 1e-4}
        assert (ours["nA"], ours["nB"], ours["method"]) == (wanted.n_a, wanted.n_b, wanted.method)
        for name, rel in close.items():
            value = getattr(wanted, name)
            assert ours[name] == (value if value is None else pytest.approx(value, rel=rel, abs=1e-6)), name
        assert one["pAdjusted"] == (p if p is None else pytest.approx(p, rel=1e-4, abs=1e-9))
