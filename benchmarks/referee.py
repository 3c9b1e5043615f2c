"""The server of known timings that clients are judged by: pinned to a core, reset before and read after a run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EVENTS_PER_S = 630_000
"""What the server writes flat out: a burst of n events at one instant makes the last of them late by n / this."""
SOUND = {
    "ttft": 100,
    "itl": 10,
    "tokens": 0,
    "tpc": 1,
    "role": 1,
    "usage": 1,
    "coalesce": 1,
    "empty_first": 0,
    "stall_at": -1,
    "stall_len": 0,
}
"""Its settings where nothing is said: 100 ms to the first token, 10 ms to each further, one token a chunk."""


@dataclass(frozen=True)
class Truth:
    """The server's own record of a run."""

    requests: int
    """Requests answered to the end."""
    tokens: int
    """Tokens written."""
    ttft_mean_ms: float
    """Last byte of the request in the kernel → first token written, mean."""
    ttft_p99_ms: float
    """The same, 99th percentile."""
    tpot_mean_ms: float
    """(last − first write) / (tokens − 1), mean over requests."""
    itl_p99_ms: float
    """Between consecutive writes, 99th percentile."""
    output_tps: float
    """Tokens / (first arrival → last write), per second."""
    late_p99_ms: float
    """How late the server itself was with its writes, 99th percentile."""
    most_in_flight: int
    """Requests it had at a time, at most."""
    arrivals_ns: tuple[int, ...]
    """When requests arrived, ns of the machine's monotonic clock, in order."""

    def late(self, streams: int) -> bool:
        """Whether the server was late by more than 1 ms beyond what a burst of all streams explains."""
        return self.late_p99_ms > 1 + 1000 * streams / EVENTS_PER_S


def missing(folder: Path) -> str | None:
    """What the referee needs and this machine lacks, in a sentence."""
    if not (folder / "mock_server.c").exists():
        return f"{folder}: no mock_server.c there; name the folder that holds it by --referee"
    for program in ("gcc", "taskset"):
        if shutil.which(program) is None:
            return f"{program} is not installed; the referee needs it"
    return None


class Referee:
    """The running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.reset_ns = 0

    def get(self, path: str) -> str:
        """The body of a GET."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    def set(self, settings: Mapping[str, float]) -> None:
        """These settings, the rest sound."""
        self.get("/config?" + "&".join(f"{key}={value:g}" for key, value in {**SOUND, **settings}.items()))

    def reset(self) -> None:
        """Forget what was recorded."""
        self.reset_ns = time.monotonic_ns()
        self.get("/reset")

    def in_flight(self) -> int:
        """Requests it has now."""
        return int(self.get("/metrics").splitlines()[1].split()[-1])

    def stall_soon(self, in_s: float, for_s: float) -> None:
        """Send nothing for `for_s` seconds, beginning `in_s` seconds from now."""
        begin = (time.monotonic_ns() - self.reset_ns) / 1e9 + in_s
        self.get(f"/config?stall_at={begin:.3f}&stall_len={for_s:g}")

    def truth(self) -> Truth | None:
        """Its record since the reset; nothing if no request was answered."""
        stats = json.loads(self.get("/stats"))
        rows = [line.split(",") for line in self.get("/dump").splitlines()[1:]]
        if not rows:
            return None
        arrived, first, last, tokens = (np.array([int(row[i]) for row in rows]) for i in (0, 2, 3, 4))
        many = tokens > 1
        return Truth(
            requests=len(rows),
            tokens=int(tokens.sum()),
            ttft_mean_ms=float((first - arrived).mean() / 1e6),
            ttft_p99_ms=float(np.percentile(first - arrived, 99) / 1e6),
            tpot_mean_ms=float(((last - first)[many] / (tokens[many] - 1)).mean() / 1e6) if many.any() else 0.0,
            itl_p99_ms=stats["itl_p99"],
            output_tps=float(tokens.sum() / (last.max() - arrived.min()) * 1e9),
            late_p99_ms=stats["late_p99"],
            most_in_flight=stats["max_conc"],
            arrivals_ns=tuple(sorted(arrived.tolist())),
        )


@contextlib.contextmanager
def referee(source: Path, build: Path, core: int, port: int) -> Iterator[Referee]:
    """Build the server in `build` and run it on `core`, until the block ends."""
    binary = build / "mock_server"
    subprocess.run(["gcc", "-O2", "-w", "-o", str(binary), str(source / "mock_server.c"), "-lm"], check=True)
    process = subprocess.Popen(["taskset", "-c", str(core), str(binary), "--port", str(port)])
    # Where it may go before everything else on its core, it does: what is late must be the client.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(1))
    try:
        server = Referee(process, port)
        for _ in range(100):
            with contextlib.suppress(OSError):
                server.get("/health")
                break
            if process.poll() is not None:
                raise SystemExit(f"the referee ended at once with {process.returncode}; is port {port} taken?")
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait()
