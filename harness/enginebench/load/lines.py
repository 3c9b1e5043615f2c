"""Server-sent events out of a body that may be cut anywhere, as the HTML standard has them: CRLF, CR and LF, BOM."""

from __future__ import annotations

import re

_MOST_EVENT_BYTES = 1 << 24
_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Lines:
    """Finds events in pieces of a body.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, read 2026-11-24.
    An event ends with the byte that ends its empty line (of CR LF the CR: with it the event is known). It begins with
    the first byte of its first line.
    """

    __slots__ = ("_after_cr", "_any", "_began", "_data", "_held", "_size", "bad", "begins", "ends", "payloads", "seen")

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        """Data of the events found since they were last taken away, in order."""
        self.begins: list[int] = []
        """Offset of each one's first byte in what was fed; -1 if it lay in an earlier feed."""
        self.ends: list[int] = []
        """Offset just after each one's last byte."""
        self.seen: set[str] = set()
        """What was met: keys of SEEN."""
        self.bad: str | None = None
        """What can't be kept, in one line."""
        self._any = False
        self._after_cr = False
        self._began: int | None = None
        self._held = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    @property
    def at_event(self) -> bool:
        """Whether the next byte is the first of an event, whatever it is."""
        return self._began is None and not self._after_cr and self._any and self.bad is None

    def take_away(self) -> None:
        """Forget what was found; what is under way began in an earlier feed from now on."""
        self.payloads, self.begins, self.ends = [], [], []
        if self._began is not None:
            self._began = -1

    def feed(self, body: bytes, offset: int) -> None:
        """Take the next piece of the body, whose first byte lay at `offset` of what was fed."""
        if self._after_cr and body:
            self._after_cr = False
            if body[0] == 10:
                body, offset = body[1:], offset + 1
        at = 0
        for match in _END.finditer(body):
            begin, end = match.span()
            if self._began is None:
                self._began = offset + at
            self._line(bytes(self._held) + body[at:begin] if self._held else body[at:begin], offset + begin + 1)
            self._held.clear()
            at = end
            self._after_cr = end == len(body) and body[begin:] == b"\r"
        if at < len(body):
            if self._began is None:
                self._began = offset + at
            self._held += body[at:]
        self._limit(len(self._held))

    def close(self, end: int) -> None:
        """The body is over: an event whose last line or empty line is missing is read all the same, ending at `end`."""
        if self._held:
            self._line(bytes(self._held), end)
            self._held.clear()
        if self._data:
            self.seen.add("open_event")
            self._line(b"", end)

    def _limit(self, more: int) -> None:
        if self._size + more > _MOST_EVENT_BYTES:
            self.bad = f"an event of more than {_MOST_EVENT_BYTES} bytes"

    def _line(self, line: bytes, end: int) -> None:
        self._limit(len(line))
        if self.bad is not None:
            return
        if not self._any:
            self._any = True
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                self.payloads.append(b"\n".join(self._data))
                self.begins.append(-1 if self._began is None else self._began)
                self.ends.append(end)
                self._data, self._size = [], 0
            self._began = None
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(line)
        elif not field:
            self.seen.add("comment")
        elif field == b"error":
            # Before its events carried errors as data, llama.cpp's server sent a field of that name.
            self._data.append(b'{"error":' + (value.strip() or b'"an error without words"') + b"}")
        else:
            self.seen.add("other_fields")
