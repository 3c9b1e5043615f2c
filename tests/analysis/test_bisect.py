"""The search for the pair of neighbours, on made-up starts whose truth is known."""

from __future__ import annotations

import random

import pytest

from enginebench.analysis.bisect import Evidence, Rule, search
from simulated_search import outcomes, simulate

MANY = Rule(blocks_at_most=300)
"""Enough of them for 3 % noise."""


@pytest.mark.parametrize(
    ("versions", "noise", "step", "rule", "tries"),
    [
        (8, 0.01, 0.05, Rule(), 300),
        (8, 0.01, 0.03, Rule(), 200),
        (16, 0.01, 0.05, Rule(), 200),
        (64, 0.01, 0.05, Rule(), 150),
        (8, 0.02, 0.05, Rule(), 100),
        (8, 0.03, 0.05, MANY, 50),
        (8, 0.03, 0.03, MANY, 20),
    ],
)
def test_the_right_pair_is_named(versions, noise, step, rule, tries):
    ends, starts = outcomes(1, tries, versions, noise, step, rule)
    named = ends["right"] + ends["wrong"]
    assert ends["right"] >= 0.99 * named
    assert named >= 0.9 * tries
    if noise == 0.01 and step == 0.05:
        # One after the other, each pair of neighbours is held against each other until it is known: alike, or not.
        one, _ = outcomes(2, 40, 2, noise, 0.0, rule)
        alike = outcomes(2, 40, 2, noise, 0.0, rule)[1]
        assert one["alike"] == 40
        assert starts < 0.5 * (versions - 1) * alike


@pytest.mark.parametrize(("versions", "noise", "rule", "tries"), [(8, 0.01, Rule(), 300), (64, 0.03, MANY, 60)])
def test_where_nothing_differs_there_is_nothing_to_bisect(versions, noise, rule, tries):
    ends, _ = outcomes(3, tries, versions, noise, 0.0, rule)
    assert ends["alike"] >= 0.98 * tries
    assert not ends["right"]


def test_blocks_that_do_not_decide_are_told_and_no_more_is_measured():
    found, starts, logs = simulate(random.Random(4), [0.0] * 8, 0.05, Rule(blocks_at_most=6))
    assert (found.status, found.pair, starts) == ("undecided", (0, 7), 12)
    assert found.why == "6 blocks a pair do not decide"
    assert {pair: len(values) for pair, values in logs.items()} == {(0, 7): 6}


def test_a_machine_that_gets_slower_meanwhile_changes_nothing():
    assert outcomes(5, 60, 8, 0.01, 0.0, Rule(), drift=0.2)[0]["alike"] == 60
    assert outcomes(5, 60, 8, 0.01, 0.05, Rule(), drift=0.2)[0]["right"] == 60


def test_starts_far_off_cost_blocks_and_mislead_nobody():
    ends, starts = outcomes(6, 150, 8, 0.01, 0.05, Rule(), outliers=0.02)
    assert not ends["wrong"]
    assert ends["right"] >= 135
    assert starts > outcomes(6, 50, 8, 0.01, 0.05, Rule())[1]
    assert not outcomes(6, 100, 8, 0.01, 0.0, Rule(), outliers=0.02)[0]["wrong"]


def test_a_version_noisier_than_the_others_misleads_nobody():
    rng = random.Random(7)
    ends = [simulate(rng, [0.0] * 4 + [-0.05] * 4, [0.01, *[0.03] * 7], Rule(blocks_at_most=120))[0] for _ in range(60)]
    assert {found.pair for found in ends if found.status == "named"} == {(3, 4)}
    assert sum(found.status == "named" for found in ends) >= 55


def test_of_two_steps_the_greater_is_followed_and_its_share_told():
    rng = random.Random(8)
    truth = [0.0] * 3 + [-0.08] * 9 + [-0.12] * 4
    ends = [simulate(rng, truth, 0.01, Rule())[0] for _ in range(40)]
    assert {(found.status, found.pair) for found in ends} <= {("named", (2, 3)), ("named", (11, 12))}
    greater = [found.share for found in ends if found.pair == (2, 3)]
    assert len(greater) >= 36
    assert greater == pytest.approx([2 / 3] * len(greater), abs=0.2)


