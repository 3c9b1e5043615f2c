"""A night of several engines and versions on scripted ones: in turns, each start stored, intervals over starts."""

from __future__ import annotations

import pytest

from enginebench.analysis.points import summarise_points
from enginebench.store import Store
from scripted_night import GRID, ScriptedNight

TWO = (
    GRID.replace("[scripted]", "[scripted, scripted@1.0, other]")
    .replace("[1, 2]", "[2]")
    .replace("repeats: 3", "repeats: 2")
    + "starts: 2\n"
)
TPOT = "tpot_mean_ns"


@pytest.fixture
def night(tmp_path):
    """Two versions of one engine, and another engine whose tokens take three times as long."""
    night = ScriptedNight(tmp_path, grid=TWO)
    command = str(tmp_path / "engine")
    night.write_engine(command, versions=("2.0", "1.0"))
    night.write_engine(command, name="other", kind="sglang", versions=("7.0",), itl_ms=6, ready_after=2)
    return night


def test_engines_and_versions_take_turns_and_stand_in_one_table(night):
    code, output, errors = night.night()
    assert (code, errors) == (0, "")
    assert "12 runs due in 6 server starts" in output
    assert output.count("95 % intervals in brackets") == 1
    store = Store(night.store)
    results = sorted(store.results(), key=lambda result: result.started_utc)
    jobs = [result.attempt.job for result in results]
    forth = [("scripted", "2.0"), ("scripted", "1.0"), ("other", "7.0")]
    assert [(job.deployment.engine, job.deployment.engine_version, job.start) for job in jobs] == [
        *((*one, 0) for one in forth),
        *((*one, 1) for one in reversed(forth)),
    ]
    assert [result.engine.reported_version for result in results[1:3]] == ["scripted-1", "scripted-2"]
    runs = store.runs()
    assert sorted(zip(runs["start"], runs["repeat"], strict=True)) == [
        (s, r) for s in (0, 1) for r in (0, 1) for _ in forth
    ]
    points = summarise_points(runs).set_index(["engine", "engine_version"])
    assert {*points.index} == {*forth}
    assert runs.groupby(["engine", "engine_version"])["trial"].nunique().eq(2).all()
    # A busy machine marks runs, and those are left out, perhaps a whole start.
    assert (points["repeats"] + points["left_out"] == 4).all()
    assert (points[f"{TPOT}_n"] == points["starts"]).all(), "an interval counts starts, not repeats"
    whole = points[points["left_out"] == 0]
    assert (whole["varies"] == "server starts").all()
    # One start alone has no interval.
    several = points[points["starts"] > 1]
    assert (several[f"{TPOT}_low"] <= several[TPOT]).all()
    assert points.loc[("other", "7.0"), TPOT] > 2 * points.loc[("scripted", "2.0"), TPOT]
    series = points["series"]
    assert series[("scripted", "2.0")] == series[("scripted", "1.0")] != series[("other", "7.0")]


def test_a_version_that_is_measured_already_is_not_due_when_another_is_added(night):
    text = night.grid.read_text()
    night.grid.write_text(text.replace("scripted@1.0, ", ""))
    assert "8 runs due in 4 server starts" in night.night()[1]
    night.grid.write_text(text)
    assert "4 runs due in 2 server starts, 8 fresh enough to keep" in night.night()[1]


def test_a_version_that_is_not_listed_starts_nothing(night):
    night.grid.write_text(night.grid.read_text().replace("scripted@1.0", "scripted@1.1"))
    code, output, errors = night.night()
    assert (code, output) == (2, "")
    assert f"{night.grid}:4: no engine `scripted@1.1`; did you mean `scripted@1.0`? known: " in errors
    assert not list(night.store.glob("night=*"))
