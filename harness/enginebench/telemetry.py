"""Telemetry: samples accelerators and the machine's CPUs while the load runs, in a process of its own.

`Recorder` starts `python -m enginebench.telemetry`, which appends one JSON line a device and tick to a file, and ends
when its standard input closes: however the trial dies, nothing is left running. A line holds

    t_ns            time of the sample, ns since the epoch
    device          index of the device; null in the one row a tick that is about the machine
    power_w, energy_j, utilisation, memory_bytes, temperature_c
                    as in `accelerators.Reading`
    cpu_busy_cores  CPU-seconds a second all programs used since the tick before; null in rows of devices
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import psutil

from enginebench import accelerators, engines, scrape
from enginebench.records import Accelerator

Row = Mapping[str, Any]

MEASURED = ("power_w", "energy_j", "utilisation", "memory_bytes", "temperature_c")
COVERED = 0.9
"""Least share of a window that samples must cover for its energy to be told."""
READY_S = 30.0
"""Longest wait for the first sample: a vendor's library can take seconds to start."""
STOP_S = 5.0
"""Longest wait for the process to end by itself."""
SHORTEST_S = 0.1
"""Shortest time over which CPU use is told: ten ticks of the kernel's clock."""


class Recorder:
    """Samples `accelerators` (of one vendor) into `path` every `interval_s` seconds, from start() to stop().

    `watched` is an engine's adapter, its server's URL and the file that the server's metrics page is read into.
    Telemetry never fails a trial: where its process cannot go on, the file merely ends early.
    """

    def __init__(
        self,
        devices: Sequence[Accelerator],
        path: Path,
        *,
        interval_s: float = 0.5,
        watched: tuple[str, str, Path] | None = None,
    ) -> None:
        assert devices, "telemetry needs a device"
        self._argv = [sys.executable, "-m", "enginebench.telemetry", devices[0].vendor]
        self._argv += [",".join(str(device.index) for device in devices), str(interval_s), str(path)]
        if watched is not None:
            self._argv += ["--watch", *map(str, watched)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The sampling process; null before start() and after stop()."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start sampling; returns after the first sample, so that starting up does not disturb the load."""
        # A session of its own: an interrupt meant for the trial does not end it before the trial does.
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        select.select([self._process.stdout], [], [], READY_S)

    def stop(self) -> None:
        """Take a last sample and end the process: by closing its input, or after a deadline by killing it."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def __enter__(self) -> Recorder:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def read(path: Path) -> list[dict[str, Any]]:
    """All whole rows of a telemetry file; empty without a file. What follows the last line's end was torn off."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def energy_j(
    rows: Iterable[Row], begin_ns: int, end_ns: int, devices: Sequence[int]
) -> tuple[float | None, str | None]:
    """Energy that `devices` drew between two times (ns since the epoch), J; or null and the reason why.

    By the device's counter where it has one, interpolated between samples; else by the integral of its power over
    samples no further apart than three times their usual distance. What lies outside of the samples, at most 10 % of
    the window, is filled in at the mean power of the rest.
    """
    total_j = 0.0
    rows = list(rows)
    for device in devices:
        own = sorted((row for row in rows if row["device"] == device), key=lambda row: row["t_ns"])
        drawn_j, reason = _by_counter(own, begin_ns, end_ns)
        if drawn_j is None:
            drawn_j, power_reason = _by_power(own, begin_ns, end_ns)
            reason = reason or power_reason
        if drawn_j is None:
            return None, f"device {device}: {reason}"
        total_j += drawn_j
    return total_j, None


def _by_counter(rows: Sequence[Row], begin_ns: int, end_ns: int) -> tuple[float | None, str | None]:
    points = [(row["t_ns"], row["energy_j"]) for row in rows if row["energy_j"] is not None]
    if not points:
        return None, None
    pieces = list(itertools.pairwise(points))
    if any(after < before for (_, before), (_, after) in pieces):
        return None, "its energy counter ran backwards"
    return _fill([(t0, t1, (e1 - e0) / (t1 - t0) * 1e9) for (t0, e0), (t1, e1) in pieces if t1 > t0], begin_ns, end_ns)


