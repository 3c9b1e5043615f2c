"""Intervals that hold at every look, by simulation; the weights of several pairs; the degenerate cases."""

from __future__ import annotations

import math
import random

import pytest
from scipy.stats import ttest_1samp

from enginebench.analysis.anytime import Blocks


def ever_outside(values, truth, miss):
    """Whether the interval leaves the truth out at any look, and whether a t interval does."""
    ours = plain = False
    for n in range(2, len(values) + 1):
        found = Blocks({(0, 1): values[:n]}).found({(0, 1): 1.0}, miss)
        ours |= not found.low <= truth <= found.high
        plain |= ttest_1samp(values[:n], truth).pvalue < miss
    return ours, plain


def test_looking_after_every_block_leaves_the_truth_out_no_oftener_than_said_where_a_t_interval_does():
    rng = random.Random(1)
    tries = [ever_outside([rng.gauss(0.3, 0.7) for _ in range(25)], 0.3, 0.05) for _ in range(150)]
    ours, plain = (sum(one) / len(tries) for one in zip(*tries, strict=True))
    # 0.05 and three standard errors.
    assert ours <= 0.1
    assert plain > 0.15


def test_noise_learned_from_one_pair_narrows_the_interval_of_another_and_leaves_it_true():
    rng = random.Random(2)
    missed = 0
    for _ in range(600):
        logs = {(0, 3): [rng.gauss(-1, 0.2) for _ in range(6)], (0, 1): []}
        wrong = False
        for _ in range(12):
            logs[0, 1].append(rng.gauss(-0.4, 0.2))
            # How far the second is from half of what the first has.
            found = Blocks(logs).found({(0, 1): 1.0, (0, 3): -0.5}, 0.05)
            wrong |= not found.low <= 0.1 <= found.high
        missed += wrong
    assert missed / 600 <= 0.077
    one = {(0, 1): [0.1, 0.2]}
    alone, helped = (Blocks(logs).found({(0, 1): 1.0}, 0.05) for logs in (one, {**one, (0, 3): [1.0, 1.1, 0.9, 1.0]}))
    assert helped.half < alone.half


def test_p_is_small_just_where_the_interval_leaves_0_out():
    rng = random.Random(3)
    seen = set()
    for _ in range(200):
        logs = {(0, 1): [rng.gauss(0.3, 0.3) for _ in range(rng.randrange(3, 12))]}
        found = Blocks(logs).found({(0, 1): 1.0}, 0.03)
        assert (found.p < 0.03) == (abs(found.log) > found.half)
        seen.add(found.p < 0.03)
    assert seen == {True, False}


def test_one_block_has_no_interval_and_blocks_that_agree_have_one_of_no_width():
    one = Blocks({(0, 1): [0.1], (0, 2): []}).found({(0, 1): 1.0}, 0.05)
    assert (one.log, one.half, one.p) == (0.1, math.inf, 1.0)
    same = Blocks({(0, 1): [0.5] * 6}).found({(0, 1): 1.0}, 0.05)
    assert (same.log, same.half) == (0.5, 0.0)
    assert same.p < 0.05
    assert Blocks({(0, 1): [0.0] * 6}).found({(0, 1): 1.0}, 0.05).p == 1.0


def test_a_weighted_sum_tells_as_much_as_its_parts():
    found = Blocks({(0, 1): [1.0, 1.2], (0, 2): [2.0, 2.2, 1.8, 2.0]}).found({(0, 1): 1.0, (0, 2): -0.5}, 0.05)
    assert found.log == pytest.approx(1.1 - 1.0)
    assert found.blocks == pytest.approx(1 / (1 / 2 + 0.25 / 4))
