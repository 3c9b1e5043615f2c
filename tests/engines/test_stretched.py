"""The server that makes an engine slower by a known factor, before an engine of known timings."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time

import pytest

from scripted_engine import __file__ as SCRIPTED
from stretched_engine import __file__ as STRETCHED
from stretched_engine import free_port

ENGINE = """
import json, os, sys
port = str(json.loads(sys.argv[-1])["port"])
os.execv(sys.executable, [sys.executable, sys.argv[1], "--port", port, "--script", sys.argv[2]])
"""
SCRIPT = json.dumps({"ttft_ms": 60, "itl_ms": 20})


@pytest.fixture
def through():
    """Milliseconds from request to first and last token of two requests one after the other, stretched so."""
    running = []

    def ask(factor, rest):
        port = free_port()
        words = [sys.executable, STRETCHED, str(factor), str(rest), sys.executable, "-c", ENGINE, SCRIPTED, SCRIPT]
        running.append(subprocess.Popen([*words, json.dumps({"port": port})], stdout=subprocess.DEVNULL))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        wait_until_ready(connection)
        try:
            return [timed(connection) for _ in range(2)]
        finally:
            connection.close()

    yield ask
    for process in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, "as its engine, which ends so when it is told to"


def wait_until_ready(connection):
    deadline = time.monotonic() + 60
    while True:
        try:
            connection.request("GET", "/health")
            assert connection.getresponse().read() is not None
            return
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline
            connection.close()
            time.sleep(0.02)


def timed(connection):
    asked = {"model": "m", "prompt": [1, 2], "max_tokens": 6, "stream": True}
    begun = time.monotonic()
    connection.request("POST", "/v1/completions", json.dumps(asked), {"Content-Type": "application/json"})
    times = [
        (time.monotonic() - begun) * 1000
        for line in connection.getresponse()
        if line.startswith(b"data: {") and b'"text"' in line
    ]
    return times[0], times[5]


def test_every_latency_is_longer_by_the_factor(through):
    for first, last in through(2.0, 0.0):
        # The engine's own are 60 and 160 ms; a busy machine adds to them, and never takes away.
        assert 119 <= first < 300
        assert 319 <= last < 800


def test_a_rest_is_before_the_next_request_alone(through):
    (_, last), (second, end) = through(1.0, 0.5)
    # Half of the first answer's time is waited before the second is begun.
    assert last >= 159
    assert second >= 60 + 0.5 * 160 - 1
    assert end - second >= 99