def test_two_equal_steps_with_the_middle_between_them_end_at_one_of_them():
    rng = random.Random(9)
    truth = [0.0] * 2 + [-0.03] * 4 + [-0.06] * 2
    ends = [simulate(rng, truth, 0.01, Rule(blocks_at_most=80))[0] for _ in range(40)]
    assert {found.status for found in ends} == {"named"}
    assert {found.pair for found in ends} == {(1, 2), (5, 6)}
    assert "in part" in {step.verdict for found in ends for step in found.steps}


def test_versions_for_the_better_are_searched_as_those_for_the_worse():
    found, _, _ = simulate(random.Random(10), [0.0] * 5 + [0.05] * 3, 0.01, Rule())
    assert (found.status, found.pair) == ("named", (4, 5))


def test_what_cannot_be_measured_is_passed_over_and_named_with_the_pair():
    rng = random.Random(11)
    truth = [0.0] * 4 + [-0.05] * 4
    found, _, logs = simulate(rng, truth, 0.01, Rule(), unusable={3, 4})
    assert (found.status, found.pair, found.skipped) == ("named", (2, 5), (3, 4))
    assert not any({3, 4} & set(pair) for pair in logs)
    found, _, _ = simulate(rng, truth, 0.01, Rule(), unusable={0, 7})
    assert (found.status, found.pair, found.skipped) == ("named", (3, 4), ())
    found, starts, _ = simulate(rng, truth, 0.01, Rule(), unusable=set(range(1, 8)))
    assert (found.status, found.why, starts) == ("undecided", "fewer than two versions can be measured", 0)


def test_the_named_pair_was_measured_against_each_other():
    rng = random.Random(12)
    for _ in range(30):
        place = rng.randrange(1, 16)
        found, _, logs = simulate(rng, [-0.05 * (place <= one) for one in range(16)], 0.01, Rule())
        last = found.steps[-1]
        assert (last.kind, last.pair, last.verdict) == ("neighbours", found.pair, "differ")
        assert last.found.blocks == pytest.approx(len(logs[found.pair]))
        assert last.found.high < 0
        assert last.found.p < 0.01


def test_a_wrong_turn_is_found_at_its_end_and_taken_back():
    # Version 3 is as those before it, and seemed changed in all four blocks by a hair's breadth of noise.
    seen = {
        (0, 7): [-0.09, -0.11, -0.10, -0.105, -0.095, -0.1],
        (0, 3): [-0.075, -0.065],
        (0, 1): [0.005, -0.005],
        (0, 2): [0.004, -0.004],
    }
    found = search(Evidence(versions=8, logs=seen), Rule())
    assert (found.status, found.pair, found.steps[1].verdict) == ("measure", (2, 3), "in part")
    seen[2, 3] = [0.006, -0.005, 0.004, -0.006]
    found = search(Evidence(versions=8, logs=seen), Rule())
    assert (found.status, found.pair) == ("measure", (0, 3))
    assert found.steps[-1].verdict == "refuted"
    seen[0, 3] += [0.003, -0.004, 0.0, 0.005, -0.006, 0.002, 0.001, -0.002]
    found = search(Evidence(versions=8, logs=seen), Rule())
    assert (found.status, found.pair) == ("measure", (0, 5))


def test_the_search_goes_on_from_what_is_stored_whatever_was_lost():
    rng = random.Random(13)
    found, _, logs = simulate(rng, [0.0] * 6 + [-0.05] * 2, 0.01, Rule())
    assert search(Evidence(versions=8, logs=logs), Rule()) == found
    less = {pair: values[:-1] for pair, values in logs.items() if pair != (5, 6)}
    assert search(Evidence(versions=8, logs=less), Rule()).status == "measure"
    assert search(Evidence(versions=8), Rule()).pair == (0, 7)
