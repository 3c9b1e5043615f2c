"""The client's times against the server's own record: both read the machine's one monotonic clock."""

from __future__ import annotations

import itertools
import statistics
import time

import pytest

from enginebench.load import Target, measure
from enginebench.records import ClosedLoop, OpenLoop, Prompt

MS = 1_000_000


def prompts(count, *, tokens=4, output=8):
    return [
        Prompt(token_ids=tuple(range(i, i + tokens)), text=None, input_tokens=tokens, output_tokens=output)
        for i in range(count)
    ]


def closed(concurrency):
    return ClosedLoop(kind="closed", concurrency=concurrency)


def send(engine, some, load, *, api="completions", timeout_s=30.0, **more):
    target = Target(url=engine.url, model="m", api=api)
    return measure(target, some, load, run="r", seed=1, request_timeout_s=timeout_s, **more)


def test_first_token_and_gaps_are_those_the_server_kept(scripted):
    engine = scripted(ttft_ms=60, itl_ms=10)
    begun_ns = time.monotonic_ns()
    outcome = send(engine, prompts(6), closed(2))
    seen = engine.record()["requests"]
    by_prompt = {tuple(one["asked"]["prompt"]): one for one in seen}
    for request, prompt in zip(outcome.requests, prompts(6), strict=True):
        truth = by_prompt[prompt.token_ids]
        # The start of the run lies between our reading of the clock and the first send.
        shift_ns = truth["received_ns"] - request.sent_ns
        assert begun_ns <= shift_ns
        sent_apart_ns = [b - a for a, b in itertools.pairwise(truth["event_ns"])]
        seen_apart_ns = [b - a for a, b in itertools.pairwise(request.event_ns)]
        assert len(request.event_ns) == 8
        differences = [abs(a - b) for a, b in zip(sent_apart_ns, seen_apart_ns, strict=True)]
        assert statistics.median(differences) < 2 * MS
        # Never earlier than the server's writing of it, and the median of all within a few ms of it.
        assert all(
            at + shift_ns >= truth_ns - 5 * MS for at, truth_ns in zip(request.event_ns, truth["event_ns"], strict=True)
        )
    late_ns = [
        (request.first_token_ns - request.sent_ns) - (truth["event_ns"][0] - truth["received_ns"])
        for request, truth in zip(outcome.requests, (by_prompt[p.token_ids] for p in prompts(6)), strict=True)
    ]
    assert min(late_ns) >= 0
    assert statistics.median(late_ns) < 5 * MS


def test_time_starts_before_the_send_and_not_at_the_connection(scripted):
    engine = scripted(ttft_ms=30, itl_ms=1)
    outcome = send(engine, prompts(3), closed(1))
    for request, truth in zip(outcome.requests, engine.record()["requests"], strict=True):
        assert request.first_token_ns - request.sent_ns >= truth["event_ns"][0] - truth["received_ns"]
        assert request.sent_ns >= request.scheduled_ns >= 0


def test_a_role_only_chunk_is_not_the_first_token(scripted):
    engine = scripted(ttft_ms=120, itl_ms=2, role_first=True)
    some = [Prompt(token_ids=None, text="one two", input_tokens=2, output_tokens=6)]
    (request,) = send(engine, some, closed(1), api="chat").requests
    assert request.status == "ok"
    assert request.first_token_ns - request.sent_ns >= 119 * MS
    assert request.first_event_ns - request.sent_ns < 60 * MS
    assert len(request.event_ns) == 6


def test_several_tokens_in_an_event_stay_one_event_with_the_servers_count(scripted):
    engine = scripted(ttft_ms=5, itl_ms=2, tokens_per_event=4)
    (request,) = send(engine, prompts(1, output=16), closed(1)).requests
    assert len(request.event_ns) == 4
    assert request.output_tokens == 16


@pytest.mark.parametrize(("script", "output"), [({"stop_at": 4}, 4), ({"stop_at": 4, "usage": False}, None)])
def test_output_length_is_what_the_server_says_not_what_was_asked(scripted, script, output):
    engine = scripted(ttft_ms=5, itl_ms=1, **script)
    (request,) = send(engine, prompts(1, output=8), closed(1)).requests
    assert (request.output_tokens, request.asked_output_tokens, len(request.event_ns)) == (output, 8, 4)


KEEP = {"last_header": "Keep-Alive: timeout=5, max=100"}
"""Headers that end as a body of chunks does: llama.cpp's."""


@pytest.mark.parametrize(
    "script", [{"dribble_bytes": 7}, {"content_length": True}, {"close": True}, KEEP, {"dribble_bytes": 1, **KEEP}, {}]
)
def test_every_framing_gives_the_same_reading(scripted, script):
    engine = scripted(ttft_ms=5, itl_ms=1, cached_tokens=2, **script)
    outcome = send(engine, prompts(4), closed(2))
    assert [request.status for request in outcome.requests] == ["ok"] * 4
    assert {len(request.event_ns) for request in outcome.requests} == {8}
    assert {(r.output_tokens, r.usage_input_tokens, r.cached_tokens) for r in outcome.requests} == {(8, 4, 2)}


def test_closed_loop_keeps_exactly_its_concurrency_in_flight(scripted):
    engine = scripted(ttft_ms=10, itl_ms=1)
    outcome = send(engine, prompts(15), closed(5))
    assert engine.record()["most_in_flight"] == 5
    edges = sorted([(r.sent_ns, 1) for r in outcome.requests] + [(r.end_ns, -1) for r in outcome.requests])
    running, most = 0, 0
    for _, step in edges:
        running += step
        most = max(most, running)
    assert most == 5


def test_every_prompt_is_sent_once_as_it_is(scripted):
    engine = scripted(ttft_ms=1, itl_ms=0)
    send(engine, prompts(12), closed(3), extra={"ignore_eos": True, "min_tokens": 8})
    asked = [one["asked"] for one in engine.record()["requests"]]
    assert sorted(one["prompt"] for one in asked) == sorted(list(p.token_ids) for p in prompts(12))
    assert all(one["ignore_eos"] and one["min_tokens"] == one["max_tokens"] == 8 for one in asked)
    assert all(one["stream_options"] == {"include_usage": True} and one["temperature"] == 0 for one in asked)


def test_open_loop_sends_when_due_and_does_not_wait_for_answers(scripted):
    engine = scripted(ttft_ms=400, itl_ms=1)
    load = OpenLoop(kind="open", rate_rps=100.0)
    outcome = send(engine, prompts(20), load)
    requests = outcome.requests
    assert engine.record()["most_in_flight"] > 5
    assert [r.scheduled_ns for r in requests] == sorted(r.scheduled_ns for r in requests)
    lag_ns = [r.sent_ns - r.scheduled_ns for r in requests]
    assert min(lag_ns) >= 0
    assert statistics.median(lag_ns) < 50 * MS, "an answer takes eight times as long"


def test_a_full_server_shows_as_late_first_tokens_in_an_open_loop(scripted):
    engine = scripted(ttft_ms=100, itl_ms=0, slots=1)
    outcome = send(engine, prompts(6, output=2), OpenLoop(kind="open", rate_rps=1000.0))
    ttft_ns = sorted(r.first_token_ns - r.sent_ns for r in outcome.requests)
    assert ttft_ns[-1] > 500 * MS


def test_progress_is_told_for_every_request(scripted):
    told = []
    send(scripted(ttft_ms=1, itl_ms=0), prompts(5), closed(2), on_done=told.append)
    assert told == [1, 2, 3, 4, 5]
