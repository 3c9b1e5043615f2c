"""enginebench's load generator and its peers against a server of known timings: what each says and what it costs.

    .venv/bin/python benchmarks/load_generators.py [levels open cases] [--clients vllm aiperf] [--streams 64 512]

The server (`mock_server.c` in the folder named by --referee, with gcc) is pinned to one core, each client in turn to
another. First token after 100 ms, one each 10 ms after that, 128 in all. `levels` are closed loops, `open` asks for 500
requests a second for 10 s, `cases` are streams that clients are known to misread. Prints Markdown tables; all figures
go to a JSON file beside. Peers are installed on first use, in environments of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bounded
import numpy as np
import words_tokenizer
from peers import CLIENTS, Client, Demand, Reported
from referee import Referee, Truth, missing, referee

import enginebench
import tables

TOKENS = 128
REQUEST_S = 0.1 + (TOKENS - 1) * 0.01
STREAMS = (1, 16, 64, 256, 512, 1024)
WAVES = 6
OPEN_RPS, OPEN_S, OPEN_TOKENS = 500, 10, 16
CASE_STREAMS, CASE_REQUESTS = 4, 16
CASES: dict[str, tuple[str, bool, dict[str, float]]] = {
    "plain": ("one token a chunk", False, {}),
    "chat": ("chat; role and first token in one write", True, {}),
    "role first": ("chat; the role chunk comes at once, the first token after 100 ms", True, {"role": 2}),
    "stops early": ("64 of 128 tokens, no usage", False, {"tokens": 64, "usage": 0}),
    "4 a chunk": ("4 tokens a chunk", False, {"tpc": 4}),
    "4 chunks a write": ("4 chunks of one token in one write", False, {"coalesce": 4}),
    "empty first": ("the first token has no text", False, {"empty_first": 1}),
    "usage in every chunk": ("usage in every chunk", False, {"usage": 3}),
    "stall": ("nothing for 0.5 s in mid-run", False, {"stall_len": 0.5}),
}
"""Title: what is sent, whether as chat, and the server's settings."""
TRIES = 3
DISTURBED = 0.05
"""Share of the client's core that others may take."""
TIMEOUT_S = 180


