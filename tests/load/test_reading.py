"""Responses cut into reads and feeds in every way give the same reading, by the quick way and by the exact one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from enginebench.load.reading import Reader, read
from responses import DONE, FINISH, HEAD, LAST, chunk, chunked, cut, delta, event, fed, text, usage

EVENTS = [text(" one"), text(" zwölf 10\r\n0"), text(" 三")]
RESPONSE = chunked(*EVENTS, usage(3), DONE)


class Exact(Reader):
    """Reads byte by byte whatever could be read at a look."""

    def _find(self, data):
        self._find_exactly(data, 0)


words = st.sampled_from([" a", "", "ü三", "\n\n\r\n", '"\\', "0\r\n\r\n"])
sane = st.one_of(
    words.map(text),
    words.map(lambda word: text(word, token_ids=[1, 2])),
    words.map(lambda word: delta(content=word)),
    st.sampled_from(
        [
            delta(role="assistant", content=""),
            delta(reasoning="b"),
            event({"choices": [{"text": "x"}], "usage": {"completion_tokens": 1}}),
            event({"text": "ab", "output_ids": [1, 2], "meta_info": {"completion_tokens": 2}}),
            FINISH,
            usage(2),
            DONE,
            b": ping\n\n",
            b'data: {"choices":\ndata: [{"text": "y"}]}\n\n',
            b'data: {"choices":\r\ndata: [{"text": "y"}]}\r\n\r\n',
            b'data: {"choices":\n[{"text": "y"}]}\n\n',
            b'data: {"choices":\r[{"text": "y"}]}\n\n',
            b'data: {"choices": [{"text": "z"}]}\r\n\r\n',
            b'data:{"choices": [{"text": "z"}]}\r\r',
            b"event: x\nid: 3\nretry: 1\n\n",
            b'error: {"message": "m"}\n\n',
            b"data: \n\n",
            b"data: \xff\n\n",
            b"data: {\n\n",
            b'data: {"error": "e"}\n\n',
            b"\xef\xbb\xbfdata: {}\n\n",
        ]
    ),
)
framings = st.sampled_from(
    [
        chunk,
        chunk,
        chunk,
        lambda piece: b"%X;name=1\r\n%b\r\n" % (len(piece), piece),
        lambda piece: b"00%x\r\n%b\r\n" % (len(piece), piece),
        lambda piece: chunk(piece[:-1]) + chunk(piece[-1:]),
        lambda piece: chunk(piece[:7]) + chunk(piece[7:]) if len(piece) > 7 else chunk(piece),
        lambda piece: chunk(piece * 2),
        lambda piece: chunk(piece[:-2]),
        lambda piece: b"%x\r\n%b\r\n" % (len(piece) + 1, piece),
        lambda piece: b"zz\r\n" + piece,
    ]
)
responses = st.builds(
    lambda parts, last: HEAD + b"".join(framing(piece) for piece, framing in parts) + last,
    st.lists(st.tuples(sane, framings), max_size=12),
    st.sampled_from([LAST, LAST, LAST + b"x", b"", b"0\r\nName: value\r\n\r\n"]),
)
places = st.lists(st.integers(1, 3000), max_size=12)
groups = st.lists(st.integers(1, 6), max_size=12)


def but_for_times(reading):
    """What must not depend on how the response was cut."""
    told = len(reading.event_ns), [name for name in reading.seen if name not in ("split_event", "shared_read")]
    opened = reading.first_event_ns is not None
    return told, opened, replace(reading, event_ns=(), shared_reads=0, seen=(), first_event_ns=None)


@settings(max_examples=400, deadline=None)
@given(responses, places, places, groups, groups)
@example(HEAD + chunk(b'data: {"choices":\n[{"text": "y"}]}\n\n') + chunk(text("a")) + LAST, [90, 120], [], [9], [1])
def test_no_cut_and_no_grouping_changes_the_reading(data, at, other_at, some, others):
    pieces = cut(data, at)
    found = fed(Reader(), pieces, some)
    assert found == fed(Reader(), pieces, others)
    assert found == fed(Exact(), pieces, others)
    assert but_for_times(found) == but_for_times(fed(Reader(), cut(data, other_at), others))


@settings(max_examples=300, deadline=None)
@given(responses, st.integers(0, 3000), st.binary(max_size=3), places, groups)
def test_damage_is_read_the_same_by_both_ways(data, place, other, at, some):
    data = data[:place] + other + data[place + len(other) :]
    pieces = cut(data, at)
    found = fed(Reader(), pieces, some, "truncated", "gone")
    assert found == fed(Exact(), pieces, [1], "truncated", "gone")
    assert but_for_times(found) == but_for_times(fed(Reader(), [data], [1], "truncated", "gone"))


@given(st.lists(st.integers(1, len(RESPONSE) - 1), max_size=12), groups)
@example([RESPONSE.index(EVENTS[1])], [2])
@example([RESPONSE.index(EVENTS[1]) + 1], [2])
@example([RESPONSE.index(EVENTS[1]) + len(EVENTS[1])], [2])
@example([RESPONSE.index(EVENTS[1]) + len(EVENTS[1]) - 1], [2])
def test_the_time_of_an_event_is_that_of_its_last_byte(at, some):
    pieces = cut(RESPONSE, at)
    found = fed(Reader(), pieces, some)
    assert (found.status, found.output_tokens, found.input_tokens) == ("ok", 3, 5)
    ends = [RESPONSE.index(one) + len(one) for one in EVENTS]
    begins = [RESPONSE.index(one) for one in EVENTS]
    read_of = [n for n, piece in enumerate(pieces) for _ in piece]
    arrived = [read_of[end - 1] for end in ends]
    assert list(found.event_ns) == [1000 + n for n in arrived]
    assert found.shared_reads == len(arrived) - len(set(arrived))
    assert ("shared_read" in found.seen) == (found.shared_reads > 0)
    assert ("split_event" in found.seen) == any(read_of[b] < n for b, n in zip(begins, arrived, strict=True))


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_chunks_that_split_or_join_events_do_not_matter(size):
    whole = b"".join([*EVENTS, usage(3), DONE])
    found = read([(7, chunked(*[whole[at : at + size] for at in range(0, len(whole), size)]))], None, None)
    assert (found.status, list(found.event_ns), found.output_tokens) == ("ok", [7, 7, 7], 3)


def test_line_ends_of_two_bytes_may_be_cut_in_two():
    data = chunked(b'data: {"choices":\r\ndata: [{"text": "y", "finish_reason": "stop"}]}\r\n\r\n', DONE)
    found = [fed(Reader(), cut(data, [place]), [1]) for place in range(1, len(data))]
    assert {(one.status, len(one.event_ns)) for one in found} == {("ok", 1)}


def test_a_body_that_only_looks_like_events_is_read_as_what_it_is():
    data = chunked(*EVENTS, DONE).replace(b"200 OK", b"500 X")
    found = fed(Reader(), cut(data, [len(HEAD), len(HEAD) + 60]), [1])
    assert (found.status, len(found.event_ns)) == ("http_error", 0)
    assert found.error.startswith('HTTP 500: data: {"choices"')


def test_a_long_stream_is_kept_in_a_few_bytes_an_event():
    reader = Reader()
    fed(reader, [HEAD] + [chunk(text(" a", token_ids=[7]))] * 1000, [50] * 21)
    found = reader.close(None, None)
    assert len(found.event_ns) == 1000
    assert found.event_ns.itemsize * len(found.event_ns) + found.event_tokens.itemsize * 1000 == 12_000


def test_an_event_without_end_is_refused_and_not_kept_for_ever():
    reader = Reader()
    body = HEAD.replace(b"Transfer-Encoding: chunked\r\n", b"") + b"data: "
    found = fed(reader, [body, *[b"x" * (1 << 20)] * 17], [])
    assert (found.status, found.error) == ("bad_json", f"an event of more than {1 << 24} bytes")


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"], ids=["LF", "CR LF"])
@pytest.mark.parametrize("chunked", [True, False])
def test_an_event_that_its_read_goes_on_behind_is_told(end, chunked):
    """Another event, a part of one, usage or `[DONE]`; not the ends of its own lines and chunk."""
    word = b'data: {"choices": [{"text": "w", "finish_reason": null}]}' + end
    done = b"data: [DONE]" + end
    framing = b"Transfer-Encoding: chunked" if chunked else b"Connection: close"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + framing + b"\r\n\r\n"

    def piece(data):
        return b"%x\r\n%s\r\n" % (len(data), data) if chunked else data

    reader = Reader()
    told = []
    for reads in (
        [head + piece(word)],
        [piece(word) + piece(word)],
        [piece(word), piece(word) + piece(word)[:9], piece(word)[9:], piece(word) + piece(done)],
    ):
        ends = np.cumsum([len(one) for one in reads], dtype=np.int64)
        reader.feed(b"".join(reads), ends, np.arange(len(reads), dtype=np.int64))
        told.append(reader.followed.tolist())
    assert told == [[False], [True, False], [False, True, False, True]]
