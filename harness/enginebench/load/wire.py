"""The hot path: one thread, plain sockets; for every read the kernel's time and the bytes are kept, nothing is parsed
but the end of a response."""

from __future__ import annotations

import contextlib
import errno
import gc
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence

from enginebench.load.connection import Connection
from enginebench.load.ending import CHUNKED, HEAD, LAST_CHUNK, TRAILERS, UNTIL_CLOSED, ending
from enginebench.load.exchange import Exchange
from enginebench.load.kept import DID_NOT_WAIT, LEAST_ROOM, Kept
from enginebench.load.poll import END, READ, poll
from enginebench.load.queueing import RunQueue
from enginebench.load.sockets import KERNEL_TIMES, STAMP_SPACE, Server, allow
from enginebench.records import RequestStatus

_AHEAD = 256
"""Connections of an open loop that are made before the clock starts."""
_MANY = 64
"""With so many requests in flight, the loop rests after every turn."""
_REST_NS = 400_000
"""How long: what comes meanwhile has the kernel's times, and is read in one turn, which costs half the CPU."""
_ENOUGH = len(LAST_CHUNK)
_STAMP = struct.Struct("@qq")
_NEVER = 1 << 62


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
        self._by_fd: dict[int, Connection] = {}
        self._idle: dict[Connection, None] = {}
        # When sends are due that wait for nobody: all of an open loop, the first of each slot of a closed one.
        self._starts = list(due_ns if due_ns is not None else self.slot_offsets_ns)
        self._started = 0
        # Requests of a closed loop that ended, and whose slots have no new one yet.
        self._freed: deque[int] = deque()
        # Connections whose first write failed, to be read like any other that breaks.
        self._failed: list[tuple[int, int]] = []
        self._ended = 0
        self._deadlines: deque[tuple[int, Exchange, Connection]] = deque()
        self._in_flight = 0
        self._block = 0

    def run(self, begin: Callable[[], int]) -> list[Exchange]:
        """Send all, wait for all; gives the exchanges in the order of the requests. `begin` gives the start, ns."""
        closed = self.due_ns is None
        allow(len(self.slot_offsets_ns) if closed else len(self.requests))
        queue = RunQueue()
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            with contextlib.suppress(OSError):  # One that is refused is tried again by its request.
                for _ in range(len(self.slot_offsets_ns) if closed else min(len(self.requests), _AHEAD)):
                    connection = Connection(self.server.open(wait_s=5))
                    self._watch(connection)
                    self._idle[connection] = None
            self.begun_ns = begin()
            cpu_s = time.thread_time()
            self._turns(queue)
            self.cpu_s = time.thread_time() - cpu_s
        finally:
            gc.enable()
            gc.unfreeze()
            for connection in self._by_fd.values():
                connection.socket.close()
            self._poll.close()
            queue.close()
        return self.exchanges

    def _turns(self, queue: RunQueue) -> None:
        """Wait for what comes first, an answer, a due send or a time limit; deal with it; again until all has ended."""
        kept, clock, total = self.kept, time.monotonic_ns, len(self.requests)
        # The first sends are a turn that reads nothing: what comes meanwhile may have come at any time of it.
        kept.begin_turn(clock(), DID_NOT_WAIT)
        self._send_due(clock())
        kept.done_ns.append(clock())
        while self._ended < total:
            ready = self._poll.wait(0.0)
            if self._failed:
                ready, self._failed = ready + self._failed, []
            queued_ns = DID_NOT_WAIT
            if not ready:
                before_ns = queue.waited_ns()
                ready = self._poll.wait(self._wait_s(clock()))
                queued_ns = queue.waited_ns() - before_ns
            kept.begin_turn(clock(), queued_ns)
            self._take(ready)
            now = clock()
            # In this order: the slot of a request that is given up is free at once.
            self._end_late(now)
            self._send_due(now)
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
            if connection is None:
                continue
            if connection.output and not self._write(connection):
                mask |= END
            if not mask & (READ | END):
                continue
            while True:
                at = kept.at
                try:
                    count, extra, _, _ = connection.receive((room[at:],), STAMP_SPACE)
                except (BlockingIOError, InterruptedError):
                    self._dry(connection)
                    break
                except OSError as error:
                    self._lost(connection, connection.fault or str(error))
                    break
                if not count or connection.index < 0:
                    # Closed, or bytes that nobody asked for: no other request is to go over this connection.
                    self._lost(connection, connection.fault or "the server closed the connection")
                    break
                request.append(connection.index)
                lengths.append(count)
                if extra:
                    stamps += extra[0][2]
                elif KERNEL_TIMES:
                    stamps += _STAMP.pack(*divmod(time.time_ns(), 1_000_000_000))
                end = kept.at = at + count
                if count < _ENOUGH or connection.left != CHUNKED:
                    over = self._rare(connection, at, end)
                else:
                    # Two line ends: the last read of the body, or an event of a server that ends lines by CR LF.
                    over = arena[end - 4] == 13 and self._ends(connection, at, end)
                    connection.last, connection.block = end, self._block
                if end > limit:
                    self._spill()
                if over:
                    self._over(connection, reusable=not mask & END)
                    break
                if not (mask & END or end == len(arena) or connection.layered):
                    break

    def _dry(self, connection: Connection) -> None:
        """There is no more to read: one that can't be written to either is lost."""
        if connection.output:
            self._write(connection)  # By TLS the last word of a handshake may just have been read.
        if connection.fault is not None:
            self._lost(connection, connection.fault)

    def _rare(self, connection: Connection, at: int, end: int) -> bool:
        """Whether a response is over with a read that is short or not of a chunked body."""
        piece = bytes(self.kept.room[at:end])
        tail = (self._tail(connection) + piece)[-_ENOUGH:]
        connection.tail, connection.block = tail, -1
        if connection.left == HEAD:
            return self._head(connection, piece)
        if connection.left == CHUNKED:
            return tail == LAST_CHUNK
        if connection.left == UNTIL_CLOSED:
            return False
        connection.left -= len(piece)
        return connection.left <= 0

    def _head(self, connection: Connection, piece: bytes) -> bool:
        """Find out, once the headers are there, how the body's end will be known; and whether it came with them."""
        connection.head += piece
        while True:
            head, gap, rest = connection.head.partition(b"\r\n\r\n")
            if not gap:
                return False
            connection.left, connection.closes = ending(head)
            if connection.left != HEAD:
                break
            connection.head = rest
            # The server has taken the request: it is not to be sent again.
            connection.fresh = True
        connection.head = b""
        if connection.left == CHUNKED:
            return TRAILERS.search(b"\r\n" + rest) is not None
        if connection.left == UNTIL_CLOSED:
            return False
        connection.left -= len(rest)
        return connection.left <= 0

    def _ends(self, connection: Connection, at: int, end: int) -> bool:
        """Whether a read that ends in two line ends is the last of a chunked body."""
        if self.kept.arena.endswith(LAST_CHUNK, at, end):
            return True
        return TRAILERS.search(self._tail(connection) + bytes(self.kept.room[at:end])) is not None

    def _tail(self, connection: Connection) -> bytes:
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
        # Slots that started early may have sent all before a late one begins.
        if self._started == len(self._starts) or len(self.exchanges) == len(self.requests):
            return _NEVER
        return self.begun_ns + self._starts[self._started]

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
        connection = self._idle.popitem()[0] if self._idle else None
        self._send(len(self.exchanges) - 1, exchange, connection)

    def _send(self, index: int, exchange: Exchange, connection: Connection | None) -> None:
        if connection is None:
            try:
                connection = Connection(self.server.open())
            except OSError as error:  # no more files, say
                exchange.sent_ns = exchange.sent_ns or time.monotonic_ns()
                self._end(index, exchange, "connection", str(error))
                return
            self._watch(connection)
            connection.fresh = True
        connection.index, connection.exchange = index, exchange
        connection.left, connection.head = HEAD, b""
        connection.output = memoryview(self.requests[index])
        exchange.sent_ns = exchange.sent_ns or time.monotonic_ns()
        self._deadlines.append((exchange.sent_ns + self.timeout_ns, exchange, connection))
        if not self._write(connection):
            self._failed.append((connection.socket.fileno(), END))

    def _watch(self, connection: Connection) -> None:
        self._by_fd[connection.socket.fileno()] = connection
        self._poll.add(connection.socket.fileno())

    def _write(self, connection: Connection) -> bool:
        """Send what is left of the request, as far as it goes; gives whether the connection still takes it."""
        try:
            while connection.output:
                connection.output = connection.output[connection.socket.send(connection.output) :]
        except (BlockingIOError, InterruptedError):
            self._poll.want_room(connection.socket.fileno())
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EINPROGRESS):
                connection.fault, connection.output = str(error), memoryview(b"")
                return False
            self._poll.want_room(connection.socket.fileno())  # still connecting
        return True

    def _end_late(self, now_ns: int) -> None:
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            _, exchange, connection = self._deadlines.popleft()
            if connection.exchange is exchange:
                self._break(connection, "timeout", f"no end within {self.timeout_ns / 1e9:g} s")

    def _over(self, connection: Connection, *, reusable: bool) -> None:
        """The response is whole: keep the connection, and in a closed loop send the slot's next request at once."""
        index, exchange = connection.index, connection.exchange
        assert exchange is not None
        exchange.end_ns = time.monotonic_ns()
        # A server that answered before it had the whole request still waits for the rest of it.
        if reusable and not connection.closes and not connection.output:
            connection.index, connection.exchange, connection.fresh = -1, None, False
            self._idle[connection] = None
        else:
            self._drop(connection)
        self._note_end(exchange)
        if self.due_ns is None and len(self.exchanges) < len(self.requests):
            self._send_next(exchange.end_ns, index)

    def _lost(self, connection: Connection, reason: str) -> None:
        index, exchange = connection.index, connection.exchange
        if exchange is None:
            self._drop(connection)
        elif connection.left == UNTIL_CLOSED:
            exchange.until_closed = True
            self._break(connection, None, None)
        elif connection.left == HEAD and not connection.head and not connection.fresh:
            # A kept-alive connection that the server had closed already: the request was never taken. Said in the
            # result, and its clock goes on.
            exchange.resent = True
            self._drop(connection)
            self._send(index, exchange, None)
        else:
            answered = connection.left != HEAD or connection.head
            self._break(connection, "truncated" if answered else "connection", reason)

    def _break(self, connection: Connection, broken: RequestStatus | None, reason: str | None) -> None:
        exchange, index = connection.exchange, connection.index
        assert exchange is not None
        self._drop(connection)
        self._end(index, exchange, broken, reason)

    def _end(self, index: int, exchange: Exchange, broken: RequestStatus | None, reason: str | None) -> None:
        exchange.end_ns = time.monotonic_ns()
        exchange.broken, exchange.reason = broken, reason
        self._note_end(exchange)
        if self.due_ns is None:
            self._freed.append(index)

    def _drop(self, connection: Connection) -> None:
        fd = connection.socket.fileno()
        self._by_fd.pop(fd, None)
        self._poll.remove(fd)
        connection.socket.close()
        connection.index, connection.exchange, connection.output = -1, None, memoryview(b"")
        self._idle.pop(connection, None)

    def _note_end(self, exchange: Exchange) -> None:
        exchange.read_by = self.kept.reads + len(self.kept.request)
        self._ended += 1
        self._in_flight -= 1
        if self.on_done is not None:
            self.on_done(self._ended)
