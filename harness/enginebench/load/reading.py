"""What one response's bytes say: HTTP, chunks, server-sent events, JSON. Pure, and run after the measurement."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from enginebench.load.answer import Answer
from enginebench.load.forms import top_level_error
from enginebench.load.lines import Lines
from enginebench.load.transfer import Transfer
from enginebench.records import RequestStatus, record

_BEHIND = b"\n\n\r\n"
"""What ends the usual chunk: the empty line of its only event, and the chunk's own line end."""
_MOST_DOCUMENT_BYTES = 1 << 26
_MOST_ERROR_BYTES = 1 << 16


@record
class Reading:
    """What was read of one response."""

    status: RequestStatus
    """How the response ended: a key of STATUSES."""
    error: str | None
    """What went wrong, in one line."""
    http_status: int | None
    """Status of the response line; null if none came whole."""
    event_ns: Sequence[int]
    """Arrival of the last byte of every token-bearing event; an array of 8-byte integers."""
    event_tokens: Sequence[int] | None
    """Tokens of each of these events, 0 for text that was held back before; null where the server does not tell."""
    shared_reads: int
    """Token-bearing events that arrived in one read with a later one: their times are upper bounds."""
    seen: tuple[str, ...]
    """What was met, sorted: keys of SEEN."""
    first_chars: int
    """Characters of text in the first token-bearing event."""
    output_chars: int
    """Characters of text in all of them."""
    output_tokens: int | None
    """`completion_tokens` of the last usage seen, else the sum of `event_tokens`."""
    input_tokens: int | None
    """`prompt_tokens` of the last usage seen."""
    cached_tokens: int | None
    """Cached tokens of the last usage seen."""
    first_event_ns: int | None
    """Arrival of the first event with a choice in it, be it without a token; null if none came."""


def read(reads: Sequence[tuple[int, bytes]], broken: RequestStatus | None, reason: str | None) -> Reading:
    """The reading of a whole response that came in `reads`: (arrival in ns, bytes), in order.

    `broken` is how the transfer ended if it did not end by itself (`timeout`, `connection`), with its `reason`.
    """
    reader = Reader()
    ends = np.cumsum([len(data) for _, data in reads], dtype=np.int64)
    times_ns = np.array([time_ns for time_ns, _ in reads], dtype=np.int64)
    reader.feed(b"".join(data for _, data in reads), ends, times_ns)
    return reader.close(broken, reason)


_NONE = np.zeros(0, dtype=np.bool_)
_LINE_ENDS = 3
"""Bytes behind an event that belong to it still: the LF of its last line end, the CR LF of its chunk."""


class _Prefixes(dict[int, bytes]):
    """Length of the usual chunk up to its _BEHIND → the bytes it must begin with: its size in hex, CR LF, `data: `."""

    def __missing__(self, length: int) -> bytes:
        for digits in range(1, 8):
            size = b"%x" % max(length - digits, 0)
            if len(size) == digits and length >= digits + 8:
                prefix = size + b"\r\ndata: "
                break
        else:
            prefix = _BEHIND  # no chunk is so long, and none begins with this
        if length < 1 << 14:
            self[length] = prefix
        return prefix


_PREFIXES = _Prefixes()


