"""How the end of a response is known, from its headers and its last bytes."""

from __future__ import annotations

import re

HEAD, CHUNKED, UNTIL_CLOSED = -3, -1, -2
"""In place of the bytes of a body still to come: its headers are, or its end is told otherwise."""
LAST_CHUNK = b"\r\n0\r\n\r\n"
"""What nearly every body of chunks ends with, the line end of the chunk before included."""
TRAILERS = re.compile(rb"\r\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n$")
"""All that it may end with."""
_STATUS = re.compile(rb"http/1\.[01] (\d{3})")
_NO_BODY = (204, 304)
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)")
_CHUNKED_BODY = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked")
_CLOSE = re.compile(rb"\r\nconnection:[^\r\n]*\bclose\b")


def ending(head: bytes) -> tuple[int, bool]:
    """Bytes of the body, or CHUNKED or UNTIL_CLOSED; HEAD where the head is informational and another follows.

    And whether the server closes the connection afterwards.
    """
    lower = head.lower()
    found = _STATUS.match(lower)
    status = int(found[1]) if found else 0
    if 100 <= status < 200:
        return HEAD, False
    closes = lower.startswith(b"http/1.0") or _CLOSE.search(lower) is not None
    if status in _NO_BODY:
        return 0, closes
    if _CHUNKED_BODY.search(lower):
        return CHUNKED, closes
    length = _CONTENT_LENGTH.search(lower)
    return UNTIL_CLOSED if length is None else int(length[1]), closes
