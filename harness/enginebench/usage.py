"""Who used the machine's CPUs while a run lasted: the engine, the client, neighbours, other virtual machines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psutil

from enginebench.records import Usage

NEIGHBOUR_CORES = 0.3
"""Cores that others may take before a run is marked. Measured: one of five repeats fell to a quarter beside a busy
neighbour; five on a quiet machine differed by 1.3 % (two cores, vLLM 0.32 with SmolLM2-135M, November 2026)."""

SHORTEST_S = 0.2
"""Shortest interval that is told. The kernel counts in ticks of 10 ms; below twenty of them, rounding alone comes near
the threshold."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """CPU seconds used since boot, and when."""

    at_s: float
    busy_s: float
    stolen_s: float
    server_s: float
    client_s: float


class Meter:
    """Measures the use of the CPUs between start() and stop().

    The server's processes are those `server_pids` returns, and all that descend from them; the client is this process
    and its other descendants, such as telemetry; neighbours are what the machine did beyond both. So the kernel's work
    that is nobody's process (interrupts, network packets, page reclaim, though done for server or client) counts as
    the neighbours'. In a container the machine is the whole host.

    A process that comes up in between counts in full. One that ends counts too once its parent has taken note of it,
    as the kernel then adds its time to the parent's; one that ends with its parent gone, or as a direct child of
    this process, is lost, and what it used counts as the neighbours'.
    """

    def __init__(self, server_pids: Callable[[], Sequence[int]]) -> None:
        self._server_pids = server_pids
        self._begin: _Snapshot | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._begin = self._snapshot()

    def stop(self) -> Usage | None:
        """Use since start(), in cores; null where the platform does not tell, or it was under 0.2 s ago."""
        begin, end = self._begin, self._snapshot()
        if begin is None or end is None or end.at_s - begin.at_s < SHORTEST_S:
            return None
        server_s = max(0.0, end.server_s - begin.server_s)
        client_s = max(0.0, end.client_s - begin.client_s)
        span_s = end.at_s - begin.at_s
        return Usage(
            server_cores=server_s / span_s,
            client_cores=client_s / span_s,
            neighbour_cores=max(0.0, end.busy_s - begin.busy_s - server_s - client_s) / span_s,
            stolen_cores=max(0.0, end.stolen_s - begin.stolen_s) / span_s,
        )

    def _snapshot(self) -> _Snapshot | None:
        times = psutil.cpu_times()
        if not hasattr(times, "steal"):
            return None
        server = _with_descendants(self._server_pids())
        own = psutil.Process()
        client = set(own.children(recursive=True)) - server
        own_times = own.cpu_times()
        return _Snapshot(
            at_s=time.monotonic(),
            busy_s=times.user + times.nice + times.system + times.irq + times.softirq,
            stolen_s=times.steal,
            server_s=_cpu_s(server),
            # Without its children's: those that ended were servers too, with all they ever used.
            client_s=own_times.user + own_times.system + _cpu_s(client),
        )


def marks(usage: Usage | None) -> tuple[str, ...]:
    """What a reader of a run must know of its CPUs: `neighbour`, `stolen`, each above 0.3 cores; or nothing."""
    if usage is None:
        return ()
    told = {"neighbour": usage.neighbour_cores, "stolen": usage.stolen_cores}
    return tuple(mark for mark, cores in told.items() if cores > NEIGHBOUR_CORES)


def _with_descendants(pids: Iterable[int]) -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for pid in pids:
        try:
            process = psutil.Process(pid)
            found |= {process, *process.children(recursive=True)}
        except psutil.NoSuchProcess:
            continue
    return found


def _cpu_s(processes: Iterable[psutil.Process]) -> float:
    """CPU seconds of these processes and of their children that ended."""
    total_s = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        total_s += times.user + times.system + times.children_user + times.children_system
    return total_s
