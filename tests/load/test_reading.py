"""Responses cut into reads in every way give the same reading, and each event the time of its last byte."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from enginebench.load.reading import read


def event(value):
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def chunked(*pieces):
    body = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


EVENTS = [event({"choices": [{"text": text}]}) for text in (" one", " zwölf 10\r\n0", " 三")]
USAGE = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}})
DONE = b"data: [DONE]\n\n"
RESPONSE = chunked(*EVENTS, USAGE, DONE)


def cut(data, at):
    edges = [0, *sorted(set(at)), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


@given(st.lists(st.integers(1, len(RESPONSE) - 1), max_size=12))
def test_cuts_do_not_matter_and_times_are_those_of_the_last_byte(at):
    pieces = cut(RESPONSE, at)
    reads = [(1000 + index, piece) for index, piece in enumerate(pieces)]
    found = read(reads, None, None)
    assert (found.status, found.output_tokens, found.input_tokens) == ("ok", 3, 5)
    ends = [RESPONSE.index(one) + len(one) - 1 for one in EVENTS]
    total, times = 0, []
    for time_ns, piece in reads:
        total += len(piece)
        times += [time_ns for end in ends if total - len(piece) <= end - 1 < total]
    # An event is over with its line: the empty line behind it may come later.
    assert list(found.event_ns) == sorted(times)


def test_chunks_that_split_or_join_events_do_not_matter():
    whole = b"".join([*EVENTS, USAGE, DONE])
    for size in (1, 3, 50, len(whole)):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        found = read([(7, chunked(*pieces))], None, None)
        assert (found.status, found.event_ns, found.output_tokens) == ("ok", (7, 7, 7), 3)


def test_reasoning_and_tool_calls_bear_tokens_and_empty_deltas_do_not():
    deltas = [{"role": "assistant", "content": ""}, {"reasoning_content": "a"}, {"tool_calls": [{}]}, {"content": "b"}]
    events = [event({"choices": [{"delta": delta}]}) for delta in deltas]
    assert len(read([(1, chunked(*events, DONE))], None, None).event_ns) == 3


def test_a_stream_without_its_end_is_truncated():
    found = read([(1, chunked(*EVENTS))], None, None)
    assert (found.status, len(found.event_ns)) == ("truncated", 3)


def test_what_is_no_event_is_a_stream_error_that_shows_it():
    for payload in (b"data: {broken\n\n", b"data: [1]\n\n"):
        found = read([(1, chunked(EVENTS[0], payload))], None, None)
        assert found.status == "stream_error"
        assert "an event is no" in found.error


def test_an_end_without_any_token_is_no_success():
    found = read([(1, chunked(USAGE, DONE))], None, None)
    assert (found.status, found.error) == ("stream_error", "the answer ended without a token")


def test_comments_and_other_fields_are_passed_over():
    pieces = [b": ping\n\n", b"event: x\n", *EVENTS, b"id: 7\n\n", USAGE, DONE]
    assert len(read([(1, chunked(*pieces))], None, None).event_ns) == 3
