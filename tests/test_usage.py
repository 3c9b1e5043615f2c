"""Who used the CPUs: real processes that burn a known amount of CPU time, whatever else the machine does meanwhile.

What is compared is CPU-seconds (cores × the interval's length), which do not depend on how busy the machine is; only
what the machine's other programs add to the neighbours' has no upper bound here.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import namedtuple

import psutil
import pytest

from enginebench import usage
from enginebench.records import Usage

BURN_S = 0.8
BURNER = """
import sys, time
sys.stdin.readline()
begin = time.process_time()
while time.process_time() - begin < {burn}:
    pass
print("burnt", flush=True)
sys.stdin.readline()
"""
DETACHER = """
import os, sys
if os.fork():
    os._exit(0)
os.setsid()
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
PARENT = """
import subprocess, sys
sys.stdin.readline()
subprocess.run([sys.executable, "-c", sys.argv[1]], input=b"\\n", stdout=subprocess.DEVNULL)
print("burnt", flush=True)
sys.stdin.readline()
"""


def spawn(*argv):
    return subprocess.Popen([sys.executable, "-c", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def measure(process, server_pids):
    """Usage while `process` burns BURN_S, in CPU-seconds: server, client, neighbours."""
    meter = usage.Meter(lambda: server_pids)
    begin_s = time.monotonic()
    meter.start()
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"burnt\n"
    while time.monotonic() - begin_s < 2 * usage.SHORTEST_S:
        time.sleep(0.05)
    used = meter.stop()
    span_s = time.monotonic() - begin_s
    process.stdin.close()
    return used.server_cores * span_s, used.client_cores * span_s, used.neighbour_cores * span_s


def test_the_servers_time_is_the_servers():
    with spawn(BURNER.format(burn=BURN_S)) as process:
        server_s, client_s, _ = measure(process, [process.pid])
    assert server_s == pytest.approx(BURN_S, rel=0.2)
    assert client_s < BURN_S / 2


def test_a_child_that_is_not_the_server_is_the_clients():
    with spawn(BURNER.format(burn=BURN_S)) as process:
        server_s, client_s, _ = measure(process, [])
    assert server_s == 0
    assert client_s > BURN_S * 0.9


@pytest.fixture
def stranger():
    """A burner that does not descend from this process, and its id."""
    process = spawn(DETACHER, "import os; print(os.getpid(), flush=True)\n" + BURNER.format(burn=BURN_S))
    process.wait(20)
    with process:
        pid = int(process.stdout.readline())
        assert pid not in {child.pid for child in psutil.Process().children(recursive=True)}
        yield process, pid


def test_a_stranger_is_a_neighbour(stranger):
    process, _ = stranger
    server_s, client_s, neighbour_s = measure(process, [])
    assert neighbour_s > BURN_S * 0.8
    assert client_s < BURN_S / 2
    assert server_s == 0


def test_a_stranger_that_is_named_as_server_is_the_servers(stranger):
    process, pid = stranger
    server_s, _, _ = measure(process, [pid])
    assert server_s == pytest.approx(BURN_S, rel=0.2)


def test_a_process_of_the_server_that_came_and_went_counts():
    with spawn(PARENT, BURNER.format(burn=BURN_S)) as process:
        server_s, _, _ = measure(process, [process.pid])
    assert BURN_S * 0.9 < server_s < BURN_S * 2  # and the interpreter's start


def test_a_process_that_the_server_started_counts_while_it_lives():
    relay = """
import subprocess, sys
with subprocess.Popen([sys.executable, "-c", sys.argv[1]]):
    pass
"""
    with spawn(relay, BURNER.format(burn=BURN_S)) as process:
        server_s, _, _ = measure(process, [process.pid])
    assert BURN_S * 0.9 < server_s < BURN_S * 2


def test_a_server_that_died_leaves_a_usage_without_negative_parts():
    with spawn(BURNER.format(burn=BURN_S)) as process:
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        meter = usage.Meter(lambda: [process.pid])
        meter.start()
        process.kill()
        process.wait(20)
        end_s = time.monotonic() + 2 * usage.SHORTEST_S
        while time.monotonic() < end_s:
            time.sleep(0.05)
        used = meter.stop()
    assert used.server_cores == 0
    assert used.client_cores * 2 * usage.SHORTEST_S < BURN_S / 2, "a reaped server's time is not the client's"
    assert used.neighbour_cores >= 0


def test_a_platform_that_does_not_count_is_not_told(monkeypatch):
    times = namedtuple("scputimes", ["user", "nice", "system", "idle"])
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(1.0, 0.0, 1.0, 1.0))
    meter = usage.Meter(list)
    meter.start()
    assert meter.stop() is None


@pytest.fixture
def clock(monkeypatch):
    """Times of the whole machine that a test sets: (seconds, busy, stolen)."""
    times = namedtuple("scputimes", ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"])
    now = {"s": 0.0, "busy": 0.0, "stolen": 0.0}

    def cpu_times():
        return times(*[now["busy"] / 5] * 3, 1e9 + now["s"], now["s"], *[now["busy"] / 5] * 2, now["stolen"])

    monkeypatch.setattr(psutil, "cpu_times", cpu_times)
    monkeypatch.setattr(usage.time, "monotonic", lambda: now["s"])
    return now


@pytest.mark.parametrize(("span_s", "told"), [(0.19, False), (0.21, True)])
def test_too_short_an_interval_is_not_told(clock, span_s, told):
    meter = usage.Meter(list)
    meter.start()
    clock.update(s=span_s)
    assert (meter.stop() is not None) is told


def test_what_the_hypervisor_took_is_stolen_and_waiting_is_nobodys(clock):
    meter = usage.Meter(list)
    meter.start()
    clock.update(s=100.0, busy=200.0, stolen=50.0)
    used = meter.stop()
    assert used.stolen_cores == pytest.approx(0.5)
    assert used.neighbour_cores == pytest.approx(2.0, abs=0.05)


def burn():
    begin_s = time.process_time()
    while time.process_time() - begin_s < 0.2:
        pass


def test_the_parts_add_up_to_what_the_machine_did(clock):
    with spawn(BURNER.format(burn=BURN_S)) as process:
        meter = usage.Meter(lambda: [process.pid])
        meter.start()
        burn()
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        clock.update(s=10.0, busy=5.0)
        used = meter.stop()
        process.stdin.close()
    assert used.client_cores > 0.015
    assert used.server_cores > 0.07
    assert used.server_cores + used.client_cores + used.neighbour_cores == pytest.approx(0.5)


def test_rounding_below_nothing_is_nothing(clock):
    meter = usage.Meter(list)
    meter.start()
    burn()
    clock.update(s=10.0)
    assert meter.stop().neighbour_cores == 0


@pytest.mark.parametrize(
    ("neighbour", "stolen", "expected"),
    [
        (0.0, 0.0, ()),
        (0.3, 0.3, ()),
        (0.31, 0.0, ("neighbour",)),
        (0.0, 0.31, ("stolen",)),
        (2, 1, ("neighbour", "stolen")),
    ],
)
def test_marks_are_set_above_the_threshold(neighbour, stolen, expected):
    used = Usage(server_cores=1.0, client_cores=0.9, neighbour_cores=neighbour, stolen_cores=stolen)
    assert usage.marks(used) == expected
    assert usage.marks(None) == ()
