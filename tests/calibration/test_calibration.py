"""The load generator against the server of known timings, and the server against its own schedule."""

from __future__ import annotations

import json
import time

import pytest

from enginebench import load
from enginebench.calibration import calibrate
from enginebench.calibration.known import Timings, known_server
from enginebench.cli import main
from enginebench.load import Target
from enginebench.records import Calibration, ClosedLoop, Prompt
from enginebench.records.files import read

MS = 1_000_000
QUICK = Timings(ttft_ns=20 * MS, itl_ns=4 * MS, tokens=8)


def test_the_server_keeps_to_its_timings_and_writes_down_what_it_sent():
    prompts = [Prompt(token_ids=(index, 0), text=None, input_tokens=2, output_tokens=8) for index in range(6)]
    target = Target(url="", model="m", api="completions")
    with known_server(QUICK) as server:
        target = Target(url=server.url, model="m", api="completions")
        load_2 = ClosedLoop(kind="closed", concurrency=2)
        outcome = load.measure(target, prompts, load_2, run="r", seed=1, request_timeout_s=20)
        sent = server.stop()
    assert [request.status for request in outcome.requests] == ["ok"] * 6
    assert [request.output_tokens for request in outcome.requests] == [8] * 6
    assert sorted(sent) == list(range(6))
    for request in outcome.requests:
        truth = sent[request.index]
        assert len(truth.sent_ns) == len(request.event_ns) == 8
        # Never before it is due, and the schedule is absolute: a late token does not move the next.
        due_ns = [truth.received_ns + QUICK.ttft_ns + place * QUICK.itl_ns for place in range(8)]
        assert all(at >= due for at, due in zip(truth.sent_ns, due_ns, strict=True))


def test_the_server_ends_with_its_block():
    with known_server(QUICK) as server:
        process = server._process
    assert process.poll() is not None


def test_every_level_is_measured_against_the_servers_record():
    found = calibrate([1, 3], QUICK)
    assert [level.concurrency for level in found.levels] == [1, 3]
    for level in found.levels:
        assert level.failed_requests == 0
        # The kernel's times: the client sees what the server sent within a small part of a gap, on a busy machine too.
        assert level.ttft_error_mean_ns < 2 * MS
        assert level.tpot_error_share < 0.05
        assert level.client_cpu_s_per_mtok > 0


@pytest.mark.parametrize(
    ("change", "exact"),
    [
        ({}, True),
        ({"ttft_error_mean_ns": 2e5}, False),
        ({"ttft_error_p99_ns": 6e5}, False),
        ({"tpot_error_share": 0.002}, False),
        ({"itl_p99_error_share": None}, False),
        ({"throughput_error_share": 0.006}, False),
        ({"failed_requests": 1}, False),
    ],
)
def test_what_counts_as_exact(change, exact):
    from dataclasses import replace

    from enginebench.records import CalibrationLevel

    good = CalibrationLevel(
        concurrency=1,
        requests=8,
        failed_requests=0,
        ttft_error_mean_ns=1e4,
        ttft_error_p99_ns=1e5,
        tpot_error_share=1e-4,
        itl_p99_error_share=1e-3,
        throughput_error_share=1e-3,
        lag_p99_ns=1e6,
        client_cpu_s_per_mtok=5.0,
        client_cores=0.1,
        server_late_p99_ns=1e5,
    )
    assert replace(good, **change).exact() == exact


def test_the_command_shows_and_keeps_what_it_found(tmp_path, capsys):
    begun = time.time()
    code = main(["calibrate", "--concurrency", "2", "--store", str(tmp_path / "store")])
    told = capsys.readouterr().out
    (path,) = (tmp_path / "store" / "calibrations").iterdir()
    kept = read(Calibration, path)
    assert code == (0 if kept.levels[0].exact() else 1)
    assert "in flight" in told
    assert str(path) in told
    assert kept.levels[0].requests >= 6
    assert json.loads(path.read_text())["format"] == "enginebench.calibration/1"
    assert time.time() - begun < 60


def test_a_level_that_is_none_is_told(tmp_path, capsys):
    assert main(["calibrate", "--concurrency", "0", "--store", str(tmp_path)]) == 2
    assert "--concurrency 0: no number of requests in flight" in capsys.readouterr().err
