"""The hot path: one thread, plain sockets; for every read the kernel's time and the bytes are kept, nothing is parsed
but the end of a response."""

from __future__ import annotations

import contextlib
import errno
import gc
import re
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence

from enginebench.load.kept import LEAST_ROOM, Kept
from enginebench.load.poll import END, READ, poll
from enginebench.load.sockets import KERNEL_TIMES, STAMP_SPACE, Server
from enginebench.load.tls import TlsSocket
from enginebench.records import RequestStatus

_AHEAD = 256
"""Connections of an open loop that are made before the clock starts."""
_MANY = 64
"""With so many requests in flight, the loop rests after every turn."""
_REST_NS = 400_000
"""How long: what comes meanwhile has the kernel's times, and is read in one turn, which costs half the CPU."""
_HEAD, _CHUNKED, _UNTIL_CLOSED = -3, -1, -2
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_ENOUGH = len(_LAST_CHUNK)
_TRAILERS = re.compile(rb"\r\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n$")
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)")
_CHUNKED_BODY = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked")
_STAMP = struct.Struct("@qq")
_NEVER = 1 << 62


class Exchange:
    """One request under way, and what is known of it without reading what came."""

    __slots__ = ("after", "broken", "end_ns", "read_by", "reason", "resent", "scheduled_ns", "sent_ns")

    def __init__(self, scheduled_ns: int, after: int) -> None:
        self.scheduled_ns = scheduled_ns
        # Closed loop: the request whose end made room for this one; -1 for none.
        self.after = after
        self.sent_ns = 0
        self.end_ns = 0
        # Reads of the whole run until it ended: its own are all among them.
        self.read_by = 0
        self.broken: RequestStatus | None = None
        self.reason: str | None = None
        self.resent = False


class _Connection:
    """A socket and the request on it."""

    __slots__ = (
        "block",
        "closes",
        "exchange",
        "fresh",
        "head",
        "index",
        "last",
        "layered",
        "left",
        "output",
        "receive",
        "socket",
        "tail",
    )

    def __init__(self, sock: socket.socket | TlsSocket) -> None:
        self.socket = sock
        self.receive = sock.recvmsg_into
        # Whether more may be there to read than the kernel knows.
        self.layered = isinstance(sock, TlsSocket)
        self.index = -1
        self.exchange: Exchange | None = None
        self.output = memoryview(b"")
        # Whether it was made for its request; else the server may have closed it meanwhile.
        self.fresh = False
        self.closes = False
        self.head = b""
        # Bytes of the body still to come, or _HEAD, _CHUNKED, _UNTIL_CLOSED.
        self.left = _HEAD
        # The last bytes of the read before: in the arena before `last` if that block is still there, else in `tail`.
        self.last, self.block, self.tail = 0, -1, b""


