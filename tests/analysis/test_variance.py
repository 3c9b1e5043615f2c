"""Components of variance: by hand, and found again where they are known, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from enginebench.analysis.variance import components


def test_two_starts_of_two_repeats_by_hand():
    # Means 2 and 6: squares between 2 × (2² + 2²) = 16, within 1 + 1 + 1 + 1 = 4 of 2 degrees.
    found = components(np.array([1.0, 3.0, 5.0, 7.0]), [pd.Series([0] * 4), pd.Series(list("aabb"))])
    assert [(one.variance, one.units, one.df) for one in found] == [((16 - 2) / 2, 2, 1), (2, 4, 2)]


def nested(hosts, nights, starts, repeats, deviations, seed=1, keep=1.0):
    """Values of 3 versions far apart, and their keys; each level has this standard deviation of its own."""
    draw = np.random.default_rng(seed)
    shape = (3, hosts, nights, starts, repeats)
    values = np.zeros(shape) + np.arange(3)[:, None, None, None, None] * 5
    for level, deviation in enumerate(deviations, start=2):
        values = values + draw.normal(0, deviation, shape[:level] + (1,) * (5 - level))
    kept = draw.random(values.size) < keep
    return values.ravel()[kept], [pd.Series(axis.ravel()[kept]) for axis in np.indices(shape)[:4]]


@pytest.mark.parametrize("keep", [1.0, 0.6], ids=["balanced", "unlike sizes"])
@pytest.mark.parametrize("deviations", [(0.4, 0.3, 0.2, 0.1), (0.1, 0.2, 0.1, 0.5), (0.0, 0.5, 0.0, 0.2)])
def test_each_level_is_found_again(keep, deviations):
    values, keys = nested(60, 6, 4, 3, deviations, keep=keep)
    found = components(values, keys)
    assert [one.variance**0.5 for one in found] == [pytest.approx(one, rel=0.12, abs=0.06) for one in deviations]


def test_the_mean_over_many_draws_is_the_truth_for_few_and_unlike_units():
    found = [components(*nested(2, 2, 3, 2, (0.0, 0.0, 0.3, 0.2), seed=seed, keep=0.8)) for seed in range(400)]
    assert np.mean([one[3].variance for one in found]) == pytest.approx(0.04, rel=0.08)
    assert np.mean([one[2].variance for one in found]) == pytest.approx(0.09, rel=0.08)


def test_a_level_whose_units_have_one_below_is_in_the_one_above():
    values, keys = nested(1, 1, 40, 1, (0.0, 0.0, 0.3, 0.4))
    host, night, start, repeat = components(values, keys)
    assert (host.variance, night.variance, repeat.variance) == (None, None, None)
    assert start.variance == pytest.approx(0.25, rel=0.3)


def test_names_are_of_the_unit_above():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    found = components(values, [pd.Series(list("aabb")), pd.Series(list("xyxy"))])
    assert (found[0].units, found[0].df) == (4, 2)
