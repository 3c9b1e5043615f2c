"""Telemetry: the sampling process as it really runs, and the arithmetic of energy on series whose answer is known."""

from __future__ import annotations

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enginebench import accelerators, telemetry

S = 1_000_000_000
KEYS = {"t_ns", "device", "power_w", "energy_j", "utilisation", "memory_bytes", "temperature_c", "cpu_busy_cores"}
CPU = accelerators.get("cpu").discover()


def wait(condition, *, deadline_s=20.0):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "nothing came of it in time"
        time.sleep(0.01)


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def row(t_s, *, device=0, power_w=None, energy_j=None):
    return {"t_ns": round(t_s * S), "device": device, "power_w": power_w, "energy_j": energy_j}


# The process


def test_samples_enclose_what_was_recorded_on_a_steady_schedule(tmp_path):
    path = tmp_path / "telemetry.jsonl"
    with telemetry.Recorder(CPU, path, interval_s=0.1) as recorder:
        assert psutil.Process(recorder.pid).is_running()
        pid, begin_ns = recorder.pid, time.time_ns()
        wait(lambda: len(telemetry.read(path)) >= 10)
        end_ns = time.time_ns()
    assert gone(pid)
    assert recorder.pid is None
    rows = telemetry.read(path)
    assert all(set(row) == KEYS for row in rows)
    devices = [row for row in rows if row["device"] == 0]
    machine = [row for row in rows if row["device"] is None]
    assert len(devices) == len(machine)
    assert rows[0]["t_ns"] <= begin_ns
    assert rows[-1]["t_ns"] >= end_ns
    assert all(0 <= row["utilisation"] <= 1 for row in devices)


SLOW = """
import sys, time
from enginebench import accelerators, telemetry
class Slow:
    def sample(self, indices):
        time.sleep(float(sys.argv[1]))
        return ()
accelerators.get = lambda vendor: Slow()
telemetry.main(["slow", "0", "0.1", sys.argv[2]])
"""


@pytest.mark.parametrize(("sample_s", "spacing_s"), [("0.06", 0.1), ("0.13", 0.2)])
def test_the_schedule_is_absolute_and_a_tick_that_comes_too_late_is_left_out(tmp_path, sample_s, spacing_s):
    path = tmp_path / "telemetry.jsonl"
    argv = [sys.executable, "-c", SLOW, sample_s, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        wait(lambda: len(telemetry.read(path)) >= 12)
        process.stdin.close()
    times_ns = [row["t_ns"] for row in telemetry.read(path)][1:-1]
    spacings_s = [(after - before) / S for before, after in itertools.pairwise(times_ns)]
    assert statistics.median(spacings_s) == pytest.approx(spacing_s, abs=0.02)


def test_a_sample_is_in_the_file_as_soon_as_it_is_taken(tmp_path):
    path = tmp_path / "telemetry.jsonl"
    with telemetry.Recorder(CPU, path, interval_s=60.0):
        assert [row["device"] for row in telemetry.read(path)] == [None, 0]


def test_cpu_use_of_the_machine_is_told_between_ticks(tmp_path):
    path = tmp_path / "telemetry.jsonl"
    with telemetry.Recorder(CPU, path, interval_s=0.3):
        begin_s = time.process_time()
        while time.process_time() - begin_s < 0.5:
            pass
        wait(lambda: len(telemetry.read(path)) >= 6)
    machine = [row for row in telemetry.read(path) if row["device"] is None]
    assert machine[0]["cpu_busy_cores"] is None, "nothing lies before the first tick"
    used_s = sum(
        (after["t_ns"] - before["t_ns"]) / S * (after["cpu_busy_cores"] or 0)
        for before, after in itertools.pairwise(machine)
    )
    assert used_s > 0.3
    assert all((row["cpu_busy_cores"] or 0) < os.cpu_count() * 1.2 for row in machine)


def test_nothing_is_left_when_the_trial_is_killed(tmp_path):
    path = tmp_path / "telemetry.jsonl"
    trial = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from pathlib import Path\n"
            "from enginebench import accelerators, telemetry\n"
            "recorder = telemetry.Recorder(accelerators.get('cpu').discover(), Path(sys.argv[1]), interval_s=0.1)\n"
            "recorder.start()\n"
            "print(recorder.pid, flush=True)\n"
            "time.sleep(600)\n",
            str(path),
        ],
        stdout=subprocess.PIPE,
    )
    with trial:
        pid = int(trial.stdout.readline())
        assert not gone(pid)
        os.kill(trial.pid, signal.SIGKILL)
        wait(lambda: gone(pid))
    assert telemetry.read(path)


def test_an_interrupt_meant_for_the_trial_does_not_end_telemetry(tmp_path):
    with telemetry.Recorder(CPU, tmp_path / "telemetry.jsonl") as recorder:
        assert os.getpgid(recorder.pid) != os.getpgid(0)


def test_a_process_that_does_not_end_is_killed_after_the_deadline(tmp_path, monkeypatch):
    monkeypatch.setattr(telemetry, "STOP_S", 0.2)
    recorder = telemetry.Recorder(CPU, tmp_path / "telemetry.jsonl")
    recorder.start()
    pid = recorder.pid
    os.kill(pid, signal.SIGSTOP)
    recorder.stop()
    assert gone(pid)


