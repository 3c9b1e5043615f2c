"""The noise doctor: each level's share where it is known, and advice that does halve the interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t

from builders import a_run
from enginebench.analysis.noise import LEVELS, diagnose, request_variances
from simulated_runs import RATE, simulated


def of(runs, requests=None):
    """The diagnosis of load c8, and its levels by name."""
    runs = runs[runs["load"] == "c8"]
    (found,) = diagnose(runs, RATE, requests or {}, {runs["series"].iloc[0]: "c8"})
    assert tuple(one.name for one in found.levels) == LEVELS
    return found, {one.name: one for one in found.levels}


def over_nights(runs, deviation, nights=40):
    """The same with starts spread over nights, each with an effect of its own."""
    night = runs["start"] % nights
    effects = np.random.default_rng(3).normal(0, deviation, nights)
    return runs.assign(
        night=[f"2026-{n // 28 + 1:02}-{n % 28 + 1:02}" for n in night], **{RATE: runs[RATE] * np.exp(effects[night])}
    )


def test_starts_and_repeats_have_their_shares_and_versions_none():
    runs = simulated(starts=(120, 120), start_noise=0.03, repeat_noise=0.01, step=0.5)
    found, levels = of(runs)
    assert levels["starts"].share == pytest.approx(0.9, abs=0.04)
    assert levels["repeats"].deviation == pytest.approx(0.01, rel=0.15)
    assert [levels[name].deviation for name in ("hosts", "nights", "requests")] == [None] * 3
    assert (found.starts, found.repeats, levels["starts"].df) == (120, 3, 238)


def test_nights_have_their_own():
    _, levels = of(over_nights(simulated(starts=(160, 0), start_noise=0.01, repeat_noise=0.01), 0.03))
    assert levels["nights"].deviation == pytest.approx(0.03, rel=0.3)
    assert levels["starts"].deviation == pytest.approx(0.01, rel=0.3)


def test_what_requests_explain_is_taken_from_the_level_they_hide_in():
    runs = simulated(starts=(100, 0), start_noise=0.01, repeat_noise=0.02)
    _, levels = of(runs, dict.fromkeys(runs["run"], 0.015**2))
    assert levels["requests"].deviation == pytest.approx(0.015)
    assert levels["repeats"].deviation == pytest.approx(math.sqrt(0.02**2 - 0.015**2), rel=0.2)
    _, levels = of(runs, dict.fromkeys(runs["run"], 1.0))
    assert levels["repeats"].deviation == 0, "no more than there is"
    assert levels["requests"].deviation == pytest.approx(0.02, rel=0.1)


def test_the_interval_is_that_of_the_median_starts_and_repeats():
    found, levels = of(simulated(starts=(4, 4), repeats=2))
    variance = levels["starts"].deviation ** 2 + levels["repeats"].deviation ** 2 / 2
    assert found.half_width == pytest.approx(t.ppf(0.975, 3) * math.sqrt(variance / 4))


def test_starts_that_are_advised_are_the_fewest_that_halve_it():
    found, levels = of(simulated(starts=(4, 4), repeats=2))
    more = int(found.advice[0].split(" server starts instead of 4")[0])
    variance = levels["starts"].deviation ** 2 + levels["repeats"].deviation ** 2 / 2
    half = [t.ppf(0.975, n - 1) * math.sqrt(variance / n) for n in (more - 1, more)]
    assert half[1] <= found.half_width / 2 < half[0]


def test_repeats_halve_it_where_they_are_the_noise_and_not_where_starts_are():
    found, _ = of(simulated(starts=(60, 60), repeats=2, start_noise=0.0, repeat_noise=0.02, seed=4))
    assert found.advice[1].endswith(" repeats a start instead of 2")
    assert 8 <= int(found.advice[1].split()[0]) <= 12
    found, _ = of(simulated(starts=(60, 60), repeats=2, start_noise=0.02, repeat_noise=0.01))
    assert found.advice[1].startswith("not by repeats: ")


def test_requests_halve_it_where_they_are_the_noise():
    runs = simulated(starts=(60, 60), repeats=1, start_noise=0.0, repeat_noise=0.02)
    found, levels = of(runs, dict.fromkeys(runs["run"], 0.0199**2))
    assert levels["repeats"].deviation is None
    assert any(line.endswith(" times the requests a run") for line in found.advice)


def test_nights_that_are_the_noise_are_to_be_shared_by_both_sides():
    found, _ = of(over_nights(simulated(starts=(160, 0), start_noise=0.01, repeat_noise=0.01), 0.03))
    assert found.advice[-1].startswith("nights are ")
    assert "both sides in one night" in found.advice[-1]


def test_one_start_has_no_interval_and_one_run_no_noise():
    runs = simulated(starts=(1, 1))
    found, levels = of(runs)
    assert (found.half_width, levels["starts"].deviation) == (None, None)
    assert found.advice == ("measure two server starts or more of a version: an interval needs them",)
    lonely = simulated(starts=(1, 0), repeats=1)
    assert diagnose(lonely, RATE, {}, {lonely["series"][0]: "c1"}) == ()
    assert diagnose(runs.assign(marks=lambda all_: [["stolen"]] * len(all_)), RATE, {}, {"x": "c1"}) == ()


def test_a_run_tells_its_requests_variance_by_its_interval():
    told = a_run(id="a", intervals={RATE: (90.0, 110.0), "other": (1.0, 2.0)})
    found = request_variances([told, a_run(id="b"), a_run(id="c", intervals={RATE: (0.0, 1.0)})], RATE)
    assert found == {"a": pytest.approx((math.log(110 / 90) / 3.92) ** 2)}
