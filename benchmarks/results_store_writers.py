"""Writers that are killed while a compactor and a collector are at work: what is lost, torn, or there twice?

The moment of each kill goes by what is acknowledged so far, so that every run has as many; a killed process is started
again at once. Used by `results_store.py writers` and, small, by a test.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from results_store_worker import told

import builders
import stored
from enginebench.records.files import to_json
from enginebench.tables import write_requests

WORKER = Path(__file__).with_name("results_store_worker.py")
NIGHTS = ("2026-10-30", "2026-11-24")
"""One of them of a month that is over, whose small tables become one part."""
EVENTS = 16
DEADLINE_S = 900.0


@dataclass(frozen=True)
class Plan:
    """A run of one format."""

    kind: str
    """Key of `results_store_formats.FORMATS`."""
    place: str
    """The store's place."""
    writers: int = 8
    commits: int = 50
    """Of each writer."""
    rows: int = 1000
    """Request rows of a commit."""
    kills: int = 0
    tended: bool = True
    """A compactor that collects too and a reader are at work meanwhile."""
    age_s: float = 10.0
    """Grace of the collector: must be longer than a commit or a read takes."""
    seed: int = 1
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fired:
    """What came of it."""

    seconds: float
    """From the first commit's begin to the last one's acknowledgement."""
    commit_ms: Sequence[float]
    """Of each commit that was not killed, from its begin to its acknowledgement."""
    kills: int
    kills_in_commit: int
    """Of writers between the begin of a commit and its acknowledgement."""
    kills_of_tender: int
    failures: Sequence[str]
    """What writers were told instead of an acknowledgement, each of which they tried again."""
    tended: int
    """Rounds of compaction and collection that ended."""
    removed: int
    """Folders, parts and manifests that the collector removed in them."""
    tend_failures: Sequence[str]
    reads: int
    reads_wrong: int
    """Readings meanwhile that missed an acknowledged trial or had one twice."""
    read_failures: Sequence[str]
    longest_s: float
    """The longest commit or reading: to be shorter than the collector's grace, or it proves nothing."""
    before: Mapping[str, Any]
    """What a check found when all writers were done."""
    after: Mapping[str, Any]
    """The same after a last compaction and collection."""


def trials(work: Path, plan: Plan) -> None:
    """The trials that the writers will commit, each with figures of its own."""
    import pyarrow.parquet as pq

    one = work / "one.parquet"
    requests = [
        builders.a_request(run="r", index=index, event_ns=range(EVENTS), cached_tokens=None)
        for index in range(plan.rows)
    ]
    write_requests(requests, one)
    base = pq.read_table(one)
    edges = pa.array(np.arange(0, plan.rows * EVENTS + 1, EVENTS, dtype=np.int32))
    for writer in range(plan.writers):
        for commit in range(plan.commits):
            name = f"w{writer}-{commit:03}"
            night = NIGHTS[commit % len(NIGHTS)]
            result = stored.a_trial(name, [stored.a_run(0, ttft_mean_ns=1e8 + commit)], night=night)
            folder = work / "trials" / str(writer) / name
            folder.mkdir(parents=True)
            (folder / "result.json").write_text(to_json(result))
            (folder / "job.json").write_text(to_json(result.attempt))
            drawn = np.random.default_rng([plan.seed, writer, commit])
            sent = np.sort(drawn.integers(0, 10**10, plan.rows))
            events = (
                sent[:, None] + np.cumsum(drawn.integers(1_000_000, 20_000_000, (plan.rows, EVENTS)), axis=1)
            ).ravel()
            changed = {
                "run": pa.array([result.runs[0].id] * plan.rows),
                "sent_ns": pa.array(sent),
                "event_ns": pa.ListArray.from_arrays(edges, pa.array(events)),
            }
            table = base
            for column, values in changed.items():
                at = table.schema.get_field_index(column)
                table = table.set_column(at, table.schema.field(at), values.cast(table.schema.field(at).type))
            pq.write_table(table, folder / "requests.parquet", compression="zstd")


