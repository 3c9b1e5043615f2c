"""One process's part of a load: sent, kept and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from enginebench.load.exchange import Exchange
from enginebench.load.kept import Kept, Window
from enginebench.load.proof import Watch
from enginebench.load.reading import Reader, Reading
from enginebench.load.sockets import Server
from enginebench.load.wire import Wire
from enginebench.records import record


@record
class Part:
    """What one process sends."""

    url: str
    """Where to."""
    requests: tuple[bytes, ...]
    """Whole HTTP requests, in their order."""
    due_ns: tuple[int, ...] | None
    """Open loop: when each is due, ns after the start; null: a closed loop."""
    slot_offsets_ns: tuple[int, ...]
    """Closed loop: when each slot sends its first, ns after the start."""
    timeout_s: float
    """Longest wait for one answer, s."""


@record
class Carried:
    """What came of a part. Times are ns of the machine's monotonic clock."""

    begun_ns: int
    """The start."""
    exchanges: list[Exchange]
    """Every request, in order."""
    readings: list[Reading]
    """What each one's answer says."""
    last_ns: NDArray[np.int64]
    """Arrival of each answer's last bytes; 0 where none came."""
    watch: Watch
    """How late the client was."""
    cpu_s: float
    """CPU time of sending and keeping, s."""
    clock_jump_ns: int
    """How far the real-time clock was set meanwhile."""


def carry_out(part: Part, *, begin: Callable[[], int], on_done: Callable[[int], None] | None) -> Carried:
    """Send a part and read what came. `begin` is called once all is ready, and gives the start by the monotonic clock.

    Raises UserError for a URL that leads nowhere.
    """
    wire = Wire(
        Server(part.url),
        part.requests,
        due_ns=part.due_ns,
        slot_offsets_ns=part.slot_offsets_ns,
        timeout_s=part.timeout_s,
        on_done=on_done,
    )
    watch = Watch(wire.kept.kernel_times)
    try:
        exchanges = wire.run(begin)
        readings, last_ns = _read(wire.kept, exchanges, watch)
    finally:
        wire.kept.close()
    return Carried(
        begun_ns=wire.begun_ns,
        exchanges=exchanges,
        readings=readings,
        last_ns=last_ns,
        watch=watch,
        cpu_s=wire.cpu_s,
        clock_jump_ns=wire.kept.clock_jump_ns(),
    )


def _read(kept: Kept, exchanges: Sequence[Exchange], watch: Watch) -> tuple[list[Reading], NDArray[np.int64]]:
    """What each exchange's bytes say, and the arrival of its last ones, ns of the monotonic clock; 0 for none."""
    open_readers: dict[int, Reader] = {}
    closed: dict[int, Reading] = {}
    last_ns = np.zeros(len(exchanges), dtype=np.int64)
    reads = 0
    for window in kept.windows():
        reads += len(window.request)
        order = np.argsort(window.request, kind="stable")
        owners, begins = np.unique(window.request[order], return_index=True)
        begins = np.append(begins, len(order))
        starts = np.concatenate(([0], window.ends[:-1]))
        watch.reads(window.lag_ns)
        for owner, begin, end in zip(owners.tolist(), begins[:-1].tolist(), begins[1:].tolist(), strict=True):
            mine = order[begin:end]
            reader = open_readers.get(owner) or open_readers.setdefault(owner, Reader())
            _feed(owner, reader, window, mine, starts[mine], watch)
            last_ns[owner] = window.came_ns[mine[-1]]
            if exchanges[owner].read_by <= reads:
                closed[owner] = open_readers.pop(owner).close(exchanges[owner].broken, exchanges[owner].reason)
    for owner, exchange in enumerate(exchanges):
        if owner not in closed:
            closed[owner] = open_readers.get(owner, Reader()).close(exchange.broken, exchange.reason)
    return [closed[owner] for owner in range(len(exchanges))], last_ns


def _feed(
    owner: int, reader: Reader, window: Window, mine: NDArray[np.int64], starts: NDArray[np.int64], watch: Watch
) -> None:
    """Give a request's reader its reads of a window."""
    ends, came_ns = window.ends[mine], window.came_ns[mine]
    known = len(reader.event_ns)
    pieces = zip(starts.tolist(), ends.tolist(), strict=True)
    reader.feed(b"".join([window.data[at:to] for at, to in pieces]), np.cumsum(ends - starts), came_ns)
    new = np.array(reader.event_ns[known:], dtype=np.int64)
    watch.events(owner, known == 0, new, reader.followed, came_ns, window.earliest_ns[mine])
