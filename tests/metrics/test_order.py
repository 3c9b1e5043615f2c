"""Intervals of percentiles hold what they claim, whatever the distribution: by simulation and by the binomial."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from enginebench.metrics import interval_ranks, needed_samples
from enginebench.metrics.order import mean_interval, rank

TRIES = 8000
DRAWS = {
    "lognormal": lambda draw, size: draw.lognormal(0.0, 1.0, size),
    "two humps": lambda draw, size: np.where(draw.random(size) < 0.8, 0.0, 10.0) + draw.normal(0.0, 1.0, size),
    "heavy tail": lambda draw, size: draw.pareto(1.1, size),
}


@pytest.mark.parametrize("draws", DRAWS)
@pytest.mark.parametrize(
    ("share", "count"), [(0.5, 6), (0.5, 41), (0.9, 29), (0.9, 150), (0.99, 299), (0.99, 600), (0.1, 64)]
)
def test_an_interval_holds_the_true_percentile_in_95_runs_of_100(draws, share, count):
    many = np.sort(DRAWS[draws](np.random.default_rng(1), 2_000_000))
    truth = many[rank(len(many), share)]
    runs = np.sort(DRAWS[draws](np.random.default_rng(4), (TRIES, count)), axis=1)
    low, high = interval_ranks(count, share)
    held = np.mean((runs[:, low] <= truth) & (truth <= runs[:, high]))
    # Three standard deviations of the simulation.
    assert held >= 0.95 - 0.0075
    assert held <= binom.cdf(high, count, share) - binom.cdf(low, count, share) + 0.015


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.1, 0.01])
def test_ranks_are_the_narrowest_that_leave_half_the_risk_on_either_side_where_they_can(share):
    for count in (needed_samples(share), 400, 1000, 12_345, 1_000_000):
        low, high = interval_ranks(count, share)
        assert 0 <= low <= rank(count, share) <= high < count
        below, above = binom.cdf(low, count, share), binom.sf(high, count, share)
        assert below + above <= 0.05 + 1e-9
        if max(share**count, (1 - share) ** count) < 0.025:
            assert below <= 0.025 < binom.cdf(low + 1, count, share)
            assert above <= 0.025 < binom.sf(high - 1, count, share)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.1, 0.01])
def test_there_is_an_interval_from_the_needed_samples_on_and_not_before(share):
    needed = needed_samples(share)
    assert interval_ranks(needed, share) is not None
    assert interval_ranks(needed - 1, share) is None


def test_an_interval_of_a_mean_holds_it_in_95_runs_of_100():
    runs = np.random.default_rng(3).normal(5.0, 2.0, (TRIES, 12))
    held = [low <= 5.0 <= high for low, high in map(mean_interval, runs)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.011)
    assert mean_interval(runs[0][:5]) is None