def _by_power(rows: Sequence[Row], begin_ns: int, end_ns: int) -> tuple[float | None, str | None]:
    points = [(row["t_ns"], row["power_w"]) for row in rows if row["power_w"] is not None]
    if not points:
        return None, "it tells neither power nor energy" if rows else "it was not sampled"
    pieces = list(itertools.pairwise(points))
    longest_ns = 3 * statistics.median([t1 - t0 for (t0, _), (t1, _) in pieces] or [0])
    near = [((t0, w0), (t1, w1)) for (t0, w0), (t1, w1) in pieces if 0 < t1 - t0 <= longest_ns]
    return _fill([(t0, t1, (w0 + w1) / 2) for (t0, w0), (t1, w1) in near], begin_ns, end_ns)


def _fill(pieces: Sequence[tuple[int, int, float]], begin_ns: int, end_ns: int) -> tuple[float | None, str | None]:
    """Energy in a window from pieces (begin ns, end ns, mean W), if they cover enough of it."""
    inside = [(min(t1, end_ns) - max(t0, begin_ns), watts) for t0, t1, watts in pieces]
    covered_ns = sum(span_ns for span_ns, _ in inside if span_ns > 0)
    if end_ns <= begin_ns or covered_ns < COVERED * (end_ns - begin_ns):
        share = covered_ns / (end_ns - begin_ns) if end_ns > begin_ns else 0.0
        return None, f"samples cover {share:.0%} of the window"
    drawn_j = sum(watts * span_ns / 1e9 for span_ns, watts in inside if span_ns > 0)
    return drawn_j * (end_ns - begin_ns) / covered_ns, None


class _Busy:
    """CPU use of the whole machine between calls."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def cores(self) -> float | None:
        """CPU-seconds a second since the last call; null at the first one and too soon after one."""
        times = psutil.cpu_times()
        used_s = sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))
        now_s = time.monotonic()
        last, self._last = self._last, (now_s, used_s)
        if last is None or now_s - last[0] < SHORTEST_S:
            return None
        return max(0.0, (used_s - last[1]) / (now_s - last[0]))


def _tick(probe: accelerators.Probe, indices: Sequence[int], busy: _Busy, out: TextIO) -> None:
    nothing = dict.fromkeys(MEASURED)
    t_ns = time.time_ns()
    rows: list[dict[str, Any]] = [{"t_ns": t_ns, "device": None, **nothing, "cpu_busy_cores": busy.cores()}]
    for reading in probe.sample(indices):
        measured = {name: getattr(reading, name) for name in MEASURED}
        rows.append({"t_ns": t_ns, "device": reading.index, **measured, "cpu_busy_cores": None})
    out.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    out.flush()


def _sample(vendor: str, indices: Sequence[int], interval_s: float, path: Path) -> None:
    """Sample on an absolute schedule until standard input closes; ticks that came too late are left out."""
    os.nice(5)  # a sample may come late, a token may not
    probe, busy = accelerators.get(vendor), _Busy()
    with path.open("a", encoding="utf-8") as out:
        _tick(probe, indices, busy, out)
        begin_s = time.monotonic()
        os.write(sys.stdout.fileno(), b"\n")  # tells start() that sampling goes on
        tick = 1
        while not select.select([sys.stdin], [], [], max(0.0, begin_s + tick * interval_s - time.monotonic()))[0]:
            _tick(probe, indices, busy, out)
            tick = max(tick + 1, int((time.monotonic() - begin_s) / interval_s) + 1)
        _tick(probe, indices, busy, out)  # so that samples enclose what was measured


def main(argv: Sequence[str] | None = None) -> None:
    """What `Recorder` starts: `python -m enginebench.telemetry VENDOR INDEX,… INTERVAL_S FILE [--watch …]`."""
    parser = argparse.ArgumentParser(prog="python -m enginebench.telemetry")
    parser.add_argument("vendor")
    parser.add_argument("indices", type=lambda text: [int(index) for index in text.split(",")])
    parser.add_argument("interval_s", type=float)
    parser.add_argument("path", type=Path)
    parser.add_argument("--watch", nargs=3, metavar=("ENGINE", "URL", "FILE"))
    given = parser.parse_args(argv)
    with contextlib.ExitStack() as stack:
        if given.watch:
            kind, url, file = given.watch
            page = engines.get(kind).metrics_page
            if page is not None:
                watcher = scrape.Watcher(url, page, Path(file))
                watcher.start()
                stack.callback(watcher.stop)
        _sample(given.vendor, given.indices, given.interval_s, given.path)


if __name__ == "__main__":
    main()