class Bench:
    """What all runs share, and what they gave."""

    def __init__(self, server: Referee, core: int, folder: Path, out: Path) -> None:
        self.server = server
        self.core = core
        self.folder = folder
        self.out = out
        self.tokenizer = words_tokenizer.write(folder / "tokenizer")
        self.runs: list[dict[str, Any]] = []
        self.startup_cpu_s: dict[str, float] = {}
        self.about: dict[str, Any] = {}

    def note(self, run: dict[str, Any]) -> None:
        """Keep a run, at once also on disk."""
        self.runs.append(run)
        self.out.with_suffix(".json").write_text(json.dumps({**self.about, "runs": self.runs}, indent=1))

    def demand(self, client: Client, requests: int, streams: int | None, **more: Any) -> Demand:
        """A demand to this server."""
        given = {"output_tokens": TOKENS, "chat": client.chat_only, **more}
        return Demand(url=self.server.url, tokenizer=self.tokenizer, requests=requests, streams=streams, **given)

    def once(
        self, client: Client, demand: Demand, on_tick: Callable[[], None] | None = None
    ) -> tuple[bounded.Usage, Reported | None, Truth | None, str | None]:
        """One run: what it used, what it reports, what is true, and why it gave nothing if so."""
        folder = Path(tempfile.mkdtemp(prefix=f"{client.name}-", dir=self.folder))
        log = folder / "log"
        self.server.reset()
        argv = [str(client.find(client.version)), *client.argv(demand, folder)]
        usage = bounded.run(
            argv, core=self.core, timeout_s=TIMEOUT_S, log=log, environment=client.environment, on_tick=on_tick
        )
        truth = self.server.truth()
        reported, reason = None, None
        if usage.status is None:
            reason = f"not done within {TIMEOUT_S} s"
        else:
            try:
                reported = client.read(folder)
            except (OSError, ValueError, KeyError, TypeError) as error:
                words = log.read_text(encoding="utf-8", errors="replace").split("\n")
                print("\n".join(words[-15:]), file=sys.stderr)
                reason = f"exit {usage.status}, no figures ({type(error).__name__})"
        return usage, reported, truth, reason

    def measure(self, kind: str, client: Client, demand: Demand, **more: Any) -> None:
        """Run until the server kept its times and the client had its core, at most three times; note the best."""
        on_tick = more.pop("on_tick", None)
        tries: list[tuple[bounded.Usage, Reported | None, Truth | None, str | None]] = []
        while len(tries) < TRIES:
            tries.append(self.once(client, demand, on_tick() if on_tick else None))
            usage, _, truth, reason = tries[-1]
            late = truth is not None and truth.late(demand.streams or 1)
            # A reading case is right or wrong at any speed.
            disturbed = usage.others_share > DISTURBED and kind != "case"
            if reason is not None or not (late or disturbed):
                break
            late_ms = truth.late_p99_ms if truth else 0.0
            print(f"  server late {late_ms:.1f} ms at p99, {usage.others_share:.0%} of the core lost", file=sys.stderr)
        usage, reported, truth, reason = min(tries, key=lambda one: one[0].others_share)
        late = truth is not None and truth.late(demand.streams or 1)
        base = self.startup(client)
        run = {
            "kind": kind,
            "client": client.name,
            "version": client.version,
            "streams": demand.streams,
            "asked_requests": demand.requests,
            "reported": asdict(reported) if reported else None,
            "truth": _without_arrivals(truth),
            "usage": asdict(usage),
            "startup_cpu_s": base,
            "cpu_s_per_million_tokens": _per_million(usage.cpu_s - base, truth),
            "start_to_first_send_s": (truth.arrivals_ns[0] - usage.started_ns) / 1e9 if truth else None,
            "server_late": late,
            "disturbed": usage.others_share > DISTURBED,
            "attempts": len(tries),
            "reason": reason,
            **more,
        }
        if demand.rate_rps is not None and truth is not None:
            run |= _open_loop(demand.rate_rps, truth)
        self.note(run)
        print("  " + tables.line(run), file=sys.stderr)

    def startup(self, client: Client) -> float:
        """CPU seconds of the client with one request: what does not depend on the load."""
        if client.name not in self.startup_cpu_s:
            usage, *_ = self.once(client, self.demand(client, 1, 1))
            self.startup_cpu_s[client.name] = usage.cpu_s
        return self.startup_cpu_s[client.name]


def _without_arrivals(truth: Truth | None) -> dict[str, Any] | None:
    return asdict(replace(truth, arrivals_ns=())) if truth else None


def _per_million(cpu_s: float, truth: Truth | None) -> float | None:
    return cpu_s / truth.tokens * 1e6 if truth else None


def _open_loop(rate_rps: float, truth: Truth) -> dict[str, float]:
    """Delivered rate, and lag behind a constant rate as the server saw it, the promptest request taken for prompt."""
    arrivals = np.array(truth.arrivals_ns)
    lag_ms = (arrivals - arrivals[0]) / 1e6 - np.arange(len(arrivals)) / rate_rps * 1e3
    return {
        "delivered_rps": (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) * 1e9,
        "lag_behind_constant_p99_ms": float(np.percentile(lag_ms - lag_ms.min(), 99)),
    }


def levels(bench: Bench, clients: Mapping[str, Client], streams: list[int], quick: bool) -> None:
    """Closed loops."""
    bench.server.set({})
    for count in streams:
        for client in clients.values():
            print(f"{count} streams: {client.name}", file=sys.stderr)
            bench.measure("level", client, bench.demand(client, count * (2 if quick else WAVES), count))


def open_loop(bench: Bench, clients: Mapping[str, Client], quick: bool) -> None:
    """500 requests a second."""
    bench.server.set({})
    for client in clients.values():
        if client.open_loop:
            print(f"open loop: {client.name}", file=sys.stderr)
            count = OPEN_RPS * (2 if quick else OPEN_S)
            more = {"rate_rps": float(OPEN_RPS), "output_tokens": OPEN_TOKENS}
            bench.measure("open", client, bench.demand(client, count, None, **more))


