"""Levels between steps, and the noise about them."""

from __future__ import annotations

import numpy as np
import pytest

from enginebench.analysis.changes.levels import FEWEST, fit

NIGHTS = [f"2026-01-{day:02}" for day in range(1, 31)]


def test_each_level_is_the_median_between_steps_and_the_noise_is_about_them():
    draw = np.random.default_rng(1)
    logs = draw.normal(5, 0.01, 30) + 0.1 * (np.arange(30) >= 20)
    found = fit(NIGHTS, logs, {NIGHTS[20]})
    assert [(one.first, one.last, one.nights) for one in found.levels] == [
        (NIGHTS[0], NIGHTS[19], 20),
        (NIGHTS[20], NIGHTS[29], 10),
    ]
    assert [one.centre for one in found.levels] == [np.median(logs[:20]), np.median(logs[20:])]
    assert found.sd == pytest.approx(0.01, rel=0.3)


def test_a_blip_moves_neither_level_nor_much_of_the_noise():
    draw = np.random.default_rng(2)
    logs = draw.normal(5, 0.01, 30)
    spoilt = logs.copy()
    spoilt[7] += 0.5
    before, after = fit(NIGHTS, logs, set()), fit(NIGHTS, spoilt, set())
    assert after.levels[0].centre == pytest.approx(before.levels[0].centre, abs=0.004)
    assert after.sd < 1.5 * before.sd


def test_nights_in_any_order_and_a_step_on_a_night_that_was_not_measured():
    found = fit(["2026-01-05", "2026-01-01", "2026-01-02"], np.array([2.0, 1.0, 1.0]), {"2026-01-03"})
    assert [(one.first, one.last, one.centre) for one in found.levels] == [
        ("2026-01-01", "2026-01-02", 1.0),
        ("2026-01-05", "2026-01-05", 2.0),
    ]


def test_a_few_nights_have_no_band():
    assert fit(NIGHTS[:FEWEST], np.zeros(FEWEST), set()).sd is None
    assert fit(NIGHTS[: FEWEST + 1], np.zeros(FEWEST + 1), set()).sd == 0
