"""`enginebench compare A B --run GRID` on scripted engines: killed, gone on with, found and sized."""

from __future__ import annotations

import signal
import xml.etree.ElementTree as ET

import pytest

import builders
from enginebench.analysis import paired
from enginebench.analysis.looks import Looks
from enginebench.analysis.slices import parse
from enginebench.analysis.starts import usable
from enginebench.cli import parser
from enginebench.commands.comparing import Asked
from enginebench.commands.interleaved import Told
from enginebench.interleave import choose
from enginebench.records import Turn
from enginebench.report import console
from enginebench.store import Store
from scripted_night import GRID, ScriptedNight, until
from simulated_runs import RATE, SPEED
from stored import a_job, a_run, a_store, a_trial

TWO = (
    GRID.replace("[scripted]", "[scripted, other]").replace("[1, 2]", "[2]").replace("repeats: 3", "repeats: 2")
    + "starts: 2\nquality: {items: 0}\n"
)
A, B = "engine=scripted", "engine=other"
TPOT = "tpot_mean_ns"
RUNS = 2


@pytest.fixture
def night(tmp_path):
    """Two engines of which the second takes half as long again for a token."""
    night = ScriptedNight(tmp_path, grid=TWO, itl_ms=60)
    night.write_engine(str(tmp_path / "engine"), name="other", kind="sglang", versions=("7.0",), itl_ms=90)
    return night


def start(night, *words):
    places = ["--site", str(night.folder / "here.yaml"), "--store", night.place]
    where = [*places, "--cache", str(night.folder / "cache"), "--metric", TPOT]
    return night.start("compare", A, B, "--run", str(night.grid), *where, *words)


def done(process):
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def test_a_slower_engine_is_found_and_sized_in_turn_and_a_kill_on_the_way_costs_nothing(night):
    blocks = ("--blocks", "3..4", "--junit", str(night.folder / "junit.xml"))
    process = start(night, *blocks)
    store = Store(night.store)
    # In the second block's first start, after the first of its two runs.
    try:
        until(lambda: night.taken_in() == 2 and night.measured() == 1, "the fifth run", 120)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    until(lambda: not night.left_running(), "the end of all processes", 20)
    code, output, errors = done(start(night, *blocks))
    assert errors == ""
    lines = output.splitlines()
    assert lines[:2] == ["A: tiny on scripted 1.0, bf16, tp1", "B: tiny on other 7.0, bf16, tp1"]
    assert lines[2].startswith("3 to 4 blocks of A and B in turn, about ")
    results = sorted(store.results(), key=lambda one: one.started_utc)
    (name,) = {one.attempt.comparison.name for one in results}
    assert lines[3] == f"comparison {name} goes on, 1 runs of a killed process taken in"
    assert "block 2 of at most 4, B: tiny on other 7.0, bf16, tp1" in lines
    runs = store.runs(comparison=name)
    measured = runs["block"].max() + 1
    order = [(one.attempt.comparison.arm, one.attempt.comparison.block) for one in results]
    # B's start of block 2 was killed: what it lacked was measured by another.
    turns = [*zip("ABBAABBA", (0, 0, 1, 1, 2, 2, 3, 3), strict=True)][: 2 * measured]
    assert order == [*turns[:3], turns[2], *turns[3:]]
    assert runs.groupby(["arm", "block"])["repeat"].apply(sorted).tolist() == [[0, 1]] * 2 * measured
    assert f"{measured * 2 * RUNS - 5} runs measured now; all of it in {store.url} with comparison={name}" in output
    # A busy machine marks runs, which are left out and make it unsure; by all of them it is what the scripts say.
    looks = Looks(least=3, most=4)
    asked = {"looks": looks, "metrics": [TPOT], "margin": 0.02}
    unmarked = runs.assign(marks=[[] for _ in range(len(runs))])
    (all_of_it,) = paired.compare(unmarked, parse(A), parse(B), **asked).points
    assert all_of_it.estimate.ratio == pytest.approx(1.5, rel=0.1)
    assert all_of_it.estimate.n_a == measured
    own = paired.compare(runs, parse(A), parse(B), **asked)
    if usable(runs).all() and own.outcome() == "worse":
        assert own.points == (all_of_it,)
        assert own.points[0].estimate.low < 1.5 * 1.05
    assert f"{own.outcome()}: B `{B}` against A `{A}`" in lines
    assert code == (1 if own.outcome() == "worse" else 4)
    failures = ET.parse(night.folder / "junit.xml").getroot().findall(".//failure")
    assert len(failures) == (own.outcome() == "worse")
    # All is measured, and asked for again it is only told.
    again = done(start(night, *blocks))
    assert again[0] == code
    assert f"0 runs measured now; all of it in {store.url} with comparison={name}" in again[1]


