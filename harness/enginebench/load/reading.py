"""What one response's bytes say: HTTP, chunks, server-sent events, JSON. Pure, and run after the measurement."""

from __future__ import annotations

import bisect
import json
from collections.abc import Sequence
from typing import Any

from enginebench.records import RequestStatus, record


@record
class Reading:
    """What was read of one response."""

    status: RequestStatus
    """How the response ended."""
    error: str | None
    """What went wrong, in one line."""
    http_status: int | None
    """Status of the response line; null if none came whole."""
    event_ns: tuple[int, ...]
    """Arrival of the last byte of every token-bearing event."""
    first_chars: int
    """Characters of text in the first token-bearing event."""
    output_chars: int
    """Characters of text in all of them."""
    output_tokens: int | None
    """`usage.completion_tokens` of the last usage seen."""
    input_tokens: int | None
    """`usage.prompt_tokens` of the last usage seen."""
    cached_tokens: int | None
    """`usage.prompt_tokens_details.cached_tokens` of the last usage seen."""
    first_event_ns: int | None = None
    """Arrival of the first event with a choice in it, be it without a token; null if none came."""


def read(reads: Sequence[tuple[int, bytes]], broken: RequestStatus | None, reason: str | None) -> Reading:
    """The reading of a response that came in `reads`: (arrival in ns, bytes), in order.

    `broken` is how the transfer ended if it did not end by itself (`timeout`, `connection`), with its `reason`.
    """
    data = b"".join(piece for _, piece in reads)
    head, gap, _ = data.partition(b"\r\n\r\n")
    if not gap:
        return _failed(broken or "connection", reason or "no response", None)
    http_status, headers = _head(head)
    body, ends = _body(data, len(head) + 4, headers.get(b"transfer-encoding", b"").lower() == b"chunked")
    if http_status != 200:
        text = body.decode(errors="replace").strip()[:200]
        return _failed("http_error", f"HTTP {http_status}: {text}", http_status)
    return _events(body, ends, _Clock(reads), broken, reason)


class _Clock:
    """Maps an offset in the response to the arrival of the read that carried it."""

    def __init__(self, reads: Sequence[tuple[int, bytes]]) -> None:
        self._times = [time_ns for time_ns, _ in reads]
        self._ends: list[int] = []
        total = 0
        for _, piece in reads:
            total += len(piece)
            self._ends.append(total)

    def at(self, offset: int) -> int:
        """Arrival of the byte at `offset`."""
        return self._times[bisect.bisect_right(self._ends, offset)]


def _failed(status: RequestStatus, error: str, http_status: int | None) -> Reading:
    return Reading(
        status=status,
        error=error,
        http_status=http_status,
        event_ns=(),
        first_chars=0,
        output_chars=0,
        output_tokens=None,
        input_tokens=None,
        cached_tokens=None,
    )


def _head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    parts = first.split(b" ", 2)
    number = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
    pairs = (line.partition(b":") for line in lines)
    return number, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _body(data: bytes, begin: int, chunked: bool) -> tuple[bytes, list[tuple[int, int]]]:
    """The body, and for each stretch of it (end in the body, offset of body byte 0 in the response at that stretch)."""
    if not chunked:
        return data[begin:], [(len(data) - begin, begin)]
    pieces: list[bytes] = []
    ends: list[tuple[int, int]] = []
    length, at = 0, begin
    while True:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            break
        try:
            size = int(data[at:line_end].split(b";")[0], 16)
        except ValueError:
            break
        if size == 0:
            break
        piece = data[line_end + 2 : line_end + 2 + size]
        pieces.append(piece)
        ends.append((length + len(piece), line_end + 2 - length))
        length += len(piece)
        at = line_end + 2 + size + 2
    return b"".join(pieces), ends


def _events(
    body: bytes, ends: list[tuple[int, int]], clock: _Clock, broken: RequestStatus | None, reason: str | None
) -> Reading:
    stretch_ends = [end for end, _ in ends]
    event_ns: list[int] = []
    first_event_ns: int | None = None
    chars: list[int] = []
    usage: dict[str, Any] = {}
    finished, bad = False, None
    at = 0
    while True:
        line_end = body.find(b"\n", at)
        if line_end < 0:
            break
        line = body[at:line_end].strip()
        if line.startswith(b"data:"):
            payload = line[5:].strip()
            if payload == b"[DONE]":
                finished = True
            else:
                event, bad = _parse(payload)
                if bad is not None:
                    break
                usage = event.get("usage") or usage
                bears, ends_here = _bears_token(event)
                finished = finished or ends_here or bool(event.get("usage") and not event.get("choices"))
                if bears or (first_event_ns is None and event.get("choices")):
                    came_ns = clock.at(line_end + ends[bisect.bisect_right(stretch_ends, line_end)][1])
                    first_event_ns = came_ns if first_event_ns is None else first_event_ns
                if bears:
                    event_ns.append(came_ns)
                    chars.append(_chars(event))
        at = line_end + 1
    status, error = _verdict(bad, broken, reason, finished, bool(event_ns))
    return Reading(
        status=status,
        error=error,
        http_status=200,
        event_ns=tuple(event_ns),
        first_chars=chars[0] if chars else 0,
        output_chars=sum(chars),
        output_tokens=_count(usage, "completion_tokens"),
        input_tokens=_count(usage, "prompt_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details") or {}, "cached_tokens"),
        first_event_ns=first_event_ns,
    )


def _parse(payload: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        event = json.loads(payload)
    except ValueError:
        return {}, f"an event is not JSON: {payload[:100].decode(errors='replace')}"
    if not isinstance(event, dict):
        return {}, f"an event is no object: {payload[:100].decode(errors='replace')}"
    if event.get("error"):
        return {}, f"error in the stream: {str(event['error'])[:200]}"
    return event, None


def _bears_token(event: dict[str, Any]) -> tuple[bool, bool]:
    """Whether an event carries output, and whether it says that the output is over."""
    choices = event.get("choices") or [{}]
    choice = choices[0]
    delta = choice.get("delta") or {}
    bears = bool(
        choice.get("text")
        or choice.get("token_ids")
        or delta.get("content")
        or delta.get("reasoning_content")
        or delta.get("reasoning")
        or delta.get("tool_calls")
    )
    return bears, choice.get("finish_reason") is not None


def _chars(event: dict[str, Any]) -> int:
    """Characters of text that an event bears."""
    choice = event["choices"][0]
    delta = choice.get("delta") or {}
    pieces = (choice.get("text"), delta.get("content"), delta.get("reasoning_content"), delta.get("reasoning"))
    return sum(len(piece) for piece in pieces if isinstance(piece, str))


def _verdict(
    bad: str | None, broken: RequestStatus | None, reason: str | None, finished: bool, any_token: bool
) -> tuple[RequestStatus, str | None]:
    if bad is not None:
        return "stream_error", bad
    if finished and any_token:
        return "ok", None
    if finished:
        return "stream_error", "the answer ended without a token"
    if broken == "timeout":
        return "timeout", reason
    return "truncated", reason or "the stream ended without a finish"


def _count(usage: dict[str, Any], key: str) -> int | None:
    value = usage.get(key)
    return value if isinstance(value, int) else None