class Reader:
    """Reads one response, fed in order with pieces of it that may end anywhere; keeps 8 to 12 bytes an event."""

    __slots__ = (
        "_answer",
        "_body_end",
        "_document",
        "_first_event_ns",
        "_last_ns",
        "_lines",
        "_shared",
        "_split",
        "_times",
        "_transfer",
        "followed",
    )

    def __init__(self) -> None:
        self._transfer = Transfer()
        self._lines = Lines()
        self._answer = Answer()
        self._document: bytearray | None = None
        self._times = array("q")
        self._shared = 0
        self._split = False
        self._body_end = 0
        self._last_ns = 0
        self._first_event_ns: int | None = None
        self.followed = _NONE
        """Of each token-bearing event of the last feed: whether its read brought more behind it, so that the event may
        have come before its time."""

    @property
    def event_ns(self) -> array[int]:
        """Arrivals of the token-bearing events so far, ns; not to be kept: it grows."""
        return self._times

    def feed(self, data: bytes, ends: NDArray[np.int64], times_ns: NDArray[np.int64]) -> None:
        """Take the bytes of whole reads, joined.

        `ends`: for each read the offset in `data` just after its last byte; `times_ns`: its arrival, ns.
        """
        answer, lines = self._answer, self._lines
        if not data:
            return
        lines.take_away()
        self._body_end = 0
        self.followed = _NONE
        self._find(data)
        if lines.payloads and answer.bad is None:
            places = answer.take(lines.payloads)
            if self._first_event_ns is None and (places or answer.opened is not None):
                opened = min([*places, *([] if answer.opened is None else [answer.opened])])
                self._first_event_ns = int(times_ns[np.searchsorted(ends, lines.ends[opened])])
            if places:
                self._stamp(places, ends, times_ns)
        if self._body_end:
            self._last_ns = int(times_ns[0]) if len(ends) == 1 else int(times_ns[np.searchsorted(ends, self._body_end)])

    def _find(self, data: bytes) -> None:
        """Find the events in `data`: the usual chunk, one event in it, at a look; whatever else byte by byte."""
        transfer, lines, prefixes = self._transfer, self._lines, _PREFIXES
        payloads, begins, ends = lines.payloads, lines.begins, lines.ends
        usual = transfer.at_chunk and lines.at_event
        pieces = data.split(_BEHIND)
        rest = pieces.pop()
        at = 0
        for piece in pieces:
            length = len(piece)
            prefix = prefixes[length]
            # One LF and one CR, both of them the prefix's: the event is one line.
            if usual and piece.startswith(prefix) and piece.count(b"\n") == 1 and piece.count(b"\r") == 1:
                skip = len(prefix)
                payloads.append(piece[skip:])
                begins.append(at + skip - 6)
                ends.append(at + length + 2)
            else:
                self._find_exactly(piece + _BEHIND, at)
                usual = transfer.at_chunk and lines.at_event
            at += length + 4
        if rest:
            self._find_exactly(rest, at)

    def _find_exactly(self, data: bytes, offset: int) -> None:
        if self._transfer.bad is None and self._lines.bad is None:
            self._transfer.feed(data, lambda piece, at: self._body(piece, offset + at))

    def _body(self, piece: bytes, offset: int) -> None:
        self._body_end = offset + len(piece)
        if self._document is None and self._is_document():
            self._document = bytearray()
        if self._document is None:
            self._lines.feed(piece, offset)
        else:
            most = _MOST_ERROR_BYTES if self._refused() else _MOST_DOCUMENT_BYTES
            self._document += piece[: most - len(self._document)]

    def _is_document(self) -> bool:
        kind = self._transfer.headers.get(b"content-type", b"").lower()
        return self._refused() or kind.startswith(b"application/json")

    def _refused(self) -> bool:
        return self._transfer.http_status not in (None, 200)

    def _stamp(self, places: list[int], ends: NDArray[np.int64], times_ns: NDArray[np.int64]) -> None:
        """Note the arrivals of the events at `places`."""
        if len(ends) == 1:
            self._times.extend([int(times_ns[0])] * len(places))
            self.followed = ends[0] - np.array([self._lines.ends[place] for place in places]) > _LINE_ENDS
            self._shared += len(places) - 1
            self._split = self._split or self._lines.begins[places[0]] < 0
            return
        first, last = np.array(self._lines.begins, np.int64), np.array(self._lines.ends, np.int64)
        if len(places) < len(last):
            first, last = first[places], last[places]
        reads = np.searchsorted(ends, last)
        self._times.frombytes(np.ascontiguousarray(times_ns[reads], np.int64).tobytes())
        self.followed = ends[reads] - last > _LINE_ENDS
        if len(reads) > 1:
            self._shared += int(np.count_nonzero(reads[1:] == reads[:-1]))
        if not self._split:
            begun = np.searchsorted(ends, first, side="right")
            self._split = bool(first[0] < 0 or np.any(begun < reads))

    def close(self, broken: RequestStatus | None, reason: str | None) -> Reading:
        """The reading; `broken` is how the transfer ended if it did not end by itself, with its `reason`."""
        transfer, lines, answer = self._transfer, self._lines, self._answer
        transfer.close()
        whole = transfer.over or (transfer.until_closed and broken is None)
        if whole and transfer.bad is None and answer.bad is None and lines.bad is None:
            self._close_body()
        status, error = self._verdict(broken, reason, whole)
        told = answer.told if answer.bearing and len(answer.told) == answer.bearing else None
        seen = answer.seen | lines.seen
        if told is not None and answer.output_tokens is not None and answer.output_tokens != answer.total:
            told = None
            seen.add("tokens_disagree")
        output_tokens = answer.total if answer.output_tokens is None and told is not None else answer.output_tokens
        met = {
            "several_tokens": told is not None and max(told) > 1,
            "shared_read": self._shared > 0,
            "split_event": self._split,
            "after_end": transfer.excess,
            "no_done": status == "ok" and not answer.done,
            "no_usage": status == "ok" and output_tokens is None,
            "broken_end": status == "ok" and not whole,
        }
        return Reading(
            status=status,
            error=error,
            http_status=transfer.http_status,
            event_ns=self._times,
            event_tokens=told,
            shared_reads=self._shared,
            seen=tuple(sorted(seen | {name for name, there in met.items() if there})),
            first_chars=answer.first_chars or 0,
            output_chars=answer.output_chars,
            output_tokens=output_tokens,
            input_tokens=answer.input_tokens,
            cached_tokens=answer.cached_tokens,
            first_event_ns=self._times[0] if self._first_event_ns is None and self._times else self._first_event_ns,
        )

    def _close_body(self) -> None:
        """Read what only the body's end makes whole."""
        self._lines.take_away()
        if self._document is None:
            self._lines.close(0)
            bearing = len(self._answer.take(self._lines.payloads))
        elif self._refused():
            return
        else:
            bearing = int(self._answer.whole(bytes(self._document)))
        self._times.extend([self._last_ns] * bearing)

    def _verdict(
        self, broken: RequestStatus | None, reason: str | None, whole: bool
    ) -> tuple[RequestStatus, str | None]:
        transfer, answer = self._transfer, self._answer
        if transfer.http_status is None:
            if transfer.bad is not None:
                return "bad_http", transfer.bad
            return broken or ("truncated" if transfer.began else "connection"), reason or "no response"
        if self._refused():
            return "http_error", _http_error(transfer.http_status, bytes(self._document or b""))
        if answer.bad is not None:
            return answer.bad
        if self._lines.bad is not None:
            return "bad_json", self._lines.bad
        if transfer.bad is not None:
            return "bad_http", transfer.bad
        if answer.finished and answer.bearing:
            return "ok", None
        if answer.finished:
            return "stream_error", "the answer ended without a token"
        if broken == "timeout":
            return "timeout", reason
        return "truncated", reason or "the stream ended without a finish"


def _http_error(status: int, body: bytes) -> str:
    text = body.decode(errors="replace").strip()
    kept = f"HTTP {status}: {' '.join(text[:200].split())}"
    words = top_level_error(body)
    return kept if words is None or words in kept else f"{kept}; message: {words}"