def cases(bench: Bench, clients: Mapping[str, Client], quick: bool) -> None:
    """Streams that clients are known to misread, at a load that any of them can bear."""
    for title, (_, chat, settings) in CASES.items():
        for client in clients.values():
            print(f"{title}: {client.name}", file=sys.stderr)
            bench.server.set(settings if title != "stall" else {})
            if client.chat_only and not chat:
                chat_now, note = True, "as chat"
            else:
                chat_now, note = chat, ""
            demand = bench.demand(client, CASE_REQUESTS // (2 if quick else 1), CASE_STREAMS, chat=chat_now)
            stall = _stall(bench.server) if title == "stall" else None
            bench.measure("case", client, demand, case=title, note=note, on_tick=stall)
    bench.server.set({})


def _stall(server: Referee) -> Callable[[], Callable[[], None]]:
    """For each run a watcher that makes the server stall once, half a second after the first request came."""

    def begin() -> Callable[[], None]:
        done: list[bool] = []
        server.get("/config?stall_at=-1")

        def tick() -> None:
            if not done and server.in_flight() > 0:
                server.stall_soon(0.5, 0.5)
                done.append(True)

        return tick

    return begin


def about(clients: Mapping[str, Client]) -> dict[str, Any]:
    """Machine, versions, date."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    versions = {client.name: client.version or enginebench.__version__ for client in clients.values()}
    here = str(Path(__file__).parent)
    commit = subprocess.run(
        ["git", "-C", here, "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": f"{model}, {os.cpu_count()} cores",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit.stdout.strip() or None,
        "ideal_request_s": REQUEST_S,
        "case_words": {title: words for title, (words, *_) in CASES.items()},
    }


def usable(names: list[str]) -> tuple[dict[str, Client], dict[str, str]]:
    """The clients that can run here, and the reasons of the others."""
    found, left_out = {}, {}
    for name in names:
        try:
            CLIENTS[name].find(CLIENTS[name].version)
        except LookupError as error:
            left_out[name] = str(error)
        else:
            found[name] = CLIENTS[name]
    return found, left_out


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # Python 3.11's `choices` refuses the default of a positional list.
    parser.add_argument("what", nargs="*", metavar="levels|open|cases", help="default: levels open")
    parser.add_argument("--clients", nargs="+", choices=list(CLIENTS), default=list(CLIENTS))
    parser.add_argument("--streams", type=int, nargs="+", default=list(STREAMS))
    parser.add_argument("--quick", action="store_true", help="a third of the requests: does it work?")
    parser.add_argument("--referee", type=Path, default=Path("../shared/referee"), help="folder of mock_server.c")
    parser.add_argument("--server-core", type=int, default=1)
    parser.add_argument("--client-core", type=int, default=0)
    parser.add_argument("--port", type=int, default=8461)
    parser.add_argument("--out", type=Path, default=Path("load_generators"), help="writes OUT.md and OUT.json")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the clients' own files and logs")
    given = parser.parse_args()
    given.what = given.what or ["levels", "open"]
    for what in given.what:
        if what not in ("levels", "open", "cases"):
            parser.error(f"{what}: not one of levels, open, cases")
    return given


def main() -> None:
    """Measure and print tables."""
    given = arguments()
    lacking = missing(given.referee)
    cores = os.sched_getaffinity(0)
    if lacking is None and not {given.server_core, given.client_core} <= cores:
        lacking = f"cores {given.server_core} and {given.client_core} are wanted, this process may use {sorted(cores)}"
    if lacking is not None:
        print(lacking, file=sys.stderr)
        sys.exit(2)
    begun = time.monotonic()
    # Told to end, it ends the server and the client too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    clients, left_out = usable(given.clients)
    folder = Path(tempfile.mkdtemp(prefix="load-generators-"))
    # This process too: it must not disturb the client.
    os.sched_setaffinity(0, {given.server_core})
    try:
        with referee(given.referee, folder, given.server_core, given.port) as server:
            bench = Bench(server, given.client_core, folder, given.out)
            bench.about = {**about(clients), "left_out": left_out}
            if "levels" in given.what:
                levels(bench, clients, given.streams, given.quick)
            if "open" in given.what:
                open_loop(bench, clients, given.quick)
            if "cases" in given.what:
                cases(bench, clients, given.quick)
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    text = tables.document(bench.about, bench.runs)
    given.out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes", file=sys.stderr)


if __name__ == "__main__":
    main()
