"""Slots of a closed loop that begin at times of their own."""

from __future__ import annotations

from enginebench.load import Target, measure
from enginebench.records import ClosedLoop, Prompt

MS = 1_000_000


def prompts(count):
    return [Prompt(token_ids=(i, 1, 2), text=None, input_tokens=3, output_tokens=4) for i in range(count)]


def send(engine, count, concurrency, offsets_ms):
    return measure(
        Target(url=engine.url, model="m", api="completions"),
        prompts(count),
        ClosedLoop(kind="closed", concurrency=concurrency),
        run="r",
        seed=1,
        request_timeout_s=30.0,
        slot_offsets_ns=None if offsets_ms is None else [at * MS for at in offsets_ms],
    ).requests


def test_each_slot_sends_its_first_request_at_its_time_and_then_whenever_one_ends(scripted):
    engine = scripted(ttft_ms=40, itl_ms=10)
    requests = send(engine, 9, 3, [0, 30, 60])
    assert [r.scheduled_ns for r in requests[:3]] == [0, 30 * MS, 60 * MS]
    assert all(r.sent_ns >= r.scheduled_ns for r in requests)
    ends = sorted(r.end_ns for r in requests)
    assert [r.scheduled_ns for r in requests[3:]] == ends[:6]
    assert engine.record()["most_in_flight"] == 3


def test_a_slot_that_begins_late_finds_the_others_at_work(scripted):
    requests = send(scripted(ttft_ms=5, itl_ms=2), 40, 2, [0, 100])
    assert {r.status for r in requests} == {"ok"}
    (late,) = [r for r in requests if r.scheduled_ns == 100 * MS]
    assert 0 < late.index < 20


def test_a_slot_that_is_no_longer_needed_sends_nothing(scripted):
    requests = send(scripted(ttft_ms=1, itl_ms=0), 3, 2, [0, 20_000])
    assert [r.status for r in requests] == ["ok"] * 3
    assert requests[-1].sent_ns < 10_000 * MS


def test_without_times_all_begin_at_once(scripted):
    assert [r.scheduled_ns for r in send(scripted(ttft_ms=5, itl_ms=1), 4, 4, None)] == [0, 0, 0, 0]