class Wire:
    """The event loop of one run; `run` once, then `kept` holds what came."""

    def __init__(
        self,
        server: Server,
        requests: Sequence[bytes],
        *,
        due_ns: Sequence[int] | None,
        slot_offsets_ns: Sequence[int],
        timeout_s: float,
        on_done: Callable[[int], None] | None,
    ) -> None:
        """`due_ns`: an open loop's send times from the start. Else a closed loop of as many slots as there are
        `slot_offsets_ns`, each slot's first send so long after the start."""
        self.server = server
        self.requests = requests
        self.due_ns = due_ns
        self.slot_offsets_ns = sorted(slot_offsets_ns)[: len(requests)]
        self.timeout_ns = round(timeout_s * 1e9)
        self.on_done = on_done
        self.kept = Kept(KERNEL_TIMES)
        self.begun_ns = 0
        self.cpu_s = 0.0
        self.exchanges: list[Exchange] = []
        self._poll = poll()
        self._by_fd: dict[int, _Connection] = {}
        self._idle: list[_Connection] = []
        # When sends are due that wait for nobody: all of an open loop, the first of each slot of a closed one.
        self._starts = list(due_ns if due_ns is not None else self.slot_offsets_ns)
        self._started = 0
        # Requests of a closed loop that ended, and whose slots have no new one yet.
        self._freed: deque[int] = deque()
        self._ended = 0
        self._deadlines: deque[tuple[int, Exchange, _Connection]] = deque()
        self._in_flight = 0
        self._block = 0

    def run(self, begin: Callable[[], int]) -> list[Exchange]:
        """Send all, wait for all; gives the exchanges in the order of the requests. `begin` gives the start, ns."""
        ahead = _AHEAD if self.due_ns is not None else len(self.slot_offsets_ns)
        with contextlib.suppress(OSError):  # One that is refused is tried again by its request.
            for _ in range(min(len(self.requests), ahead)):
                self._idle.append(_Connection(self.server.open(wait_s=5)))
                self._watch(self._idle[-1])
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self.begun_ns = begin()
            cpu_s = time.thread_time()
            self._turns()
            self.cpu_s = time.thread_time() - cpu_s
        finally:
            gc.enable()
            gc.unfreeze()
            for connection in self._by_fd.values():
                connection.socket.close()
            self._poll.close()
        return self.exchanges

    def _turns(self) -> None:
        """Wait for what comes first, an answer, a due send or a time limit; deal with it; again until all has ended."""
        kept, clock, total = self.kept, time.monotonic_ns, len(self.requests)
        self._send_due(clock())
        while self._ended < total:
            ready = self._poll.wait(0.0)
            waited = not ready
            if waited:
                ready = self._poll.wait(self._wait_s(clock()))
            kept.waited.append(waited)
            kept.turn_reads.append(kept.reads + len(kept.request))
            kept.polled_ns.append(clock())
            self._take(ready)
            now = clock()
            self._send_due(now)
            self._end_late(now)
            done = clock()
            kept.done_ns.append(done)
            if KERNEL_TIMES and self._in_flight >= _MANY and self._next_due_ns() - done > 2 * _REST_NS:
                time.sleep(_REST_NS / 1e9)

    def _take(self, ready: list[tuple[int, int]]) -> None:
        """Read every ready connection until it is dry. What is done here is done for every token."""
        kept, by_fd, arena, room = self.kept, self._by_fd, self.kept.arena, self.kept.room
        request, lengths, stamps = kept.request, kept.lengths, kept.stamps
        limit = len(arena) - LEAST_ROOM
        for fd, mask in ready:
            connection = by_fd.get(fd)
            if connection is None or (connection.output and not self._write(connection)) or not mask & (READ | END):
                continue
            while True:
                at = kept.at
                try:
                    count, extra, _, _ = connection.receive((room[at:],), STAMP_SPACE)
                except (BlockingIOError, InterruptedError):
                    break
                except OSError as error:
                    self._lost(connection, str(error))
                    break
                if not count or connection.index < 0:
                    # Closed, or bytes that nobody asked for: no other request is to go over this connection.
                    self._lost(connection, "the server closed the connection")
                    break
                request.append(connection.index)
                lengths.append(count)
                if extra:
                    stamps += extra[0][2]
                elif KERNEL_TIMES:
                    stamps += _STAMP.pack(*divmod(time.time_ns(), 1_000_000_000))
                end = kept.at = at + count
                if count < _ENOUGH or connection.left != _CHUNKED:
                    over = self._rare(connection, at, end)
                else:
                    # Two line ends: the last read of the body, or an event of a server that ends lines by CR LF.
                    over = arena[end - 4] == 13 and self._ends(at, end)
                    connection.last, connection.block = end, self._block
                if end > limit:
                    self._spill()
                if over:
                    self._over(connection, reusable=not mask & END)
                    break
                if not (mask & END or end == len(arena) or connection.layered):
                    break

    def _rare(self, connection: _Connection, at: int, end: int) -> bool:
        """Whether a response is over with a read that is short or not of a chunked body."""
        piece = bytes(self.kept.room[at:end])
        tail = (self._tail(connection) + piece)[-_ENOUGH:]
        connection.tail, connection.block = tail, -1
        if connection.left == _HEAD:
            return self._head(connection, piece)
        if connection.left == _CHUNKED:
            return tail == _LAST_CHUNK
        if connection.left == _UNTIL_CLOSED:
            return False
        connection.left -= len(piece)
        return connection.left <= 0

    def _head(self, connection: _Connection, piece: bytes) -> bool:
        """Find out, once the headers are there, how the body's end will be known; and whether it came with them."""
        connection.head += piece
        head, gap, rest = connection.head.partition(b"\r\n\r\n")
        if not gap:
            return False
        lower = head.lower()
        connection.head = b""
        connection.closes = b"\r\nconnection: close" in lower or lower.startswith(b"http/1.0")
        length = _CONTENT_LENGTH.search(lower)
        if _CHUNKED_BODY.search(lower):
            connection.left = _CHUNKED
            return connection.tail == _LAST_CHUNK or _TRAILERS.search(b"\r\n" + rest) is not None
        if length is None:
            connection.left = _UNTIL_CLOSED
            return False
        connection.left = int(length[1]) - len(rest)
        return connection.left <= 0

    def _ends(self, at: int, end: int) -> bool:
        """Whether a read that ends in two line ends is the last of a chunked body."""
        arena = self.kept.arena
        if arena.endswith(_LAST_CHUNK, at, end):
            return True
        found = arena.rfind(b"\r\n0", at, end)
        return found >= 0 and _TRAILERS.match(arena, found, end) is not None

    def _tail(self, connection: _Connection) -> bytes:
        """The last bytes of the read before."""
        if connection.block != self._block:
            return connection.tail
        return bytes(self.kept.room[connection.last - _ENOUGH : connection.last])

    def _spill(self) -> None:
        """Empty the arena, but for the few bytes of each connection that the end of a response may begin with."""
        for connection in self._by_fd.values():
            if connection.block == self._block:
                connection.tail = self._tail(connection)
        self._block += 1
        self.kept.spill()

    def _wait_s(self, now_ns: int) -> float:
        until = min(now_ns + 1_000_000_000, self._next_due_ns())
        if self._deadlines:
            until = min(until, self._deadlines[0][0])
        return max(0, until - now_ns) / 1e9

    def _next_due_ns(self) -> int:
        return self.begun_ns + self._starts[self._started] if self._started < len(self._starts) else _NEVER

    def _send_due(self, now_ns: int) -> None:
        while self._next_due_ns() <= now_ns:
            scheduled = self._next_due_ns()
            self._started += 1
            self._send_next(scheduled, -1)
        while self._freed and len(self.exchanges) < len(self.requests):
            self._send_next(now_ns, self._freed.popleft())

    def _send_next(self, scheduled_ns: int, after: int) -> None:
        exchange = Exchange(scheduled_ns, after)
        self.exchanges.append(exchange)
        self._in_flight += 1
        connection = self._idle.pop() if self._idle else None
        self._send(len(self.exchanges) - 1, exchange, connection)

    def _send(self, index: int, exchange: Exchange, connection: _Connection | None) -> None:
        if connection is None:
            connection = _Connection(self.server.open())
            self._watch(connection)
            connection.fresh = True
        connection.index, connection.exchange = index, exchange
        connection.left, connection.head = _HEAD, b""
        connection.output = memoryview(self.requests[index])
        now = time.monotonic_ns()
        if not exchange.sent_ns:
            exchange.sent_ns = now
        self._deadlines.append((exchange.sent_ns + self.timeout_ns, exchange, connection))
        self._write(connection)

    def _watch(self, connection: _Connection) -> None:
        self._by_fd[connection.socket.fileno()] = connection
        self._poll.add(connection.socket.fileno())

    def _write(self, connection: _Connection) -> bool:
        """Send what is left of the request, as far as it goes; gives whether the connection still stands."""
        try:
            while connection.output:
                connection.output = connection.output[connection.socket.send(connection.output) :]
        except (BlockingIOError, InterruptedError):
            self._poll.want_room(connection.socket.fileno())
        except OSError as error:
            if error.errno in (errno.ENOTCONN, errno.EINPROGRESS):  # still connecting
                self._poll.want_room(connection.socket.fileno())
            else:
                self._lost(connection, str(error))
                return False
        return True

    def _end_late(self, now_ns: int) -> None:
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            _, exchange, connection = self._deadlines.popleft()
            if connection.exchange is exchange:
                self._break(connection, "timeout", f"no end within {self.timeout_ns / 1e9:g} s")

    def _over(self, connection: _Connection, *, reusable: bool) -> None:
        """The response is whole: keep the connection, and in a closed loop send the slot's next request at once."""
        index, exchange = connection.index, connection.exchange
        assert exchange is not None
        exchange.end_ns = time.monotonic_ns()
        if reusable and not connection.closes:
            connection.index, connection.exchange, connection.fresh = -1, None, False
            self._idle.append(connection)
        else:
            self._drop(connection)
        self._note_end(exchange)
        if self.due_ns is None and len(self.exchanges) < len(self.requests):
            self._send_next(exchange.end_ns, index)

    def _lost(self, connection: _Connection, reason: str) -> None:
        index, exchange = connection.index, connection.exchange
        if exchange is None:
            self._drop(connection)
        elif connection.left == _UNTIL_CLOSED:
            self._break(connection, None, None)
        elif connection.left == _HEAD and not connection.head and not connection.fresh:
            # A kept-alive connection that the server had closed already: the request was never taken. Said in the
            # result, and its clock goes on.
            exchange.resent = True
            self._drop(connection)
            self._send(index, exchange, None)
        else:
            answered = connection.left != _HEAD or connection.head
            self._break(connection, "truncated" if answered else "connection", reason)

    def _break(self, connection: _Connection, broken: RequestStatus | None, reason: str | None) -> None:
        exchange, index = connection.exchange, connection.index
        assert exchange is not None
        exchange.end_ns = time.monotonic_ns()
        exchange.broken, exchange.reason = broken, reason
        self._drop(connection)
        self._note_end(exchange)
        if self.due_ns is None:
            self._freed.append(index)

    def _drop(self, connection: _Connection) -> None:
        fd = connection.socket.fileno()
        self._by_fd.pop(fd, None)
        self._poll.remove(fd)
        connection.socket.close()
        connection.index, connection.exchange, connection.output = -1, None, memoryview(b"")
        if connection in self._idle:
            self._idle.remove(connection)

    def _note_end(self, exchange: Exchange) -> None:
        exchange.read_by = self.kept.reads + len(self.kept.request)
        self._ended += 1
        self._in_flight -= 1
        if self.on_done is not None:
            self.on_done(self._ended)
