"""A connection and how far the answer on it has come."""

from __future__ import annotations

import socket

from enginebench.load.ending import HEAD
from enginebench.load.exchange import Exchange
from enginebench.load.tls import TlsSocket


class Connection:
    """A socket and the request on it."""

    __slots__ = (
        "block",
        "closes",
        "exchange",
        "fault",
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
        # Why a write failed: what the server said before is still to be read.
        self.fault: str | None = None
        # Whether it was made for its request; else the server may have closed it meanwhile.
        self.fresh = False
        self.closes = False
        self.head = b""
        # Bytes of the body still to come, or HEAD, CHUNKED, UNTIL_CLOSED.
        self.left = HEAD
        # The last bytes of the read before: in the arena before `last` if that block is still there, else in `tail`.
        self.last, self.block, self.tail = 0, -1, b""