class _Crew:
    """The processes of a run."""

    def __init__(self, work: Path, plan: Plan) -> None:
        self.work, self.plan = work, plan
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.since: dict[str, int] = {}
        """Role to the lines that its file had when it was started last."""
        self.begun = 0.0
        """When the last of them was ready, s since the epoch."""

    def argv(self, role: str, *more: str) -> list[str]:
        return [self.plan.python, str(WORKER), role, self.plan.kind, self.plan.place, str(self.work), *more]

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(sys.path[:] if self.plan.python == sys.executable else [])
        return {**os.environ, **self.plan.environment, **({"PYTHONPATH": path} if path else {})}

    def start(self, role: str) -> None:
        name, _, writer = role.partition("-")
        argv = self.argv(name, writer or str(self.plan.age_s))
        self.since[role] = len(told(self.file(role)))
        with (self.work / f"{role}.log").open("ab") as log:
            self.running[role] = subprocess.Popen(argv, stdout=log, stderr=log, env=self.environment())

    def file(self, role: str) -> Path:
        return self.work / f"{role}.jsonl"

    def asked(self, role: str, *more: str) -> str:
        done = subprocess.run(
            self.argv(role, *more),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{role} of {self.plan.kind} failed: {done.stderr[-2000:]}")
        return done.stdout

    def writing(self) -> list[str]:
        """Roles of the writers that are not done; raises RuntimeError for one that gave up."""
        found = []
        for role, process in self.running.items():
            if not role.startswith("write-"):
                continue
            if process.poll() is None:
                found.append(role)
            elif process.returncode:
                words = (self.work / f"{role}.log").read_text()[-2000:]
                raise RuntimeError(f"{role} of {self.plan.kind} ended with {process.returncode}: {words}")
        return found

    def at_work(self, role: str) -> bool:
        """Whether a process has come to its work since it was started, and is in the midst of it."""
        lines = told(self.file(role))
        return len(lines) > self.since[role] and lines[-1]["event"] in ("begun", "failed")

    def acknowledged(self) -> int:
        # Counted, not parsed: the machine is the writers'.
        files = (self.file(f"write-{writer}") for writer in range(self.plan.writers))
        return sum(path.read_bytes().count(b'"acknowledged"') for path in files if path.exists())

    def rounds(self) -> int:
        """Rounds that the compactor has ended since it was started last."""
        return sum(line["event"] == "done" for line in told(self.file("tend"))[self.since["tend"] :])

    def kill(self, role: str) -> bool:
        """Kill a process and start it again; gives whether it was in the midst of its work."""
        process = self.running[role]
        process.kill()
        process.wait()
        inside = self.at_work(role)
        self.start(role)
        return inside


def fire(plan: Plan, work: Path) -> Fired:
    """Run it; `work` is an empty folder."""
    trials(work, plan)
    crew = _Crew(work, plan)
    if plan.kind != "enginebench":
        crew.asked("prepare")
    with ExitStack() as leaving:
        leaving.callback(lambda: [(one.kill(), one.wait()) for one in crew.running.values()])
        for writer in range(plan.writers):
            crew.start(f"write-{writer}")
        for role in ("tend", "read") if plan.tended else ():
            crew.start(role)
        deadline = time.monotonic() + DEADLINE_S
        while len(list(work.glob("ready-*"))) < plan.writers:
            crew.writing()
            _wait(deadline)
        begun = time.monotonic()
        (work / "go").touch()
        killed = _kill_by_and_by(crew, deadline)
        seconds = time.monotonic() - begun
        (work / "stop").touch()
        for role in ("tend", "read") if plan.tended else ():
            crew.running[role].wait(timeout=DEADLINE_S)
    before = json.loads(crew.asked("check"))
    after = json.loads(crew.asked("check", "0"))
    return _summed(crew, seconds, killed, before, after)


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(f"not done after {DEADLINE_S:g} s")
    time.sleep(0.005)


def _kill_by_and_by(crew: _Crew, deadline: float) -> list[tuple[str, bool]]:
    """Kill while they write, until all writers are done; gives who was killed, and whether in the midst of work.

    A quarter of the kills is the compactor's; every second time it may end a round before.
    """
    plan, drawn = crew.plan, random.Random(crew.plan.seed)
    total, of_tender = plan.writers * plan.commits, plan.kills // 4 if plan.tended else 0
    # The last few commits are left alone: a writer is to be there when its turn to be killed comes.
    moments = drawn.sample(range(max(plan.kills, total - plan.writers)), plan.kills)
    queues = {"tend": sorted(moments[:of_tender]), "write": sorted(moments[of_tender:])}
    killed: list[tuple[str, bool]] = []
    while (writing := crew.writing()) or (of_tender and len(queues["tend"]) == of_tender):
        for kind, queue in queues.items():
            if not queue or crew.acknowledged() < queue[0]:
                continue
            rounds = (of_tender - len(queue)) % 2
            able = [role for role in (["tend"] if kind == "tend" else writing) if crew.at_work(role)]
            if kind == "tend" and crew.rounds() >= 3:
                able = ["tend"]  # its rounds are too short to meet it in one
            if not able or (kind == "tend" and crew.rounds() < rounds):
                continue
            time.sleep(drawn.uniform(0, 0.02))
            role = drawn.choice(able)
            if role == "tend" or crew.running[role].poll() is None:
                killed.append((role, crew.kill(role)))
                queue.pop(0)
        _wait(deadline)
    return killed


def _summed(
    crew: _Crew, seconds: float, killed: Sequence[tuple[str, bool]], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Fired:
    lines = [line for writer in range(crew.plan.writers) for line in told(crew.file(f"write-{writer}"))]
    commits = [line["ms"] for line in lines if line["event"] == "acknowledged"]
    tends, reads = told(crew.file("tend")), told(crew.file("read"))
    done = [line for line in reads if line["event"] == "done"]
    return Fired(
        seconds=seconds,
        commit_ms=commits,
        kills=len(killed),
        kills_in_commit=sum(inside for role, inside in killed if role != "tend"),
        kills_of_tender=sum(role == "tend" for role, _ in killed),
        failures=[line["words"] for line in lines if line["event"] == "failed"],
        tended=sum(line["event"] == "done" for line in tends),
        removed=sum(line.get("removed", 0) for line in tends),
        tend_failures=[line["words"] for line in tends if line["event"] == "failed"],
        reads=len(done),
        reads_wrong=sum(bool(line["lost"] or line["twice"]) for line in done),
        read_failures=[line["words"] for line in reads if line["event"] == "failed"],
        longest_s=max([*commits, *(line["ms"] for line in done)], default=0.0) / 1e3,
        before=before,
        after=after,
    )