def test_an_engine_that_does_not_start_fails_the_command(night):
    engine = night.folder / "broken"
    engine.write_text("#!/bin/sh\necho 'RuntimeError: broken' >&2\nexit 1\n")
    engine.chmod(0o755)
    night.write_engine(str(engine), name="other", kind="sglang", versions=("7.0",))
    code, output, errors = done(start(night, "--blocks", "2"))
    assert (code, errors) == (1, "")
    assert output.count("\nfailed job ") == 2
    assert "RuntimeError" in output


def test_what_a_grid_does_not_plan_is_one_sentence_and_starts_nothing(night):
    process = night.start("compare", A, "engine=gone", "--run", str(night.grid), "--site", "here.yaml")
    code, output, errors = done(process)
    assert (code, output) == (2, "")
    assert errors == ("slice `engine=gone`: nothing that the grid plans here is of it; it has engine other, scripted\n")
    assert not Store(night.store).holds_trials()


def a_start(arm, block, value):
    """One server start of two loads, a run of each; `value`: its throughput."""
    job = a_job(loads=map(builders.closed, (1, 8)), version="1.0" if arm == "A" else "1.1", start=block)
    runs = [a_run(0, point=point, **{RATE: value, SPEED: value / (1 + point)}) for point in (0, 1)]
    trial = a_trial(f"{arm}{block}", runs, job=job)
    turn = Turn(name="c", arm=arm, block=block)
    return builders.replace(trial, attempt=builders.replace(trial.attempt, comparison=turn))


@pytest.mark.parametrize(
    ("looks", "ratios", "settled"),
    [
        (Looks(least=3, most=5), (1.1, 1.101, 1.102), {0}),
        (Looks(least=3, most=5), (0.9, 0.901, 0.902), {0}),
        (Looks(least=3, most=5), (1.0, 1.0001, 0.9999), {0}),
        (Looks(least=3, most=5), (1.1, 1.0, 0.9), set()),
        (Looks(least=3, most=5), (1.1, 1.101), set()),
        (Looks(least=3, most=3), (1.1, 1.101, 1.102), set()),
    ],
    ids=["better", "worse", "no change", "unsure", "too few blocks", "looked at once"],
)
def test_what_is_decided_is_measured_no_more(tmp_path, looks, ratios, settled, capsys):
    arms = [
        a_start(arm, block, 100 * (ratio if arm == "B" else 1)) for block, ratio in enumerate(ratios) for arm in "AB"
    ]
    chosen = choose([one.attempt for one in arms[:2]], parse("engine_version=1.0"), parse("engine_version=1.1"))
    words = ["compare", "engine_version=1.0", "engine_version=1.1", "--run", "grid.yaml", "--metric", RATE]
    told = Told(a_store(tmp_path, *arms), Asked(parser().parse_args(words), ()), chosen, looks, console())
    assert told.settled("c") == settled
    assert told.settled("another") == set()
    shown = capsys.readouterr().out
    assert shown.startswith("so far: curves ") == (looks.least < looks.most)
    assert told.settled("c") == settled
    assert capsys.readouterr().out == "", "what is known already is not said again"
