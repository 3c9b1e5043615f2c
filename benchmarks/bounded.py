"""Run a program on one core, within a time limit, and say what it and all its descendants used."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 0.2
_PAGE = os.sysconf("SC_PAGE_SIZE")
_HZ = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a program used."""

    started_ns: int
    """Just before it was started, ns of the monotonic clock."""
    wall_s: float
    """Start to end."""
    cpu_s: float
    """User and system time of the whole tree of processes."""
    peak_rss_bytes: int
    """One process: its high-water mark. Several: the largest sum of their resident sets, sampled 5 times a second."""
    others_share: float
    """Share of the core that went to other processes meanwhile."""
    processes: int
    """Processes at a time, at most."""
    status: int | None
    """Exit status; nothing if it was ended for being too slow."""


class _Tree:
    """The processes that descend from one, by what /proc says: cheap enough to be read beside a measurement."""

    def __init__(self, pid: int) -> None:
        self.root = pid
        self.cpu_s: dict[tuple[int, str], float] = {}
        self.peak_sum = 0
        self.peak_one = 0
        self.most = 1

    def look(self) -> None:
        """Take one sample."""
        total, found = 0, 0
        for pid in self._pids():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                self.cpu_s[pid, fields[19]] = (int(fields[11]) + int(fields[12])) / _HZ
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
                found += 1
                if pid == self.root:
                    status = Path(f"/proc/{pid}/status").read_text()
                    self.peak_one = max(self.peak_one, int(status.split("VmHWM:")[1].split()[0]) * 1024)
        self.peak_sum = max(self.peak_sum, total)
        self.most = max(self.most, found)

    def _pids(self) -> list[int]:
        found, left = [], [self.root]
        while left:
            pid = left.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    left += [int(child) for child in (task / "children").read_text().split()]
        return found

    def end(self) -> None:
        """Kill what is left of the processes seen, those only, told by pid and start time; wait until they are gone."""
        deadline = time.monotonic() + 10
        for pid, born in self.cpu_s:
            with contextlib.suppress(OSError, IndexError):
                while time.monotonic() < deadline:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    if fields[19] != born or fields[0] == "Z":
                        break
                    os.kill(pid, signal.SIGKILL)
                    time.sleep(0.01)


def _busy_s(core: int) -> float:
    """Seconds that the core has been busy with processes; interrupts, a part of the traffic, not counted."""
    line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    user, nice, system = (int(field) for field in line.split()[1:4])
    return (user + nice + system) / _HZ


def _sample(tree: _Tree, over: threading.Event, on_tick: Callable[[], None] | None) -> None:
    # The server has this core too: samples are taken in the time that it leaves.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while not over.wait(_TICK_S):
        tree.look()
        if on_tick is not None:
            on_tick()


def run(
    argv: Sequence[str],
    *,
    core: int,
    timeout_s: float,
    log: Path,
    environment: Mapping[str, str],
    on_tick: Callable[[], None] | None = None,
) -> Usage:
    """Run `argv` on `core`; its words go to `log`. `on_tick` is called five times a second while it runs."""
    with log.open("ab") as words:
        started_ns = time.monotonic_ns()
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *argv],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd=log.parent,
            start_new_session=True,
        )
    tree = _Tree(process.pid)
    before = _busy_s(core)
    deadline = time.monotonic() + timeout_s
    ended, status, spent = 0, 0, None
    over = threading.Event()
    sampler = threading.Thread(target=_sample, args=(tree, over, on_tick))
    sampler.start()
    try:
        while not ended and time.monotonic() < deadline:
            time.sleep(_TICK_S)
            ended, status, spent = os.wait4(process.pid, os.WNOHANG)
    finally:
        over.set()
        sampler.join()
        if not ended:
            tree.look()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            time.sleep(2)
            tree.end()
            _, _, spent = os.wait4(process.pid, 0)
        process.returncode = 0
        tree.end()
    assert spent is not None
    wall_s = (time.monotonic_ns() - started_ns) / 1e9
    # Descendants that nobody waited for are missing in the one, those that lived shorter than a tick in the other.
    cpu_s = max(spent.ru_utime + spent.ru_stime, sum(tree.cpu_s.values()))
    return Usage(
        started_ns=started_ns,
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_rss_bytes=tree.peak_one if tree.most == 1 else tree.peak_sum,
        others_share=max(0.0, _busy_s(core) - before - cpu_s) / wall_s,
        processes=tree.most,
        status=os.waitstatus_to_exitcode(status) if ended else None,
    )
