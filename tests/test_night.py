"""Whole nights on a scripted engine, in processes of their own: killed, interrupted, gone on with, nothing twice."""

from __future__ import annotations

import os
import signal
from collections import Counter

import psutil
import pytest

from enginebench.store import Store
from scripted_night import GRID, RUNS, ScriptedNight, until
from sites import piece

SLOW = {"itl_ms": 40}
"""So slow that a run is still under way when we reach for it."""


def runs_of(night):
    return Store(night.store).runs()


def assert_whole(night):
    """Every run of the grid is stored exactly once, and nothing of ours is left."""
    runs = runs_of(night)
    assert Counter(zip(runs["load"], runs["repeat"], strict=True)) == Counter(
        (load, repeat) for load in ("c1", "c2") for repeat in range(3)
    )
    assert runs["run"].is_unique
    until(lambda: not night.left_running(), "the end of all processes", 20)


def test_a_night_measures_stores_and_publishes_and_the_next_has_nothing_to_do(tmp_path):
    night = ScriptedNight(tmp_path)
    code, output, errors = night.night()
    assert (code, errors) == (0, "")
    assert f"{RUNS} runs due in 1 server starts" in output
    assert f"{RUNS} runs measured now" in output
    assert "TTFT mean" in output
    assert (night.store / "site" / "index.html").as_uri() in output
    assert_whole(night)
    before = runs_of(night)
    code, output, _ = night.night()
    assert code == 0
    assert f"0 runs due in 0 server starts, {RUNS} fresh enough to keep" in output
    assert "Nothing is due." in output
    assert runs_of(night).equals(before)
    assert len(night.engine_pids()) == 1
    code, output, _ = night.night("--again")
    assert f"{RUNS} runs measured now; {2 * RUNS} of this grid" in output


def test_a_log_says_how_far_the_night_is(tmp_path):
    _, output, _ = ScriptedNight(tmp_path).night()
    assert f"run 1/{RUNS} short c1" in output
    assert f"run {RUNS}/{RUNS}" in output
    assert "left" in output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_night_that_was_ended_goes_on_where_it_stopped(tmp_path, number):
    night = ScriptedNight(tmp_path, **SLOW)
    process = night.start_night()
    until(lambda: night.measured() >= 2, "the second run")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode == (-9 if number == signal.SIGKILL else 3)
    until(lambda: not night.left_running(), "the end of all processes", 20)
    code, output, errors = night.night()
    assert (code, errors) == (0, "")
    assert_whole(night)
    assert f"{RUNS} of this grid" in output
    assert len(night.engine_pids()) == 2
    statuses = {result.status for result in Store(night.store).results()}
    assert statuses == {"interrupted", "complete"}


def test_a_killed_engine_is_a_stored_failure_and_the_next_night_measures_the_rest(tmp_path):
    night = ScriptedNight(tmp_path, **SLOW)
    process = night.start_night()
    until(lambda: night.measured() >= 1, "the first run")
    os.kill(night.engine_pids()[0], signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "failed job" in output
    (failed,) = Store(night.store).results()
    assert failed.status == "failed"
    assert failed.failure.failure_class in ("out_of_memory", "crashed")
    assert "signal 9" in failed.failure.message
    assert len(failed.runs) >= 1
    code, _, _ = night.night()
    assert code == 0
    assert_whole(night)


def test_a_killed_client_loses_no_finished_run(tmp_path):
    night = ScriptedNight(tmp_path, **SLOW)
    process = night.start_night()
    until(lambda: night.measured() >= 2, "the second run")
    (trial,) = [one for one in psutil.Process(process.pid).children() if "run" in one.cmdline()]
    trial.kill()
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(runs_of(night)) >= 2
    (result,) = Store(night.store).results()
    assert (result.status, result.failure.message) == ("interrupted", "the trial was killed")
    code, _, _ = night.night()
    assert code == 0
    assert_whole(night)


def test_a_second_night_on_the_same_store_is_refused(tmp_path):
    night = ScriptedNight(tmp_path, **SLOW)
    process = night.start_night()
    until(lambda: night.measured() >= 1, "the first run")
    code, _, errors = night.night()
    assert code == 2
    remedy = "wait for it, or name another store"
    assert errors == f"{night.store}: another night or comparison of this machine is running on this store; {remedy}\n"
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_whole(night)


def test_a_server_that_does_not_start_is_a_stored_failure_with_its_words(tmp_path):
    night = ScriptedNight(tmp_path, crash_words="vllm: error: unrecognized arguments: --nonsense")
    code, output, _ = night.night()
    assert code == 1
    assert "bad_argument" in output
    (failed,) = Store(night.store).results()
    assert (failed.stage, failed.runs) == ("start", ())
    assert "--nonsense" in failed.failure.log_tail
    (shown,) = piece(night.store / "site", "index")["nights"]
    assert [one["failure_class"] for one in shown["failed"]] == ["bad_argument"]


def test_a_mistake_in_the_grid_starts_nothing(tmp_path):
    night = ScriptedNight(tmp_path, grid=GRID.replace("concurrency", "concurency"), calibrated=False)
    code, output, errors = night.night()
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1
    assert f"{night.grid}:7: unknown key `loads.concurency`; did you mean `concurrency`?" in errors
    assert not night.store.exists()


def test_what_another_version_left_unfinished_is_set_aside_and_the_night_goes_on(tmp_path):
    night = ScriptedNight(tmp_path, **SLOW)
    process = night.start_night()
    until(lambda: night.measured() >= 1, "the first run")
    for one in night.left_running():
        one.kill()  # the trial too, which would else end itself
    process.communicate(timeout=60)
    until(lambda: not night.left_running(), "the end of all processes", 20)
    (left,) = night.store.glob(".work/*/*.partial")
    state = left / "state.json"
    state.write_text(state.read_text().replace("enginebench.state/1", "enginebench.state/99"))
    code, output, errors = night.night()
    assert (code, errors) == (0, "")
    assert "What an earlier night left cannot be read and lies in " in output
    assert "enginebench.state/99" in output
    assert (left.parent.with_name(f"{left.parent.name}.unread") / left.name / "runs").is_dir()
    assert_whole(night)
