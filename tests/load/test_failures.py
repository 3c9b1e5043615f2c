"""Requests that go wrong: each ends with its own status and reason, and the others are measured all the same."""

from __future__ import annotations

import pytest

from enginebench.errors import UserError
from enginebench.load import Target, measure
from enginebench.records import ClosedLoop, Prompt
from enginebench.server import free_port

LOOP = ClosedLoop(kind="closed", concurrency=2)


def prompts(count):
    return [Prompt(token_ids=(i, i, i), text=None, input_tokens=3, output_tokens=8) for i in range(count)]


def send(url, count, timeout_s=30.0):
    target = Target(url=url, model="m", api="completions")
    return measure(target, prompts(count), LOOP, run="r", seed=1, request_timeout_s=timeout_s).requests


@pytest.mark.parametrize(
    ("script", "status", "words", "events"),
    [
        ({"http_error_at": [1]}, "http_error", 'HTTP 500: {"error": {"message": "scripted failure"}}', 0),
        ({"error_event_at": [1]}, "stream_error", "scripted failure", 4),
        ({"truncate_at": [1]}, "truncated", "the server closed the connection", 4),
        ({"stall_at": [1]}, "timeout", "no end within 1 s", 4),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_one_bad_request_among_good_ones(scripted, script, status, words, events):
    engine = scripted(ttft_ms=2, itl_ms=1, **script)
    requests = send(engine.url, 6, timeout_s=1.0)
    bad = [request for request in requests if request.status != "ok"]
    assert len(bad) == 1
    assert bad[0].status == status
    assert words in bad[0].error
    assert len(bad[0].event_ns) == events
    assert bad[0].end_ns > bad[0].sent_ns
    assert all(request.output_tokens == 8 for request in requests if request.status == "ok")


def test_a_server_that_dies_ends_all_requests_with_a_reason(scripted):
    requests = send(scripted(ttft_ms=5, itl_ms=1, die_at=3).url, 8)
    assert [request.status for request in requests].count("ok") >= 1
    bad = [request for request in requests if request.status != "ok"]
    assert {request.status for request in bad} <= {"truncated", "connection"}
    assert all(request.error for request in bad)


def test_nobody_listening_is_a_status_and_not_a_traceback():
    requests = send(f"http://127.0.0.1:{free_port()}", 3)
    assert [request.status for request in requests] == ["connection"] * 3
    assert all("refused" in request.error for request in requests)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1:1", "127.0.0.1:8000", "http://127.0.0.1:99999", "http://no.such.host.invalid"]
)
def test_a_url_that_cannot_be_measured_is_refused_before_anything_is_sent(url):
    with pytest.raises(UserError, match=r"^\S+: .+; .+$"):
        send(url, 1)
