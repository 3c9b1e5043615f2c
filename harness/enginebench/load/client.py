"""The hot path: one thread, raw sockets under epoll, a time and the bytes kept for every read, nothing parsed."""

from __future__ import annotations

import errno
import gc
import heapq
import json
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from enginebench import arrivals
from enginebench.errors import mistake
from enginebench.load.reading import read
from enginebench.records import ClosedLoop, Load, Prompt, Request, RequestStatus, record

_READ_BYTES = 1 << 18
_PATHS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}


@record
class Target:
    """Where requests go."""

    url: str
    """Base URL, `http://host:port`."""
    model: str
    """Model name as the server knows it."""
    api: Literal["completions", "chat"]
    """Endpoint."""


@record
class LoadOutcome:
    """What a run gave."""

    requests: tuple[Request, ...]
    """Every request, in the order of the prompts."""
    started_utc: str
    """ISO 8601 time of the start."""
    duration_ns: int
    """First send to last end."""


def measure(
    target: Target,
    prompts: Sequence[Prompt],
    load: Load,
    *,
    run: str,
    seed: int,
    request_timeout_s: float,
    extra: Mapping[str, object] | None = None,
    on_done: Callable[[int], None] | None = None,
    slot_offsets_ns: Sequence[int] | None = None,
) -> LoadOutcome:
    """Send every prompt once as `load` says and wait for all answers; a failure is a request's status, never raised.

    `extra` are further JSON fields of the body. `on_done` is called with the number of requests ended so far.
    `slot_offsets_ns`: closed loop, when slot i sends its first request, ns after the start; null: all at once.
    """
    host, address = _address(target.url)
    wire = [_bytes(host, target, prompt, extra or {}) for prompt in prompts]
    due = None if isinstance(load, ClosedLoop) else arrivals.offsets_ns(load, len(prompts), seed)
    slots = load.concurrency if isinstance(load, ClosedLoop) else len(prompts)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    loop = _Loop(address, wire, due, slots, request_timeout_s, on_done)
    if due is None:
        loop.begin_ns.extend(slot_offsets_ns or [0] * loop.slots)
    exchanges = loop.run()
    pairs = enumerate(zip(exchanges, prompts, strict=True))
    requests = tuple(_request(exchange, prompt, run, index, loop.begun_ns) for index, (exchange, prompt) in pairs)
    lasted_ns = max(request.end_ns for request in requests) - min(request.sent_ns for request in requests)
    return LoadOutcome(requests=requests, started_utc=started, duration_ns=lasted_ns)


def _address(url: str) -> tuple[str, tuple[socket.AddressFamily, tuple[object, ...]]]:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise mistake(url, "only http:// URLs with a host can be measured", "name one, as http://127.0.0.1:8000")
    port = parts.port or 80
    try:
        family, *_, address = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise mistake(url, f"the host is not known ({error})", "check the URL") from None
    return parts.netloc, (family, address)


