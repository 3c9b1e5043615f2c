"""What the warm-up fixes of a run: how far apart its slots begin and how many requests it sends."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from builders import a_point, a_request, closed, opened
from enginebench.records import ClosedLoop, Result
from enginebench.records.files import read
from enginebench.trial import pacing
from scripted_night import GRID, ScriptedNight

MS = 1_000_000
CONVOY = ClosedLoop(kind="closed", concurrency=4, start="convoy")


def test_a_request_is_expected_to_take_the_median_of_those_that_ended_well():
    took = [a_request(last_token_ns=at * MS) for at in (100, 120, 500)]
    failed = a_request(last_token_ns=9000 * MS, status="timeout")
    assert pacing.request_ns([*took, failed]) == 120 * MS
    assert pacing.request_ns([failed]) is None
    assert pacing.request_ns([]) is None


@pytest.mark.parametrize(
    ("load", "expected_ns", "spread_ns", "offsets"),
    [
        (closed(4), 100, 100, (0, 25, 50, 75)),
        (closed(4), None, 0, None),
        (closed(1), 100, 0, None),
        (CONVOY, 100, 0, None),
        (replace(closed(4), ramp_s=2e-6), 100, 2000, (0, 500, 1000, 1500)),
        (replace(closed(4), ramp_s=2e-6), None, 2000, (0, 500, 1000, 1500)),
        (opened(1.0), 100, None, None),
    ],
)
def test_slots_are_spread_over_a_request_unless_the_grid_says_otherwise(load, expected_ns, spread_ns, offsets):
    assert pacing.spread_ns(load, expected_ns) == spread_ns
    assert pacing.slot_offsets_ns(load, spread_ns) == offsets


def test_a_run_sends_as_many_requests_as_its_shortest_time_takes():
    point = a_point(load=closed(4), requests=16, at_least_s=3.0)
    assert pacing.requests(point, 100 * MS) == 4 * 30
    assert pacing.requests(point, 2_000 * MS) == 16
    assert pacing.requests(point, None) == 16
    assert pacing.requests(point, 1) == 1600, "bounded"
    assert pacing.requests(replace(point, at_least_s=0.0), 100 * MS) == 16
    assert pacing.requests(replace(point, load=opened(1.0)), 100 * MS) == 16


def test_what_did_not_go_as_asked_is_marked():
    point = a_point(load=closed(4), at_least_s=3.0)
    assert pacing.marks(point, 100, 3_000 * MS) == ()
    assert pacing.marks(point, 0, 3_000 * MS) == ("convoy",)
    assert pacing.marks(point, 100, 2_999 * MS) == ("short_run",)
    assert pacing.marks(replace(point, load=CONVOY), 0, 3_000 * MS) == ()
    assert pacing.marks(a_point(load=closed(1)), 0, 1) == ()
    assert pacing.marks(a_point(load=opened(1.0)), None, 1) == ()


def measured(tmp_path, loads, requests):
    """The runs of a trial on the scripted engine, and the rows of its requests."""
    lines = [line for line in GRID.splitlines() if not line.startswith(("loads", "requests", "repeats"))]
    grid = "\n".join([*lines, f"loads: {loads}", f"requests: {requests}", "repeats: 1"])
    night = ScriptedNight(tmp_path, grid=grid, ttft_ms=100, itl_ms=20)
    code, output, errors = night.night()
    assert code == 0, output + errors
    (folder,) = night.store.glob("night=*/trial=*")
    return read(Result, folder / "result.json").runs, pq.read_table(folder / "requests.parquet").to_pylist()


def test_slots_of_a_trial_begin_spread_and_the_run_keeps_over_how_long(tmp_path):
    (run,), rows = measured(tmp_path, "{concurrency: [4]}", "{per_slot: 3, warmup_per_slot: 1, at_least_s: 1.5}")
    # 100 ms and five times 20 ms, and what a busy machine adds.
    assert 200 * MS <= run.spread_ns < 400 * MS
    firsts = [row["scheduled_ns"] for row in sorted(rows, key=lambda row: row["scheduled_ns"])]
    assert firsts[1] == run.spread_ns // 4
    assert len(rows) == 4 * -(-1500 * MS // run.spread_ns) > 12
    assert "convoy" not in run.marks
    # The warm-up may have been slowed down by other work, and the run not.
    assert ("short_run" in run.marks) == (run.duration_ns < 1500 * MS)
    assert run.intervals["ttft_p50_ns"][0] <= run.metrics["ttft_p50_ns"] <= run.intervals["ttft_p50_ns"][1]


def test_without_a_warm_up_all_slots_begin_at_once_and_the_run_says_so(tmp_path):
    (run,), rows = measured(tmp_path, "{concurrency: [4]}", "{per_slot: 1, warmup_per_slot: 0}")
    assert run.spread_ns == 0
    assert "convoy" in run.marks
    assert sum(row["scheduled_ns"] == 0 for row in rows) == 4
