"""A night that measures each point until its figure is known: no run more, and none asked for again."""

from __future__ import annotations

from collections import Counter

import pytest

from enginebench.records import Until
from enginebench.stopping import SPOILT, judge
from enginebench.store import Store
from scripted_night import GRID, ScriptedNight

BASE = GRID.replace("repeats: 3\n", "")


def due_of(output):
    return next(line for line in output.splitlines() if " runs due in " in line)


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("{within: 0.6, at_least: 2, at_most: 6}", Until(within=0.6, at_least=2, at_most=6)),
        ("{within: 0.001, at_most: 6, seconds: 0.01}", Until(within=0.001, at_most=6, seconds=0.01)),
    ],
    ids=["until known", "until the seconds are spent"],
)
def test_a_point_ends_when_its_rule_says_and_is_not_due_again(tmp_path, words, until):
    night = ScriptedNight(tmp_path, grid=f"{BASE}until: {words}\n")
    code, output, errors = night.night()
    assert (code, errors) == (0, "")
    assert "12 runs due in 1 server starts" in due_of(output)
    (result,) = Store(night.store).results()
    assert (result.status, result.attempt.until) == ("complete", until)
    assert [one.point for one in sorted(result.stops, key=lambda one: one.point)] == [0, 1]
    for point, stop in ((one.point, one.stop) for one in result.stops):
        runs = [run for run in result.runs if run.point == point]
        values = [None if SPOILT & set(run.marks) else run.metrics[until.figure] for run in runs]
        spent_ns = [run.duration_ns for run in runs]
        # After each run what the rule says of the runs so far: nothing until the last, then this.
        said = [judge(values[:n], sum(spent_ns[:n]) / 1e9, until) for n in range(1, len(runs) + 1)]
        assert said[:-1] == [None] * (len(runs) - 1)
        assert said[-1] == stop
        if until.seconds:
            assert (stop.why, stop.repeats) == ("budget", 1)
        assert f"after {stop.repeats} runs" in output
    before = len(result.runs)
    code, output, _ = night.night()
    assert code == 0
    assert "0 runs due in 0 server starts, 12 fresh enough to keep" in due_of(output)
    assert len(Store(night.store).runs()) == before


def test_a_closer_figure_makes_a_known_point_due_again(tmp_path):
    night = ScriptedNight(tmp_path, grid=f"{BASE}until: {{within: 0.9, at_least: 2, at_most: 4, seconds: 600}}\n")
    assert night.night()[0] == 0
    (result,) = Store(night.store).results()
    known = Counter(one.stop.why for one in result.stops)["known"]
    left = sum(4 - one.stop.repeats for one in result.stops if one.stop.why == "known")
    night.grid.write_text(f"{BASE}until: {{within: 0.0001, at_least: 2, at_most: 4, seconds: 600}}\n")
    _, output, _ = night.night()
    assert f"{left} runs due in {1 if known and left else 0} server starts" in due_of(output)
