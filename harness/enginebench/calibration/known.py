"""A server of known timings, to hold the client against: it keeps to a schedule and writes down when it really sent.

One process, one thread, nothing but streamed completions. Tokens of a request are due at fixed times after its arrival,
by the kernel's stamp of it, however late the one before was.
"""

from __future__ import annotations

import heapq
import json
import re
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

from enginebench.load.poll import END, READ, poll
from enginebench.load.sockets import KERNEL_TIMES, STAMP_SPACE, stamped
from enginebench.records import record

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@record
class Timings:
    """What the server keeps to."""

    ttft_ns: int
    """From a request's arrival to its first token."""
    itl_ns: int
    """From each token to the next."""
    tokens: int
    """Tokens of every answer, one an event."""


@record
class Sent:
    """One answer as it was really sent, ns of the machine's monotonic clock."""

    received_ns: int
    """Arrival of the request's last bytes."""
    sent_ns: tuple[int, ...]
    """Just before each token was written."""


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(value: object) -> bytes:
    return _chunk(b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n")


class _Stream:
    """An open connection and the answer under way on it."""

    __slots__ = ("asked", "due_ns", "index", "received_ns", "sent_ns", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.asked = b""
        self.index = -1
        self.received_ns = 0
        self.due_ns = 0
        self.sent_ns = array("q")


class _Server:
    def __init__(self, timings: Timings) -> None:
        self.timings = timings
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.poll = poll()
        self.streams: dict[int, _Stream] = {}
        self.due: list[tuple[int, int]] = []
        self.record: dict[int, tuple[int, array[int]]] = {}
        choices = [{"index": 0, "text": " word", "finish_reason": None}]
        self.token = _event({"id": "cmpl-0", "object": "text_completion", "choices": choices})
        usage = {"prompt_tokens": 1, "completion_tokens": timings.tokens}
        choices = [{"index": 0, "text": " word", "finish_reason": "length"}]
        last = _event({"id": "cmpl-0", "object": "text_completion", "choices": choices})
        self.last = last + _event({"choices": [], "usage": usage}) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"

    def serve(self) -> None:
        """Serve until standard input is closed; then print what was sent, a line of JSON a request."""
        print(self.listener.getsockname()[1], flush=True)
        self.listener.setblocking(False)
        for fd in (self.listener.fileno(), sys.stdin.fileno()):
            self.poll.add(fd)
        while True:
            wait_ns = self.due[0][0] - time.monotonic_ns() if self.due else 100_000_000
            for fd, mask in self.poll.wait(max(0, wait_ns) / 1e9):
                if fd == sys.stdin.fileno():
                    return self.tell()
                if fd == self.listener.fileno():
                    self.accept()
                elif mask & (READ | END):
                    self.receive(fd)
            self.send()

    def tell(self) -> None:
        """Say what was sent."""
        for index, (received_ns, sent_ns) in sorted(self.record.items()):
            print(json.dumps([index, received_ns, *sent_ns]))

    def accept(self) -> None:
        """Take every connection that waits."""
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            stamped(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.streams[sock.fileno()] = _Stream(sock)
            self.poll.add(sock.fileno())

    def receive(self, fd: int) -> None:
        """Read a request; once it is whole, its tokens are due."""
        stream = self.streams[fd]
        while True:
            try:
                data, extra, _, _ = stream.socket.recvmsg(1 << 16, STAMP_SPACE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.poll.remove(fd)
                self.streams.pop(fd).socket.close()
                return
            stream.asked += data
            head, gap, body = stream.asked.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not gap or length is None or len(body) < int(length[1]):
                continue
            now_ns = time.monotonic_ns()
            stream.received_ns = now_ns
            if extra and KERNEL_TIMES:
                seconds, rest_ns = (int.from_bytes(extra[0][2][at : at + 8], sys.byteorder) for at in (0, 8))
                stream.received_ns -= time.time_ns() - (seconds * 1_000_000_000 + rest_ns)
            stream.index = int(json.loads(body)["prompt"][0])
            stream.asked, stream.sent_ns = b"", array("q")
            stream.due_ns = stream.received_ns + self.timings.ttft_ns
            heapq.heappush(self.due, (stream.due_ns, fd))

    def send(self) -> None:
        """Write every token that is due."""
        while self.due and self.due[0][0] <= time.monotonic_ns():
            fd = heapq.heappop(self.due)[1]
            stream = self.streams.get(fd)
            if stream is None:
                continue
            stream.sent_ns.append(time.monotonic_ns())
            over = len(stream.sent_ns) == self.timings.tokens
            data = self.last if over else self.token
            try:
                stream.socket.send(_HEAD + data if len(stream.sent_ns) == 1 else data)
            except OSError:
                continue
            if over:
                self.record[stream.index] = (stream.received_ns, stream.sent_ns)
            else:
                stream.due_ns += self.timings.itl_ns
                heapq.heappush(self.due, (stream.due_ns, fd))


class Known:
    """A running server of known timings."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.url = url
        self._process = process

    def stop(self) -> dict[int, Sent]:
        """End it; gives what it sent: the first token id of a prompt to its answer."""
        out, _ = self._process.communicate(timeout=60)
        rows = (json.loads(line) for line in out.splitlines())
        return {int(index): Sent(received_ns=got, sent_ns=tuple(sent)) for index, got, *sent in rows}


@contextmanager
def known_server(timings: Timings) -> Iterator[Known]:
    """A server of known timings in a process of its own; it ends with the block, and with this process."""
    words = (timings.ttft_ns, timings.itl_ns, timings.tokens)
    process = subprocess.Popen(
        [sys.executable, "-c", "from enginebench.calibration.known import main; main()", *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield Known(process, f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def main() -> None:
    """Serve: arguments are TTFT and ITL in ns, and the number of tokens."""
    ttft_ns, itl_ns, tokens = map(int, sys.argv[1:4])
    _Server(Timings(ttft_ns=ttft_ns, itl_ns=itl_ns, tokens=tokens)).serve()
