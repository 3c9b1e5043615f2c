"""Noise learned from starts of the same, and the starts that a verdict needs: against simulated verdicts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from enginebench.analysis.compare import FALSE_SHARE
from enginebench.analysis.power import SHARE, Noise, margin_for, needs, noise, power, starts_needed
from enginebench.intervals import welch
from simulated_runs import RATE, simulated


def found_in(effect, deviation, starts, tries=40_000):
    """Share of simulated pairs that get the verdict by what `compare` does."""
    draw = np.random.default_rng(starts)
    a, b = (draw.normal(mean, deviation, (tries, starts)) for mean in (0.0, math.log1p(effect)))
    found = welch(a, b)
    return np.mean((found.p <= FALSE_SHARE) & (found.difference >= math.log1p(margin_for(effect))))


@pytest.mark.parametrize("starts", [2, 3, 4, 6, 10])
@pytest.mark.parametrize(("effect", "deviation"), [(0.02, 0.01), (0.05, 0.01), (0.05, 0.03), (0.03, 0.002)])
def test_power_is_the_share_of_simulated_verdicts(effect, deviation, starts):
    assert power(effect, deviation, starts) == pytest.approx(found_in(effect, deviation, starts), abs=0.01)


def test_without_noise_every_difference_is_found():
    assert power(0.02, 0.0, 2) == 1


@pytest.mark.parametrize(("effect", "deviation"), [(0.02, 0.01), (0.03, 0.01), (0.05, 0.01), (0.05, 0.03)])
def test_the_starts_needed_are_the_fewest_that_find_it_in_four_of_five_tries(effect, deviation):
    starts = starts_needed(effect, Noise(start=deviation, repeat=None, starts=9, df=8), 1)
    assert power(effect, deviation, starts) >= SHARE > power(effect, deviation, starts - 1)


def test_repeats_lessen_their_own_noise_and_not_that_of_starts():
    shaky, restless = (Noise(start=a, repeat=b, starts=9, df=8) for a, b in ((0.0, 0.02), (0.02, 0.0)))
    assert starts_needed(0.03, shaky, 8) < starts_needed(0.03, shaky, 1)
    assert starts_needed(0.03, restless, 8) == starts_needed(0.03, restless, 1)


def test_more_starts_than_a_hundred_are_no_plan():
    assert starts_needed(0.02, Noise(start=0.2, repeat=0.1, starts=9, df=8), 3) is None


@pytest.mark.parametrize(("start", "repeat"), [(0.02, 0.01), (0.005, 0.03), (0.02, 0.0)])
def test_noise_is_learned_from_starts_of_one_version_and_not_from_what_versions_differ_in(start, repeat):
    runs = simulated(starts=(150, 150), repeats=3, start_noise=start, repeat_noise=repeat, step=0.3)
    known = noise(runs[runs["load"] == "c8"], RATE)
    assert known.start == pytest.approx(start, rel=0.15, abs=0.003)
    assert known.repeat == pytest.approx(repeat, rel=0.15, abs=1e-6)
    assert (known.starts, known.df) == (300, 298)


def test_starts_of_unlike_repeats_weigh_by_them():
    runs = simulated(starts=(400, 0), repeats=6, start_noise=0.01, repeat_noise=0.03)
    runs = runs[(runs["load"] == "c8") & ((runs["start"] % 2 == 0) | (runs["repeat"] == 0))]
    known = noise(runs, RATE)
    assert known.start == pytest.approx(0.01, abs=0.004)
    assert known.repeat == pytest.approx(0.03, rel=0.05)


def test_one_repeat_a_start_leaves_all_noise_with_the_starts():
    known = noise(
        simulated(starts=(200, 0), repeats=1, start_noise=0.01, repeat_noise=0.01).query("load == 'c8'"), RATE
    )
    assert known.repeat is None
    assert known.of_mean(1) == known.of_mean(5) == pytest.approx(0.01 * math.sqrt(2), rel=0.1)


def test_no_noise_is_known_of_single_starts_nor_of_spoilt_runs():
    single = simulated(starts=(1, 1)).query("load == 'c8'")
    assert noise(single, RATE) is None
    assert noise(single[:0], RATE) is None
    spoilt = simulated().query("load == 'c8'").assign(marks=lambda runs: [["neighbour"]] * len(runs))
    assert noise(spoilt, RATE) is None


def test_each_point_that_the_store_knows_has_its_need():
    runs = simulated(2, starts=(3, 3))
    names = dict(zip(runs["series"], runs["workload"] + " " + runs["load"], strict=True))
    found = needs(runs, {**names, "unknown": "w9 c1"}, RATE, 3)
    assert [one.point for one in found] == list(names.values())
    assert all(one.starts.keys() == {0.02, 0.03, 0.05} for one in found)
    assert all(one.starts[0.02] >= one.starts[0.05] for one in found)
