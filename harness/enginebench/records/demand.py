"""What is asked of a server: workload, load, point, job."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, MinLen

from enginebench.records.base import LATER, content_hash, record
from enginebench.records.loads import Load
from enginebench.records.quality import QualityRequest
from enginebench.records.stopping import Until
from enginebench.records.subject import Deployment, Positive


@record
class Workload:
    """What requests look like."""

    name: Annotated[str, MinLen(1)]
    """Key: the file's name."""
    kind: Annotated[str, MinLen(1)]
    """Which generator in `workloads/` makes the prompts."""
    api: Literal["completions", "chat"]
    """OpenAI endpoint the requests go to."""
    isl_tokens: Positive
    """Input length of every request, tokens, exact."""
    osl_tokens: Annotated[int, Ge(2)]
    """Output length of every request, tokens, pinned."""
    shared_prefix_tokens: Annotated[int, Ge(0)] = 0
    """Leading tokens that all requests share; 0 makes every prompt distinct from its first token on."""


@record
class Prompt:
    """What one request sends: token ids for completions, text for chat."""

    token_ids: tuple[int, ...] | None
    """The prompt as ids, exact in length; null for chat."""
    text: str | None
    """The user message; null for completions."""
    input_tokens: Positive
    """Length the server will read, tokens (for chat: the template included)."""
    output_tokens: Annotated[int, Ge(1)]
    """Length to be written, tokens."""


@record
class Slo:
    """Service-level objective a request meets or misses, for goodput."""

    ttft_ns: int | None = None
    """Longest time to first token, ns; null: no limit."""
    tpot_ns: int | None = None
    """Longest time per output token, ns; null: no limit."""
    e2el_ns: int | None = None
    """Longest end-to-end latency, ns; null: no limit."""


@record
class Point:
    """Workload × load, on the job's deployment."""

    workload: Workload
    load: Load
    requests: Positive
    """Requests measured in one run."""
    warmup_requests: Annotated[int, Ge(0)]
    """Requests sent before the first run of the point, with prompts of their own, not measured."""
    at_least_s: Annotated[float, Ge(0)] = 0.0
    """A closed loop that would last less than so many seconds by the warm-up's speed sends more requests; 0: none."""
    slo: Slo | None = None
    """Limits for goodput; null: goodput is not computed."""

    def label(self) -> str:
        """`random-128-64 c8`: workload and load."""
        return f"{self.workload.name} {self.load.label()}"


@record
class RunKey:
    """One repeat of one point of a job."""

    point: Annotated[int, Ge(0)]
    """Index into the job's points."""
    repeat: Annotated[int, Ge(0)]
    """Repeat, from 0."""


@record
class Job:
    """One server start and the points measured on it, interleaved and repeated: canonical content, no dates."""

    deployment: Deployment
    points: Annotated[tuple[Point, ...], MinLen(1)]
    repeats: Positive
    """Runs of each point on this server start."""
    start: Annotated[int, Ge(0)]
    """Which server start of the deployment this is, from 0."""
    seed: int
    """Seed of prompts and arrivals; every run derives its own from it."""
    ready_deadline_s: Positive
    """Longest wait for a healthy server, s."""
    request_timeout_s: Positive
    """Longest wait for one request to end, s."""

    @property
    def id(self) -> str:
        """Hash of the canonical content: same content, same id, on any machine and day."""
        return content_hash(self)

    def run_keys(self) -> tuple[RunKey, ...]:
        """All runs in measuring order: points forth, then back, then forth (A B C, C B A, …), so that drift cancels."""
        order = range(len(self.points))
        return tuple(
            RunKey(point=point, repeat=repeat)
            for repeat in range(self.repeats)
            for point in (order if repeat % 2 == 0 else reversed(order))
        )


@record
class Turn:
    """Which server start of a comparison whose arms are measured in turn."""

    name: Annotated[str, MinLen(1)]
    """Of the comparison: the same of all its server starts."""
    arm: Annotated[str, MinLen(1)]
    """Which of the things compared."""
    block: Annotated[int, Ge(0)]
    """From 0; in each block every arm is measured once, and these starts are held against each other."""


@record
class Attempt:
    """The contents of `job.json`: a job, and which of its runs are to be measured this time."""

    format: Literal["enginebench.job/2"] = "enginebench.job/2"
    night: Annotated[str, MinLen(1)]
    """The sweep it was planned for, `2026-11-24`."""
    grid: str
    """Name of the grid it was planned from."""
    job: Job
    runs: Annotated[tuple[RunKey, ...], MinLen(1)]
    """The runs that are due, in measuring order."""
    quality: QualityRequest | None
    """What the quality gate asks of the server; null: nothing, as before there was one. Not part of the
    job: what is asked beside the load changes no figure's identity."""
    until: Until | None
    """When a point needs no more of those runs, which are then the most; null: all are measured. Not part of the job:
    how often a figure is measured changes none."""
    chunk_times: bool
    """Whether the arrival of every token-bearing event is kept in `requests.parquet`, some 3.5 bytes an event; always,
    before it was a choice. Figures are made of all of them either way. Not part of the job: what is kept of a run
    changes nothing in it."""
    reproduces: str | None
    """Id of the trial or run that is measured again to be compared with; null: measured for its night. Not part of the
    job. A reproduction is a point of its own, which no night counts as fresh."""
    comparison: Turn | None = field(default=None, metadata=LATER)
    """Its turn in a comparison that interleaves what it compares; null: it is in none. Not part of the job: but for
    its turn it is a measurement like any other."""
    calibrations: tuple[str, ...] = ()
    """Files of the store that show how exact the load generator is on that machine at the job's concurrencies, in the
    order of their names; empty: none was looked for, as for open loops, reproductions and before it was kept. Not part
    of the job."""
