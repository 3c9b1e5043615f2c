"""Responses made by hand, for tests of the reading."""

from __future__ import annotations

import itertools
import json

import numpy as np

from enginebench.load.reading import Reader, read

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def event(value):
    """One event."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def text(words, **more):
    """A token-bearing event of completions."""
    return event({"choices": [{"index": 0, "text": words, "finish_reason": None} | more]})


def delta(**parts):
    """An event of chat."""
    return event({"choices": [{"index": 0, "delta": parts, "finish_reason": None}]})


def usage(output, read=5, **more):
    """The last event of usage."""
    return event({"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": output, **more}})


def chunk(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def chunked(*pieces):
    """A whole response, each piece a chunk."""
    return HEAD + b"".join(map(chunk, pieces)) + LAST


FINISH = event({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]})

ENDS = (FINISH, usage(2), DONE)


def said(*events, ends=ENDS, broken=None, reason=None):
    """The reading of a response with each event in a chunk and a read of its own."""
    parts = [HEAD, *map(chunk, [*events, *ends]), LAST]
    return read([(n, part) for n, part in enumerate(parts)], broken, reason)


def cut(data, at):
    """`data` in pieces, divided at the places in `at`."""
    edges = [0, *sorted({place for place in at if 0 < place < len(data)}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def fed(reader: Reader, pieces, per_feed, broken=None, reason=None):
    """The reading of reads that are fed in groups; read n arrives at 1000 + n ns."""
    place = 0
    for size in itertools.chain(per_feed, itertools.repeat(1)):
        group = pieces[place : place + size]
        if not group:
            break
        times_ns = np.arange(1000 + place, 1000 + place + len(group), dtype=np.int64)
        reader.feed(b"".join(group), np.cumsum([len(piece) for piece in group], dtype=np.int64), times_ns)
        place += size
    return reader.close(broken, reason)
