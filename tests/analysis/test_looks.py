"""What looking again costs, where nothing differs: by simulation with other numbers than the code's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from enginebench.analysis.looks import Looks


@pytest.mark.parametrize(("least", "most"), [(3, 5), (3, 10), (4, 8), (3, 20)])
def test_any_look_is_as_seldom_wrong_as_it_says(least, most):
    looks, tries = Looks(least=least, most=most), 20_000
    differences = np.random.default_rng(most).standard_normal((tries, most))
    smallest = np.min([ttest_1samp(differences[:, :n], 0, axis=1).pvalue for n in range(least, most + 1)], axis=0)
    for alpha in (0.05, 0.01):
        error = 4 * np.sqrt(alpha / tries)
        assert (smallest < 1 - looks.level(1 - alpha)).mean() == pytest.approx(alpha, abs=error)
        assert np.mean([looks.overall(p) <= alpha for p in smallest]) == pytest.approx(alpha, abs=error)


def test_one_look_costs_nothing_and_more_cost_more():
    once = Looks(least=6, most=6)
    assert (once.overall(0.03), once.one_sided(0.03), once.level(0.95)) == (0.03, 0.03, 0.95)
    nominal = [1 - Looks(least=3, most=most).level(0.95) for most in (4, 6, 10, 20)]
    assert nominal == sorted(nominal, reverse=True)
    assert nominal[-1] > 0.05 / 18, "never stricter than p times the number of looks"


def test_the_chance_rises_with_p_and_is_never_more_than_so_many_chances():
    looks = Looks(least=3, most=10)
    p = np.concatenate([[0.0], np.logspace(-12, 0, 400)])
    found = [looks.overall(one) for one in p]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0.0, 1.0)
    assert all(own <= one <= 8 * own * 1.05 + 1e-4 for own, one in zip(p, found, strict=True))
    sides = [looks.one_sided(one) for one in p]
    assert all(one == own for own, one in zip(p, sides, strict=True) if own >= 0.5)
    assert all(one == pytest.approx(looks.overall(2 * own) / 2) for own, one in zip(p, sides, strict=True) if own < 0.4)


def test_the_same_looks_always_cost_the_same():
    assert Looks(least=3, most=7).level(0.95) == Looks(least=3, most=7).level(0.95)
    assert Looks(least=3, most=10).level(0.95) == pytest.approx(0.9878, abs=1e-3)