def _bytes(host: str, target: Target, prompt: Prompt, extra: Mapping[str, object]) -> bytes:
    asked: dict[str, object] = {"model": target.model}
    if target.api == "completions":
        asked["prompt"] = prompt.token_ids if prompt.token_ids is not None else prompt.text
    else:
        asked["messages"] = [{"role": "user", "content": prompt.text}]
    asked |= {
        "max_tokens": prompt.output_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        **extra,
    }
    body = json.dumps(asked).encode()
    head = (
        f"POST {_PATHS[target.api]} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Exchange:
    """One request under way, and what was kept of it."""

    __slots__ = ("broken", "end_ns", "reads", "reason", "scheduled_ns", "sent_ns")

    def __init__(self, scheduled_ns: int) -> None:
        self.scheduled_ns = scheduled_ns
        self.sent_ns = self.end_ns = 0
        self.reads: list[tuple[int, bytes]] = []
        self.broken: RequestStatus | None = None
        self.reason: str | None = None


class _Connection:
    """A socket and the request on it."""

    __slots__ = ("exchange", "fresh", "index", "left", "length", "output", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.index = -1
        self.exchange: _Exchange | None = None
        self.output = memoryview(b"")
        self.fresh = True
        # Bytes still to come: None while unknown, -1 for a chunked body, -2 for one that ends with the connection.
        self.left: int | None = None
        self.length = 0


class _Loop:
    """The event loop of one run."""

    def __init__(
        self,
        address: tuple[socket.AddressFamily, tuple[object, ...]],
        wire: Sequence[bytes],
        due: Sequence[int] | None,
        slots: int,
        timeout_s: float,
        on_done: Callable[[int], None] | None,
    ) -> None:
        self.address, self.wire, self.due = address, wire, due
        self.slots = min(slots, len(wire))
        self.timeout_ns = round(timeout_s * 1e9)
        self.on_done = on_done
        self.begun_ns = 0
        self.selector = selectors.DefaultSelector()
        self.idle: deque[_Connection] = deque()
        self.free: deque[int] = deque()
        self.begin_ns: deque[int] = deque()
        self.exchanges: list[_Exchange | None] = [None] * len(wire)
        self.next = self.ended = 0
        self.deadlines: list[tuple[int, int]] = []
        self.by_index: dict[int, _Connection] = {}

    def run(self) -> list[_Exchange]:
        """Send all, wait for all; gives the exchanges in the order of the prompts."""
        for _ in range(self.slots if self.due is None else min(self.slots, 64)):
            self._connect_ahead()
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self.begun_ns = time.monotonic_ns()
            self._begin_slots()
            while self.ended < len(self.wire):
                self._turn()
        finally:
            gc.enable()
            gc.unfreeze()
            for connection in [*self.idle, *self.by_index.values()]:
                connection.socket.close()
            self.selector.close()
        return [exchange for exchange in self.exchanges if exchange is not None]

    def _turn(self) -> None:
        """Wait for whatever comes first, an answer, an arrival or a time limit, and deal with it."""
        self._begin_slots()
        now = time.monotonic_ns()
        while self.due is not None and self.next < len(self.wire) and self.begun_ns + self.due[self.next] <= now:
            self._send_next(self.begun_ns + self.due[self.next])
        until = now + 1_000_000_000
        if self.due is not None and self.next < len(self.wire):
            until = min(until, self.begun_ns + self.due[self.next])
        elif self.begin_ns:
            until = min(until, self.begun_ns + self.begin_ns[0])
        for key, events in self.selector.select(max(0.0, (until - now) / 1e9)):
            connection: _Connection = key.data
            if events & selectors.EVENT_WRITE:
                self._write(connection)
            if events & selectors.EVENT_READ and connection.exchange is not None:
                self._read(connection)
            self._refill()
        now = time.monotonic_ns()
        while self.deadlines and self.deadlines[0][0] <= now:
            late = self.by_index.get(heapq.heappop(self.deadlines)[1])
            if late is not None:
                self._break(late, "timeout", f"no end within {self.timeout_ns / 1e9:g} s")
        self._refill()

    def _begin_slots(self) -> None:
        """Closed loop: the first request of every slot whose time has come."""
        while self.begin_ns and self.begun_ns + self.begin_ns[0] <= time.monotonic_ns():
            self.free.append(self.begun_ns + self.begin_ns.popleft())
            self._refill()

    def _refill(self) -> None:
        """Closed loop: the next request for every slot that became free, also by a send that failed at once."""
        while self.free and self.next < len(self.wire):
            self._send_next(self.free.popleft())

    def _connect_ahead(self) -> None:
        """A connection made before the clock starts; one that is refused is tried again by its request."""
        sock = self._socket()
        sock.settimeout(5)
        try:
            sock.connect(self.address[1])
        except OSError:
            sock.close()
            return
        sock.setblocking(False)
        self.idle.append(_Connection(sock))

    def _socket(self) -> socket.socket:
        sock = socket.socket(self.address[0], socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _send_next(self, scheduled_ns: int) -> None:
        index, self.next = self.next, self.next + 1
        exchange = self.exchanges[index] = _Exchange(scheduled_ns)
        self._send(index, exchange)

    def _send(self, index: int, exchange: _Exchange) -> None:
        if self.idle:
            connection = self.idle.popleft()
            connection.fresh = False
        else:
            sock = self._socket()
            sock.setblocking(False)
            sock.connect_ex(self.address[1])
            connection = _Connection(sock)
        connection.index, connection.exchange = index, exchange
        connection.left, connection.length = None, 0
        connection.output = memoryview(self.wire[index])
        self.by_index[index] = connection
        exchange.sent_ns = time.monotonic_ns()
        heapq.heappush(self.deadlines, (exchange.sent_ns + self.timeout_ns, index))
        self.selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
        self._write(connection)

    def _write(self, connection: _Connection) -> None:
        if not connection.output:
            return
        try:
            count = connection.socket.send(connection.output)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EINPROGRESS):  # still connecting
                self._lost(connection, str(error))
            return
        connection.output = connection.output[count:]
        if not connection.output:
            self.selector.modify(connection.socket, selectors.EVENT_READ, connection)

    def _read(self, connection: _Connection) -> None:
        exchange = connection.exchange
        assert exchange is not None
        try:
            data = connection.socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(connection, str(error))
            return
        now = time.monotonic_ns()
        if not data:
            self._lost(connection, "the server closed the connection")
            return
        exchange.reads.append((now, data))
        if connection.left is None:
            self._head(connection, exchange)
        if connection.left == -1:
            connection.length += len(data)
            # Of the body: headers, too, can end in 0, as `Keep-Alive: timeout=5, max=100` does.
            tail = data if len(data) >= 5 else b"".join(piece for _, piece in exchange.reads[-6:])
            if connection.length >= 5 and tail.endswith(b"0\r\n\r\n"):
                self._end(connection, now)
        elif connection.left is not None and connection.left >= 0:
            connection.length += len(data)
            if connection.length >= connection.left:
                self._end(connection, now)

    def _head(self, connection: _Connection, exchange: _Exchange) -> None:
        """Find out, once the headers are there, how the body's end will be known."""
        data = b"".join(piece for _, piece in exchange.reads)
        head, gap, _ = data.partition(b"\r\n\r\n")
        if not gap:
            return
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            connection.left = -1
            connection.length = len(data) - len(head) - 4 - len(exchange.reads[-1][1])
        elif b"content-length:" in lower:
            value = lower.split(b"content-length:")[1].split(b"\r\n")[0]
            connection.left = len(head) + 4 + int(value)
            connection.length = len(data) - len(exchange.reads[-1][1])
        else:
            connection.left = -2

    def _end(self, connection: _Connection, now_ns: int) -> None:
        """The response is whole: keep the connection, and in a closed loop send the slot's next request."""
        exchange = connection.exchange
        assert exchange is not None
        exchange.end_ns = now_ns
        self._release(connection)
        if b"connection: close" in exchange.reads[0][1][:2048].lower():
            connection.socket.close()
        else:
            self.idle.append(connection)
        self._ended(now_ns)

    def _lost(self, connection: _Connection, reason: str) -> None:
        exchange = connection.exchange
        assert exchange is not None
        if connection.left == -2:
            self._break(connection, None, None)
        elif not exchange.reads and not connection.fresh:
            # A kept-alive connection that the server had closed already: the request was never taken.
            index = connection.index
            self._release(connection)
            connection.socket.close()
            kept, self.idle = self.idle, deque()
            self._send(index, exchange)
            self.idle = kept
        else:
            self._break(connection, "truncated" if exchange.reads else "connection", reason)

    def _break(self, connection: _Connection, broken: RequestStatus | None, reason: str | None) -> None:
        exchange = connection.exchange
        assert exchange is not None
        exchange.end_ns = time.monotonic_ns()
        exchange.broken, exchange.reason = broken, reason
        self._release(connection)
        connection.socket.close()
        self._ended(exchange.end_ns)

    def _release(self, connection: _Connection) -> None:
        self.selector.unregister(connection.socket)
        del self.by_index[connection.index]
        connection.exchange = None

    def _ended(self, now_ns: int) -> None:
        self.ended += 1
        if self.due is None:
            self.free.append(now_ns)
        if self.on_done is not None:
            self.on_done(self.ended)


def _request(exchange: _Exchange, prompt: Prompt, run: str, index: int, begun_ns: int) -> Request:
    found = read(exchange.reads, exchange.broken, exchange.reason)
    events = tuple(time_ns - begun_ns for time_ns in found.event_ns)
    return Request(
        run=run,
        index=index,
        scheduled_ns=exchange.scheduled_ns - begun_ns,
        sent_ns=exchange.sent_ns - begun_ns,
        first_token_ns=events[0] if events else None,
        last_token_ns=events[-1] if events else None,
        end_ns=exchange.end_ns - begun_ns,
        event_ns=events,
        first_chars=found.first_chars,
        output_chars=found.output_chars,
        first_event_ns=None if found.first_event_ns is None else found.first_event_ns - begun_ns,
        input_tokens=prompt.input_tokens,
        output_tokens=found.output_tokens,
        asked_output_tokens=prompt.output_tokens,
        usage_input_tokens=found.input_tokens,
        cached_tokens=found.cached_tokens,
        status=found.status,
        http_status=found.http_status,
        error=found.error,
    )
