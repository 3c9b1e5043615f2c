"""What came, as it came: for every read the kernel's time, the request and the length; the bytes go to a file.

Memory stays small however long a run is: full blocks are written to an unnamed temporary file, and read back in order
once the run is over.
"""

from __future__ import annotations

import os
import tempfile
import time
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from enginebench.records import record

BLOCK_BYTES = 1 << 20
"""Bytes that are kept before they are written out."""
LEAST_ROOM = 1 << 16
"""A read never has less room than this."""
DID_NOT_WAIT = -1
"""In place of a time: something was there at once."""
_WINDOW_BYTES = 4 << 20
_MOST_QUEUED_NS = (1 << 31) - 1

Times = NDArray[np.int64]


@record
class Window:
    """A stretch of a run's reads, in order."""

    data: bytes
    """Their bytes, one read after the other."""
    request: NDArray[np.int32]
    """Request that each belongs to."""
    ends: Times
    """Offset in `data` after each read's last byte."""
    came_ns: Times
    """Arrival of each read's last byte by the monotonic clock: the kernel's time, where it gives one."""
    lag_ns: Times
    """From then until this process had read it for sure."""
    earliest_ns: Times
    """Earliest time at which anything in the read can have come. What came before, the poll before would have seen;
    where the loop waited for something to come, it is the first arrival that it found, or when it was woken, if it
    then had to wait for a core."""


_NO_TIMES = np.zeros(0, dtype=np.int64)
_NOTHING = Window(
    data=b"",
    request=np.zeros(0, dtype=np.int32),
    ends=_NO_TIMES,
    came_ns=_NO_TIMES,
    lag_ns=_NO_TIMES,
    earliest_ns=_NO_TIMES,
)


class Kept:
    """The log of a run. The loop itself appends to `request`, `lengths` and `stamps` and fills `room` from `at` on."""

    def __init__(self, kernel_times: bool) -> None:
        self.kernel_times = kernel_times
        self.arena = bytearray(BLOCK_BYTES)
        self.room = memoryview(self.arena)
        self.at = 0
        self.request = array("i")
        self.lengths = array("i")
        # Seconds and ns of the real-time clock, 8 bytes each, as the kernel gives them; empty where it gives none.
        self.stamps = bytearray()
        self.reads = 0
        # Of each turn of the loop: reads before it; how long it had no core once what it waited for was there, or
        # DID_NOT_WAIT; when its poll returned; when it was done.
        self.turn_reads = array("q")
        self.queued_ns = array("i")
        self.polled_ns = array("q")
        self.done_ns = array("q")
        self._file = tempfile.TemporaryFile(prefix="enginebench-load-", buffering=0)  # noqa: SIM115
        self._blocks: list[tuple[int, int]] = []
        self._offsets: list[tuple[int, int]] = []
        self.compare_clocks()

    def compare_clocks(self) -> None:
        """Note how far the real-time clock, which the kernel stamps by, is from the monotonic one."""
        tries = []
        for _ in range(3):
            before, real, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
            tries.append((after - before, real, real - (before + after) // 2))
        self._offsets.append(min(tries)[1:])

    def begin_turn(self, polled_ns: int, queued_ns: int) -> None:
        """The loop looks at what there is to read. Goes with a time appended to `done_ns` at the turn's end."""
        self.turn_reads.append(self.reads + len(self.request))
        self.queued_ns.append(min(queued_ns, _MOST_QUEUED_NS))
        self.polled_ns.append(polled_ns)

    def spill(self) -> None:
        """Write out what is kept and begin an empty block."""
        parts = [self.request.tobytes(), self.lengths.tobytes(), bytes(self.stamps), bytes(self.room[: self.at])]
        whole = memoryview(b"".join(parts))
        while whole:
            whole = whole[os.write(self._file.fileno(), whole) :]
        self._blocks.append((len(self.request), self.at))
        self.reads += len(self.request)
        self.at = 0
        del self.request[:], self.lengths[:]
        self.stamps.clear()
        self.compare_clocks()

    def clock_jump_ns(self) -> int:
        """How far the real-time clock was set while the run lasted, beyond the drift that is drawn out evenly."""
        pairs = zip(self._offsets, self._offsets[1:], strict=False)
        moves = (abs(apart - before) - (at - since) // 1000 for (since, before), (at, apart) in pairs)
        return max(0, *moves, 0)

    def windows(self) -> Iterator[Window]:
        """All reads, some megabytes at a time. Call once, after the last turn."""
        self.spill()
        os.lseek(self._file.fileno(), 0, os.SEEK_SET)
        before, blocks = 0, []
        for index, (reads, size) in enumerate(self._blocks):
            blocks.append(self._block(reads, size))
            if sum(len(block[3]) for block in blocks) >= _WINDOW_BYTES or index + 1 == len(self._blocks):
                window = self._window(blocks, before)
                before += len(window.request)
                blocks = []
                if len(window.request):
                    yield window

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _block(self, reads: int, size: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Times, bytes]:
        def column(kind: str, count: int) -> NDArray[np.generic]:
            return np.frombuffer(self._file.read(np.dtype(kind).itemsize * count), dtype=kind)

        request, lengths = column("i4", reads), column("i4", reads)
        pairs = column("i8", 2 * reads if self.kernel_times else 0)
        return request, lengths, pairs, self._file.read(size)  # type: ignore[return-value]

    def _window(self, blocks: list[tuple[NDArray[np.int32], NDArray[np.int32], Times, bytes]], before: int) -> Window:
        if not sum(len(block[0]) for block in blocks):
            return _NOTHING
        request, lengths, pairs = (np.concatenate([block[column] for block in blocks]) for column in range(3))
        polled, done = np.frombuffer(self.polled_ns, dtype=np.int64), np.frombuffer(self.done_ns, dtype=np.int64)
        index = np.arange(before, before + len(request))
        turn = np.searchsorted(np.frombuffer(self.turn_reads, dtype=np.int64), index, side="right") - 1
        if self.kernel_times:
            pairs = pairs.reshape(-1, 2)
            real_ns = pairs[:, 0] * 1_000_000_000 + pairs[:, 1]
            at, apart = (np.array(column, dtype=np.int64) for column in zip(*self._offsets, strict=True))
            # Between two comparisons of the clocks the difference is drawn out evenly.
            came_ns = real_ns - apart[0] - np.interp(real_ns - at[0], at - at[0], apart - apart[0]).astype(np.int64)
        else:
            came_ns = done[turn]
        # A turn's reads stand together, and a window holds whole blocks: a turn cut in two counts as two.
        first = np.flatnonzero(np.diff(turn, prepend=-1))
        woke_ns = np.repeat(np.minimum.reduceat(came_ns, first), np.diff(first, append=len(turn)))
        queued_ns = np.frombuffer(self.queued_ns, dtype=np.int32)[turn]
        woke_ns = np.minimum(woke_ns, polled[turn] - queued_ns)
        looked_ns = np.where(queued_ns > DID_NOT_WAIT, woke_ns, polled[np.maximum(turn - 1, 0)])
        return Window(
            data=b"".join(block[3] for block in blocks),
            request=request,
            ends=np.cumsum(lengths, dtype=np.int64),
            came_ns=came_ns,
            lag_ns=done[turn] - came_ns,
            earliest_ns=np.minimum(looked_ns, came_ns),
        )
