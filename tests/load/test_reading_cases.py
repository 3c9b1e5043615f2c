"""One test a case of what servers send, each naming the class under which the result keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enginebench.load import SEEN, STATUSES
from enginebench.load.reading import Reading, read
from responses import DONE, FINISH, HEAD, LAST, chunk, chunked, delta, event, said, text, usage

AB = (text(" a"), text(" b"))
WHOLE = ()
"""Classes of a response that is as it should be."""


def native(words, ids, total, finish=None, **meta):
    """An event of SGLang's `/generate`, as 0.5.21 sends it."""
    told = {"id": "1", "prompt_tokens": 4, "completion_tokens": total, "cached_tokens": 1, "finish_reason": finish}
    return event({"text": words, "output_ids": ids, "meta_info": told | meta})


LENGTH = {"type": "length", "length": 3}
CASES = [
    ("completions", AB, {}, 2, WHOLE),
    ("chat", (delta(content="a"), delta(content="b")), {}, 2, WHOLE),
    ("role-only chunk", (delta(role="assistant", content=""), delta(content="a")), {}, 1, ("role_chunk",)),
    ("empty chunk", (text(""), *AB), {}, 2, ("empty_chunk",)),
    ("reasoning, vLLM's name", (delta(reasoning="so"), delta(content="a")), {}, 2, ("reasoning",)),
    ("reasoning, SGLang's name", (delta(reasoning_content="so"), delta(content="a")), {}, 2, ("reasoning",)),
    (
        "tool calls: name, arguments, neither",
        (
            delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": ""}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": ""}}]),
        ),
        {},
        2,
        ("empty_chunk", "tool_calls"),
    ),
    ("comments", (b": ping\n\n", AB[0], b":\n\n", AB[1]), {}, 2, ("comment",)),
    ("other fields", (b"event: message\nid: 1\n" + AB[0], b"retry: 9\n\n", AB[1]), {}, 2, ("other_fields",)),
    ("an event without data", (b"data:\n\n", *AB), {}, 2, ("empty_event",)),
    ("JSON that is no part of an answer", (event({"type": "ping"}), *AB), {}, 2, ("other_event",)),
    ("DONE missing", AB, {"ends": (FINISH, usage(2))}, 2, ("no_done",)),
    ("usage missing", AB, {"ends": (FINISH, DONE)}, 2, ("no_usage",)),
    ("events behind DONE", AB, {"ends": (FINISH, usage(2), DONE, AB[0])}, 2, ("after_done",)),
    ("the last empty line missing", AB, {"ends": (FINISH, usage(2), DONE[:-1])}, 2, ("open_event",)),
    ("broken off after the end", AB, {"ends": (FINISH, usage(2), DONE), "cut": 5}, 2, ("broken_end",)),
    ("bytes behind the end", AB, {"behind": b"HTTP/1.1 200 OK\r\n"}, 2, ("after_end",)),
    (
        "several choices",
        (event({"choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "b"}]}), AB[0]),
        {},
        2,
        ("several_choices",),
    ),
]


@pytest.mark.parametrize(("events", "how", "count", "seen"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_an_answer_that_is_whole(events, how, count, seen):
    parts = [HEAD, *map(chunk, [*events, *how.get("ends", (FINISH, usage(2), DONE))]), LAST, how.get("behind", b"")]
    parts[-2] = parts[-2][: len(LAST) - how.get("cut", 0)]
    broken = ("truncated", "gone") if "cut" in how else (None, None)
    found = read(list(enumerate(parts)), *broken)
    assert (found.status, found.error, len(found.event_ns), found.seen) == ("ok", None, count, seen)


def test_the_first_token_is_that_of_the_first_event_that_bears_one():
    found = said(delta(role="assistant", content=""), delta(content=""), delta(content="ab"), delta(content="c"))
    assert (list(found.event_ns), found.first_chars, found.output_chars) == ([3, 4], 2, 3)


def test_several_tokens_in_an_event():
    found = said(text(" a", token_ids=[1]), text(" b c", token_ids=[2, 3]), ends=(FINISH, usage(3), DONE))
    assert (list(found.event_tokens), found.output_tokens) == ([1, 2], 3)
    assert found.seen == ("several_tokens", "token_ids")


def test_several_events_in_a_segment():
    found = read([(5, chunked(*AB, FINISH, usage(2), DONE))], None, None)
    assert (list(found.event_ns), found.shared_reads, found.seen) == ([5, 5], 1, ("shared_read",))


def test_one_event_over_several_segments():
    one = chunk(AB[0])
    reads = [(1, HEAD + one[:20]), (2, one[20:40]), (3, one[40:]), (4, b"".join(map(chunk, [FINISH, usage(1), DONE])))]
    found = read([*reads, (5, LAST)], None, None)
    assert (list(found.event_ns), found.shared_reads, found.seen) == ([3], 0, ("split_event",))


def used(words, total, **more):
    return event({"choices": [{"text": words}], "usage": {"prompt_tokens": 5, "completion_tokens": total}} | more)


def test_usage_in_every_chunk_tells_the_tokens_of_each():
    found = said(used("a", 1), used("b c", 3), used("", 4), used("", 4), ends=(FINISH, usage(4), DONE))
    assert (list(found.event_tokens), len(found.event_ns), found.output_tokens) == ([1, 2, 1], 3, 4)
    assert found.seen == ("empty_chunk", "held_text", "several_tokens", "usage_each_chunk")


def test_usage_in_the_last_chunk_alone_tells_the_total_and_not_when():
    last = event({"choices": [{"text": "", "finish_reason": "stop"}], "usage": {"completion_tokens": 9}})
    found = said(*AB, ends=(last, DONE))
    assert (found.output_tokens, found.event_tokens, len(found.event_ns), found.seen) == (9, None, 2, ())
    found = said(ends=(last, DONE))
    assert (found.status, found.error, found.output_tokens) == ("stream_error", "the answer ended without a token", 9)


def test_cached_tokens_are_read_where_the_server_tells_them():
    found = said(*AB, ends=(FINISH, usage(2, prompt_tokens_details={"cached_tokens": 4}), DONE))
    assert (found.input_tokens, found.cached_tokens) == (5, 4)
    assert said(*AB, ends=(FINISH, usage(2, prompt_tokens_details=None), DONE)).cached_tokens is None


def test_counts_that_fall_or_do_not_add_up_are_not_kept():
    found = said(used("a", 5), used("b", 2), used("c", 3), ends=(FINISH, usage(3), DONE))
    assert (found.event_tokens, found.output_tokens) == (None, 3)
    found = said(text("a", token_ids=[1]), ends=(FINISH, usage(3), DONE))
    assert (found.event_tokens, found.output_tokens, found.seen) == (None, 3, ("token_ids", "tokens_disagree"))


def test_token_ids_of_vllm_tell_tokens_whose_text_is_held_back():
    held = (text("", token_ids=[1]), text(" ab", token_ids=[2]), text(" c", token_ids=[]), text("", token_ids=[]))
    found = said(*held, ends=(FINISH, DONE))
    assert (list(found.event_ns), list(found.event_tokens), found.output_tokens) == ([1, 2, 3], [1, 1, 0], 2)
    assert found.seen == ("empty_chunk", "held_text", "token_ids")


def test_without_usage_the_output_is_unknown_unless_the_events_tell_it():
    assert said(*AB, ends=(FINISH, DONE)).output_tokens is None
    told = [text(" a", token_ids=[n]) for n in range(3)]
    assert said(*told, ends=(FINISH, DONE)).output_tokens == 3
    assert said(*told, AB[0], ends=(FINISH, DONE)).output_tokens is None


def test_generate_repeats_all_text_so_far():
    events = (native("a", [1], 1), native("a bc", [1, 2, 3], 3), native("a bc", [1, 2, 3, 4], 4))
    found = said(*events, ends=(native("a bcd", [1, 2, 3, 4, 5], 5, LENGTH), DONE))
    assert (found.status, list(found.event_ns), list(found.event_tokens)) == ("ok", [1, 2, 3, 4], [1, 2, 1, 1])
    assert (found.first_chars, found.output_chars) == (1, 5)
    assert (found.output_tokens, found.input_tokens, found.cached_tokens) == (5, 4, 1)
    assert found.seen == ("cumulative", "held_text", "several_tokens", "token_ids")


def test_generate_of_a_server_that_streams_what_is_new():
    events = (native("a", [1], 1), native(" bc", [2, 3], 3))
    found = said(*events, ends=(native("d", [4], 4, LENGTH), DONE))
    assert (list(found.event_tokens), found.output_chars) == ([1, 2, 1], 5)
    assert found.seen == ("several_tokens", "token_ids")


def test_generate_without_text_counts_ids():
    events = [event({"output_ids": list(range(n)), "meta_info": {"finish_reason": None}}) for n in (1, 2)]
    found = said(*events, ends=(native(None, [0, 1, 2], None, LENGTH), DONE))
    assert (found.status, list(found.event_tokens), found.output_tokens) == ("ok", [1, 1, 1], 3)


def test_generate_that_the_server_aborts():
    abort = {"type": "abort", "message": "no memory", "status_code": 500}
    found = said(native("a", [1], 1), ends=(native("a", [1], 1, abort), DONE))
    assert (found.status, found.error) == ("stream_error", "the server ended the answer with abort: no memory")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
def test_one_json_document_in_place_of_events(kind):
    choice = {"index": 0, "message": {"role": "assistant", "content": "a b"}, "finish_reason": "stop"}
    body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}, indent=1).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    found = read([(1, head), (2, body[:30]), (3, body[30:])], None, None)
    assert (found.status, list(found.event_ns), list(found.event_tokens)) == ("ok", [3], [2])
    assert found.seen == ("not_streamed", "several_tokens")
    assert read([(1, head), (2, body[:30])], "truncated", "gone").status == "truncated"


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"])
def test_a_body_of_known_length_or_up_to_the_end_of_the_connection(head):
    body = b"".join([*AB, FINISH, usage(2), DONE])
    head = head % len(body) if b"%" in head else head
    assert read([(1, head), (2, body)], None, None).seen == ("shared_read",)
    assert read([(1, head), (2, body[:60])], "truncated", "gone").status == "truncated"


FAULTS = [
    ({"error": {"message": "no memory", "code": 500}}, "stream_error", "error in the stream: no memory"),
    ({"error": "no memory"}, "stream_error", "error in the stream: no memory"),
    ({"object": "error", "message": "no memory"}, "stream_error", "error in the stream: no memory"),
    ({"choices": [{"text": "", "finish_reason": "abort"}]}, "stream_error", "finish_reason abort"),
    ([1], "bad_json", "an event is not of the API's form (Expected `object`, got `array`): [1]"),
    ({"choices": "a"}, "bad_json", "an event is not of the API's form"),
]


@pytest.mark.parametrize(("value", "status", "words"), FAULTS)
def test_a_fault_in_mid_stream_ends_the_reading_with_its_class(value, status, words):
    found = said(AB[0], event(value), AB[1])
    assert (found.status, len(found.event_ns)) == (status, 1)
    assert words in found.error


RAW_FAULTS = [
    (b"data: {broken\n\n", "bad_json", "an event is not JSON: {broken"),
    (b'data: {"choices": [{"text": NaN}]}\n\n', "bad_json", "an event is not JSON"),
    (b"data: " + b"[" * 5000 + b"\n\n", "bad_json", "an event is not"),
    (b'data: {"id": "\xff", "choices": [{"text": "a"}]}\n\n', "bad_utf8", "an event is no UTF-8"),
    (b'data: {"choices": [{"text": "\xc3"}]}\n\n', "bad_utf8", "(byte 23)"),
    (b'error: {"message": "no memory"}\n\n', "stream_error", "error in the stream: no memory"),
]


@pytest.mark.parametrize(("data", "status", "words"), RAW_FAULTS)
def test_an_event_that_is_no_json_or_no_utf8(data, status, words):
    found = said(AB[0], data, AB[1])
    assert (found.status, len(found.event_ns)) == (status, 1)
    assert words in found.error


def test_half_a_surrogate_pair_is_json():
    found = said(b'data: {"choices": [{"text": "a\\ud83d"}]}\n\n')
    assert (found.status, found.output_chars) == ("ok", 2)


BAD_HTTP = [
    (b"nonsense\r\n\r\n", "no HTTP/1.1 status line"),
    (b"nonsense", "no HTTP/1.1 status line"),
    (b"HTTP/1.1 abc\r\n\r\n", "no HTTP/1.1 status line"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "a content length that is no number"),
    (HEAD + b"xyz\r\n", "a chunk size that is no number"),
    (HEAD + b"5\r\ndata:oops\r\n", "a chunk is not as long as it says"),
    (HEAD + b"5\n", "does not end in CR LF"),
    (HEAD + b"1" * 9000, "a line of the framing of more than"),
    (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, "headers of more than"),
]


@pytest.mark.parametrize(("data", "words"), BAD_HTTP, ids=range(len(BAD_HTTP)))
def test_what_is_no_http(data, words):
    found = read([(1, data)], "truncated", "gone")
    assert found.status == "bad_http"
    assert words in found.error


def test_an_informational_response_before_the_response():
    found = read([(1, b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(*AB, FINISH, usage(2), DONE))], None, None)
    assert (found.status, found.http_status) == ("ok", 200)


def refused(status, body):
    return read([(1, b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)], None, None)


def test_an_http_error_keeps_its_body_and_its_message():
    assert refused(503, b"busy").error == "HTTP 503: busy"
    assert refused(500, b"").error == "HTTP 500: "
    assert refused(400, b'{"error": {"message": "too long"}}').error == 'HTTP 400: {"error": {"message": "too long"}}'
    long = json.dumps({"error": {"message": "w" * 300}}).encode()
    assert refused(400, long).error == f"HTTP 400: {long.decode()[:200]}; message: {'w' * 300}"
    quoted = json.dumps({"object": "error", "message": 'no "x"', "code": 400}).encode()
    assert refused(400, quoted).error.endswith('; message: no "x"')
    assert (refused(400, long).status, refused(400, long).http_status) == ("http_error", 400)


@pytest.mark.parametrize(
    ("reads", "broken", "status", "error"),
    [
        ([], "connection", "connection", "gone"),
        ([], None, "connection", "no response"),
        ([], "timeout", "timeout", "gone"),
        ([HEAD[:30]], "truncated", "truncated", "gone"),
        ([HEAD, *map(chunk, AB)], "truncated", "truncated", "gone"),
        ([HEAD, *map(chunk, AB)], "timeout", "timeout", "gone"),
        ([chunked(*AB)], None, "truncated", "the stream ended without a finish"),
        ([chunked(FINISH, usage(0), DONE)], None, "stream_error", "the answer ended without a token"),
    ],
)
def test_an_answer_that_is_not_whole(reads, broken, status, error):
    found = read(list(enumerate(reads)), broken, "gone" if broken else None)
    assert (found.status, found.error) == (status, error)


def test_every_class_is_named_by_a_test_and_described():
    page = Path(__file__).parents[2] / "docs" / "load.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `")] == [
        f"| `{name}` | {meaning} |" for classes in (STATUSES, SEEN) for name, meaning in classes.items()
    ]
    source = "".join(
        Path(__file__).with_name(name).read_text(encoding="utf-8") for name in (Path(__file__).name, "test_wire.py")
    )
    assert [name for name in (*STATUSES, *SEEN) if f'"{name}"' not in source] == []
    assert list(SEEN) == sorted(SEEN)
    assert Reading.__doc__


def test_the_first_event_with_a_choice_is_kept_apart_from_the_first_token():
    parts = (HEAD, b": ping\n\n", delta(role="assistant", content=""), delta(content="a"), delta(content="b"))
    reads = [(10 * place, HEAD if place == 0 else chunk(part)) for place, part in enumerate(parts)]
    reads.append((99, b"".join(chunk(part) for part in (FINISH, DONE)) + LAST))
    found = read(reads, None, None)
    assert found.status == "ok"
    assert (found.first_event_ns, list(found.event_ns)) == (20, [30, 40])
    assert read(reads[:1] + reads[3:], None, None).first_event_ns == 30
    assert read([(0, HEAD + LAST)], None, None).first_event_ns is None
