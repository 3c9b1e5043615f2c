"""TLS over a socket whose reads carry the kernel's times: records are decrypted in memory, times kept."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Any

_RECORD_BYTES = 1 << 16


class TlsSocket:
    """What the loop needs of a socket, over TLS. Plain text has the time of the last encrypted bytes that made it."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._scratch = bytearray(_RECORD_BYTES)
        self._stamps: list[Any] = []
        self._shaken = False
        self._ended = False
        self._owed = 0

    def fileno(self) -> int:
        """The socket's number."""
        return self._plain.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._plain.close()

    def shake_hands(self) -> None:
        """Do the whole handshake on a socket that blocks. Raises OSError (ssl.SSLError) if the server can't."""
        while not self._shake():
            self._flush()
            data = self._plain.recv(_RECORD_BYTES)
            if not data:
                raise ConnectionResetError("the server closed the connection during the handshake")
            self._incoming.write(data)
        self._flush()

    def send(self, data: memoryview) -> int:
        """Encrypt and send as much as the socket takes; the handshake comes first. Raises BlockingIOError, OSError."""
        self._flush()
        if not self._shaken and not self._shake():
            self._flush()
            raise BlockingIOError
        if not self._owed:
            # One record at a time; it counts as taken once all of it is sent.
            self._owed = self._tls.write(data[:16384])
            self._flush()
        taken, self._owed = self._owed, 0
        return taken

    def recvmsg_into(self, buffers: Sequence[memoryview], space: int) -> tuple[int, list[Any], int, Any]:
        """As `socket.recvmsg_into`: bytes, ancillary data. Raises BlockingIOError while there is no plain text."""
        while True:
            if not self._shaken:
                self._shake()
                self._flush()
            if self._shaken:
                try:
                    return self._tls.read(len(buffers[0]), buffers[0]), self._stamps, 0, None  # type: ignore[return-value]
                except ssl.SSLWantReadError:
                    pass
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return 0, [], 0, None
            if self._ended:
                return 0, [], 0, None
            count, self._stamps, _, _ = self._plain.recvmsg_into([self._scratch], space)
            if count:
                self._incoming.write(memoryview(self._scratch)[:count])
            else:
                self._ended = True
                self._incoming.write_eof()

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self._shaken = True
        return True

    def _flush(self) -> None:
        """Send what is encrypted; raises BlockingIOError with the rest kept if the socket is full."""
        while self._outgoing.pending:
            data = self._outgoing.read()
            sent = 0
            try:
                sent = self._plain.send(data)
            finally:
                if sent < len(data):
                    rest = data[sent:] + self._outgoing.read()
                    self._outgoing.write(rest)
            if sent < len(data):
                raise BlockingIOError
