"""Verdicts where the truth is known: how often nothing is called something, and how often something is found."""

from __future__ import annotations

from collections import defaultdict

import pytest

from enginebench.analysis.compare import estimates, sentenced
from enginebench.analysis.matching import asked_columns, match
from enginebench.analysis.slices import parse, select
from simulated_runs import RATE, SPEED, simulated

A, B = parse("engine_version=1.0"), parse("engine_version=1.1")
DIFFERENT = {"better", "worse"}


def verdicts(margin=0.02, **settings):
    """Of each simulated curve, judged by itself: verdicts on its curves, and on its points."""
    runs = simulated(**settings)
    a, b = select(runs, A), select(runs, B)
    pairs = match(a, b, asked_columns(A, B)).pairs
    found = []
    for family in estimates(a, b, pairs, [RATE, SPEED], margin):
        groups = defaultdict(list)
        for one in family:
            groups[one.subject].append(one)
        found.append([{one.verdict for one in sentenced(group, margin)} for group in groups.values()])
    return found


def test_the_same_against_itself_is_better_or_worse_in_one_curve_of_a_hundred_at_most():
    counts = {"curves": 0, "points": 0}
    cells = [(noise, starts, shared) for noise in (0.01, 0.03, 0.08) for starts in (3, 5) for shared in (0.0, 1.0)]
    for seed, (noise, starts, shared) in enumerate(cells):
        found = verdicts(
            curves=120,
            starts=(starts, starts),
            start_noise=noise * (1 - shared),
            shared_noise=noise * shared,
            repeat_noise=noise,
            repeats=2,
            seed=seed,
        )
        for kind, sets in zip(counts, found, strict=True):
            assert len(sets) == 120
            false = sum(bool(one & DIFFERENT) for one in sets)
            # Of one cell's 120 curves 1 % is 1.2: 7 or more would be seen once in two thousand.
            assert false <= 6, (kind, noise, starts, shared)
            counts[kind] += false
    assert counts["curves"] <= 0.01 * 120 * len(cells), counts
    assert counts["points"] <= 0.01 * 120 * len(cells), counts


@pytest.mark.parametrize(("step", "word"), [(-0.05, "worse"), (0.05, "better")])
@pytest.mark.parametrize(
    ("shared", "least"), [(0.0, 0.95), (1.0, 0.6)], ids=["noise of each load", "noise of a whole start"]
)
def test_a_step_of_5_percent_is_found_by_three_starts_at_1_percent_noise(shared, least, step, word):
    # Five loads of a start share the step. Where they share the noise too, they are no better than one.
    curves, _ = verdicts(
        curves=200, start_noise=0.01 * (1 - shared), shared_noise=0.01 * shared, repeats=3, step=step, seed=5
    )
    other = (DIFFERENT - {word}).pop()
    assert sum(word in one for one in curves) >= least * 200
    assert not any(other in one for one in curves)


@pytest.mark.parametrize("step", [-0.05, 0.05])
def test_each_point_alone_finds_it_in_three_of_five_tries(step):
    _, points = verdicts(curves=200, start_noise=0.01, repeats=3, step=step, seed=8)
    assert sum(bool(one & DIFFERENT) for one in points) >= 120


def test_without_a_step_enough_starts_show_that_nothing_changed():
    curves, _ = verdicts(curves=100, starts=(6, 6), start_noise=0.01, seed=6)
    assert sum("no change" in one for one in curves) >= 95


def test_repeats_of_one_start_prove_nothing():
    curves, points = verdicts(curves=20, starts=(1, 1), repeats=20, step=-0.3)
    assert {word for one in (*curves, *points) for word in one} == {"insufficient"}
