"""HTTP/1.1's framing of one response, byte by byte exact: head, chunks or length; gives the body and where it lay."""

from __future__ import annotations

import re
from collections.abc import Callable

_MOST_HEAD_BYTES = 1 << 16
_MOST_LINE_BYTES = 1 << 13
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |$)")
_HEAD, _SIZE_LINE, _CHUNK, _GAP, _TRAILER, _LENGTH, _TO_THE_END, _OVER = range(8)

Take = Callable[[bytes, int], None]
"""Called with a piece of the body and the offset of its first byte in what was fed."""


class Transfer:
    """Finds the body of one response in pieces that may end anywhere."""

    __slots__ = ("_gap", "_held", "_left", "_state", "bad", "excess", "headers", "http_status")

    def __init__(self) -> None:
        self.http_status: int | None = None
        """Status of the response line; null until the head is whole."""
        self.headers: dict[bytes, bytes] = {}
        """Header names in lower case to values."""
        self.bad: str | None = None
        """What is no HTTP, in one line."""
        self.excess = False
        """Whether bytes came behind the end."""
        self._state = _HEAD
        self._held = b""
        self._left = 0
        self._gap = 0

    @property
    def at_chunk(self) -> bool:
        """Whether the next byte is the first of a chunk's size."""
        return self._state == _SIZE_LINE and not self._held and self.bad is None

    @property
    def over(self) -> bool:
        """Whether the response is whole by its own framing; one that ends with its connection never is."""
        return self._state == _OVER

    @property
    def until_closed(self) -> bool:
        """Whether the connection's end is the body's."""
        return self._state == _TO_THE_END

    @property
    def began(self) -> bool:
        """Whether a byte came."""
        return self.http_status is not None or bool(self._held)

    def feed(self, data: bytes, take: Take) -> None:
        """Take the next bytes; `take` gets what of them is body. Stops at the first byte that is no HTTP."""
        at = 0
        while at < len(data) and self.bad is None:
            if self._state in (_CHUNK, _LENGTH):
                at = self._counted(data, at, take)
            elif self._state == _GAP:
                at = self._between(data, at)
            elif self._state == _HEAD:
                at = self._headed(data, at)
            elif self._state == _TO_THE_END:
                take(data[at:], at)
                return
            elif self._state == _OVER:
                self.excess = True
                return
            else:
                at = self._line(data, at)

    def close(self) -> None:
        """No more will come: what came may turn out to be no HTTP."""
        if self._state == _HEAD and self._held and not self._held.startswith(b"HTTP/1."[: len(self._held)]):
            self._read_head(self._held)

    def _counted(self, data: bytes, at: int, take: Take) -> int:
        piece = data[at : at + self._left]
        take(piece, at)
        self._left -= len(piece)
        if not self._left:
            self._state = _GAP if self._state == _CHUNK else _OVER
            self._gap = 0
        return at + len(piece)

    def _between(self, data: bytes, at: int) -> int:
        """The CRLF behind a chunk."""
        if data[at] != b"\r\n"[self._gap]:
            self.bad = "a chunk is not as long as it says"
        self._gap += 1
        if self._gap == 2:
            self._state = _SIZE_LINE
        return at + 1

    def _headed(self, data: bytes, at: int) -> int:
        before = len(self._held)
        self._held += data[at:]
        head, gap, _ = self._held.partition(b"\r\n\r\n")
        if len(head) > _MOST_HEAD_BYTES:
            self.bad = f"headers of more than {_MOST_HEAD_BYTES} bytes"
        if not gap:
            return len(data)
        self._held = b""
        self._read_head(head)
        return at + len(head) + 4 - before

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        status = _STATUS_LINE.match(first)
        if status is None:
            self.bad = self.bad or f"no HTTP/1.1 status line: {_shown(first)}"
            return
        number = int(status[1])
        if 100 <= number < 200:
            return  # informational: the response itself follows
        pairs = (line.partition(b":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        self.http_status = number
        length = self.headers.get(b"content-length")
        if number in (204, 304):
            self._state = _OVER  # no body, whatever else the headers say
        elif self.headers.get(b"transfer-encoding", b"").lower().split(b",")[-1].strip() == b"chunked":
            self._state = _SIZE_LINE
        elif length is None:
            self._state = _TO_THE_END
        elif length.isdigit():
            self._left = int(length)
            self._state = _LENGTH if self._left else _OVER
        else:
            self.bad = f"a content length that is no number: {_shown(length)}"

    def _line(self, data: bytes, at: int) -> int:
        """A line of the framing: a chunk's size, or a trailer."""
        end = data.find(b"\n", at)
        line = self._held + (data[at:] if end < 0 else data[at : end + 1])
        if len(line) > _MOST_LINE_BYTES:
            self.bad = f"a line of the framing of more than {_MOST_LINE_BYTES} bytes"
        if end < 0:
            self._held = line
            return len(data)
        self._held = b""
        if not line.endswith(b"\r\n"):
            self.bad = self.bad or f"a line of the framing that does not end in CR LF: {_shown(line)}"
        elif self._state == _TRAILER:
            self._state = _OVER if line == b"\r\n" else _TRAILER
        else:
            size = line[:-2].partition(b";")[0].strip(b" \t")
            if _SIZE.fullmatch(size) is None:
                self.bad = self.bad or f"a chunk size that is no number: {_shown(line)}"
                return end + 1
            self._left = int(size, 16)
            self._state = _CHUNK if self._left else _TRAILER
        return end + 1


def _shown(data: bytes) -> str:
    return repr(data[:60])[1:]
