"""Which connections have something to read: edge-triggered epoll on Linux, the platform's best elsewhere."""

from __future__ import annotations

import select
import selectors
import sys
from typing import Protocol

READ, WRITE, END = 0x1, 0x4, 0x2018
"""Bytes came; there is room to write; the other side closed or the connection broke. As epoll has them (EPOLLIN,
EPOLLOUT, EPOLLRDHUP | EPOLLHUP | EPOLLERR), so that nothing has to be translated."""
_EDGE = 0x80000000


class Poll(Protocol):
    """A set of watched descriptors."""

    def add(self, fd: int) -> None:
        """Watch a descriptor for all three, each told at least once for what newly came: read until it is dry."""

    def remove(self, fd: int) -> None:
        """Watch it no more."""

    def want_room(self, fd: int) -> None:
        """A write did not take everything: tell when there is room."""

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        """Descriptors and what they have, after at most so long; none perhaps somewhat sooner."""

    def close(self) -> None:
        """Let go of it."""


class _Epoll:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._fd = (self._epoll.fileno(),)
        self._poll = self._epoll.poll

    def add(self, fd: int) -> None:
        self._epoll.register(fd, READ | WRITE | END | _EDGE)

    def remove(self, fd: int) -> None:
        self._epoll.unregister(fd)

    def want_room(self, fd: int) -> None:
        # The edge comes by itself.
        pass

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        # epoll counts in whole ms, rounded up; select does not. A long wait ends before its last part of a ms (the half
        # keeps the rounding from a further one), and the caller waits again.
        if timeout_s < 0.003:
            if timeout_s > 0:
                select.select(self._fd, (), (), timeout_s)
            timeout_s = 0.0
        else:
            timeout_s = (int(timeout_s * 1000) - 0.5) / 1000
        return self._poll(timeout_s, 1024)

    def close(self) -> None:
        self._epoll.close()


class _Selector:
    """Any other platform. Told anew while a thing lasts, so room to write is asked for only by who waits for it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, fd: int) -> None:
        self._selector.register(fd, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def remove(self, fd: int) -> None:
        self._selector.unregister(fd)

    def want_room(self, fd: int) -> None:
        self._selector.modify(fd, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        found = []
        for key, events in self._selector.select(timeout_s):
            mask = READ if events & selectors.EVENT_READ else 0
            if events & selectors.EVENT_WRITE:
                mask |= WRITE
                self._selector.modify(key.fd, selectors.EVENT_READ)
            found.append((key.fd, mask))
        return found

    def close(self) -> None:
        self._selector.close()


def poll() -> Poll:
    """A new, empty set."""
    return _Epoll() if sys.platform == "linux" else _Selector()
