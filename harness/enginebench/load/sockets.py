"""Connections to one server: found, opened, set to say when bytes came."""

from __future__ import annotations

import contextlib
import resource
import socket
import ssl
import struct
import sys
import time
from urllib.parse import urlsplit

from enginebench.errors import mistake
from enginebench.load.tls import TlsSocket

# Linux, include/uapi/asm-generic/socket.h; Python names it from 3.14 on.
_SO_TIMESTAMPNS = 35
KERNEL_TIMES = sys.platform == "linux" and struct.calcsize("l") == 8
"""Whether this platform's kernel says when bytes came, to the ns."""
STAMP_SPACE = socket.CMSG_SPACE(16) if KERNEL_TIMES else 0
"""Room for one time beside a read's bytes."""
_OTHER_FILES = 256
"""Files that a process has open beside its connections, generously."""


def allow(connections: int) -> None:
    """Raise this process's limit of open files to hold so many connections, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):  # What is too many then shows at a connection.
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Server:
    """Where connections lead."""

    def __init__(self, url: str) -> None:
        """Look the host up and find out which of its addresses answers.

        Raises UserError for a URL that is none, and for a host that is not known.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise mistake(url, "not the URL of a server", "name one, as http://127.0.0.1:8000")
        self.host = parts.netloc.rpartition("@")[2]
        self.prefix = parts.path.rstrip("/")
        self._name = parts.hostname
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        try:
            port = parts.port or (443 if self._tls else 80)
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            raise mistake(url, f"the host is not known ({error})", "check the URL") from None
        self._addresses = [(family, address) for family, *_, address in found]

    def open(self, wait_s: float | None = None) -> socket.socket | TlsSocket:
        """A connection. With `wait_s` it is made whole first, on the first address that answers; else it is under way.

        Raises OSError if no address answers.
        """
        if wait_s is None:
            family, address = self._addresses[0]
            plain = self._socket(family)
            plain.setblocking(False)
            plain.connect_ex(address)
            return self._wrapped(plain)
        deadline = time.monotonic() + wait_s
        for family, address in list(self._addresses):
            plain = self._socket(family)
            plain.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                plain.connect(address)
                whole = self._wrapped(plain)
                if isinstance(whole, TlsSocket):
                    whole.shake_hands()
            except OSError:
                plain.close()
                self._addresses.append(self._addresses.pop(0))
                continue
            plain.setblocking(False)
            return whole
        raise ConnectionRefusedError("no address answers")

    def _wrapped(self, plain: socket.socket) -> socket.socket | TlsSocket:
        return plain if self._tls is None else TlsSocket(plain, self._tls, self._name)

    def _socket(self, family: int) -> socket.socket:
        plain = socket.socket(family, socket.SOCK_STREAM)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stamped(plain)
        return plain


def stamped(plain: socket.socket) -> None:
    """Have the kernel say when bytes come, where it can."""
    if KERNEL_TIMES:
        plain.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