def test_telemetry_that_cannot_start_does_not_fail_the_trial(tmp_path, capfd):
    with telemetry.Recorder(CPU, tmp_path / "no folder" / "telemetry.jsonl"):
        pass
    assert telemetry.read(tmp_path / "no folder" / "telemetry.jsonl") == []
    assert "FileNotFoundError" in capfd.readouterr().err


def test_stopping_twice_or_unstarted_is_nothing(tmp_path):
    recorder = telemetry.Recorder(CPU, tmp_path / "telemetry.jsonl")
    recorder.stop()
    recorder.start()
    recorder.stop()
    recorder.stop()


def test_the_process_loads_no_table_library():
    heavy = "('numpy', 'pandas', 'pyarrow', 'scipy', 'yaml', 'rich')"
    code = f"import sys, enginebench.telemetry; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# The file


def test_a_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / "telemetry.jsonl"
    whole = "".join(json.dumps(row(second)) + "\n" for second in range(3))
    path.write_text(whole)
    assert len(telemetry.read(path)) == 3
    for torn in ('{"t_ns":12', "{", '{"t_ns":1}'):
        path.write_text(whole + torn)
        assert telemetry.read(path) == [row(second) for second in range(3)]
    path.write_text("")
    assert telemetry.read(path) == []


# Energy


def test_energy_is_the_difference_of_the_counter_between_samples():
    rows = [row(t, energy_j=1000 + 50 * t, power_w=7) for t in range(11)]
    assert telemetry.energy_j(rows, 2 * S, 6 * S, [0]) == (pytest.approx(200), None)
    assert telemetry.energy_j(rows, round(2.25 * S), round(6.75 * S), [0]) == (pytest.approx(225), None)


def test_the_counter_bridges_samples_that_are_missing():
    rows = [row(0, energy_j=0), row(1, energy_j=10), row(9, energy_j=810), row(10, energy_j=820)]
    assert telemetry.energy_j(rows, 0, 10 * S, [0]) == (pytest.approx(820), None)


def test_energy_of_devices_adds_up_and_others_do_not_count():
    rows = [row(t, device=d, energy_j=d * 100 * t) for t in range(5) for d in (1, 2, 3)]
    rows += [row(t, device=None) for t in range(5)]
    assert telemetry.energy_j(rows, 0, 4 * S, [1, 3]) == (pytest.approx(1600), None)


def test_without_a_counter_energy_is_the_integral_of_power():
    rows = [row(t, power_w=100 + 10 * t) for t in range(11)]
    assert telemetry.energy_j(rows, 0, 10 * S, [0]) == (pytest.approx(1500), None)


@given(st.integers(1, 500), st.floats(0.05, 2.0), st.integers(4, 60), st.floats(0, 1), st.booleans())
def test_constant_power_gives_power_times_time_whatever_the_schedule(power_w, interval_s, count, phase, counter):
    times = [index * interval_s for index in range(count)]
    rows = [row(t, energy_j=power_w * t) if counter else row(t, power_w=power_w) for t in times]
    begin_s, end_s = phase * interval_s, times[-1] - (1 - phase) * interval_s
    drawn_j, reason = telemetry.energy_j(rows, round(begin_s * S), round(end_s * S), [0])
    assert reason is None
    assert drawn_j == pytest.approx(power_w * (end_s - begin_s), rel=1e-6)


@pytest.mark.parametrize("kind", ["power_w", "energy_j"])
def test_samples_must_cover_most_of_the_window(kind):
    rows = [row(t, **{kind: 100 if kind == "power_w" else 100 * t}) for t in range(10)]
    assert telemetry.energy_j(rows, 0, 9_900_000_000, [0]) == (pytest.approx(990), None)
    assert telemetry.energy_j(rows, 0, 12 * S, [0]) == (None, "device 0: samples cover 75% of the window")


def test_power_is_not_guessed_over_a_gap():
    rows = [row(t, power_w=100) for t in (0, 1, 2, 3, 4, 16, 17, 18, 19, 20)]
    assert telemetry.energy_j(rows, 0, 20 * S, [0]) == (None, "device 0: samples cover 40% of the window")


def test_a_counter_that_ran_backwards_is_not_believed():
    rows = [row(t, energy_j=value) for t, value in enumerate((100, 200, 5, 105))]
    assert telemetry.energy_j(rows, 0, 3 * S, [0]) == (None, "device 0: its energy counter ran backwards")
    powered = [{**sample, "power_w": 100} for sample in rows]
    assert telemetry.energy_j(powered, 0, 3 * S, [0]) == (pytest.approx(300), None)


def test_what_was_not_told_is_null_with_its_reason():
    rows = [row(t) for t in range(5)] + [row(t, device=1, power_w=5) for t in range(5)]
    assert telemetry.energy_j(rows, 0, 4 * S, [0]) == (None, "device 0: it tells neither power nor energy")
    assert telemetry.energy_j(rows, 0, 4 * S, [1, 2]) == (None, "device 2: it was not sampled")
    assert telemetry.energy_j(rows, 4 * S, 4 * S, [1])[0] is None
