"""What other tools tell: counted apart, intervals of our own, 0 is 0, nothing guessed where nothing is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebench.analysis.told import jobs_told, rates_told, scores_told
from enginebench.intervals import wilson
from made_history import foreign

JOBS = [one for one in foreign() if one.kind == "reliability"]
SCORE = next(one for one in foreign() if one.kind == "evaluation")


def score(**changes):
    (found,) = scores_told([replace(SCORE, **changes)]).to_dict("records")
    return found


def test_jobs_of_a_part_are_added_up_before_their_rate_is_taken():
    found = {row["product"]: row for row in rates_told(jobs_told(JOBS), ["product"]).to_dict("records")}
    assert (found["h100"]["complete"], found["h100"]["jobs"], found["h100"]["rate"]) == (36, 40, 0.9)
    assert (found["h100"]["low"], found["h100"]["high"]) == wilson(36, 40)
    assert found["mi300x"]["rate"] is found["mi300x"]["low"] is None
    assert (found["b200"]["first_night"], found["b200"]["last_night"]) == ("2026-10-01", "2026-11-02")


def test_rows_without_a_day_or_counts_are_no_jobs_and_other_kinds_neither():
    odd = [replace(JOBS[0], date=None), replace(JOBS[0], figures={"n_success": 3}), SCORE]
    assert jobs_told(odd).empty
    assert rates_told(jobs_told([]), ["product"]).empty
    assert scores_told(JOBS).empty


def test_a_share_of_questions_has_wilsons_interval_also_at_0():
    found = score(figures={"n_eff": 100, "em_strict": 0.0, "em_strict_se": 0.0})
    assert (found["value"], found["asked"]) == (0, 100)
    assert (found["low"], found["high"]) == wilson(0, 100)


@pytest.mark.parametrize(
    ("figures", "low", "high"),
    [
        ({"n_eff": 100, "score": 0.5551, "score_se": 0.01}, 0.5355, 0.5747),
        ({"score": 7.5, "score_se": 0.5}, 6.52, 8.48),
        ({"score": 0.5}, None, None),
    ],
)
def test_what_is_no_share_takes_the_tools_error_or_has_no_interval(figures, low, high):
    found = score(figures=figures)
    assert (found["low"], found["high"]) == (low if low is None else pytest.approx(low), high and pytest.approx(high))
    assert bool(found["interval"]) == (low is not None)


def test_a_score_that_is_not_told_is_no_row_and_counts_are_no_scores():
    assert scores_told([replace(SCORE, figures={"n_eff": 9, "em_strict": None, "em_strict_se": 0.1})]).empty
