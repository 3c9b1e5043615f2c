"""Runs against one server until they are enough: a first request, warm-up, repeats."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from enginebench import arrivals, load, metrics
from enginebench.bench.options import Settings
from enginebench.bench.prompts import Prompts
from enginebench.errors import mistake
from enginebench.load import LoadOutcome, Target
from enginebench.records import ClosedLoop, Load, OpenLoop, Prompt, Request, Stop, plain, record
from enginebench.stopping import SPOILT, judge

MOST_WARMUPS = 64
"""Warm-up requests of a run whose slots are more, unless told otherwise."""
REQUEST_TIMEOUT_S = 3600.0
"""Longest wait for one request to end."""


@record
class BenchRun:
    """One run as it was measured."""

    id: str
    """`run-0`, …: the requests' `run`."""
    load: Load
    """How requests arrived."""
    offset_ns: int
    """Its start since that of the first run."""
    requests: tuple[Request, ...]
    """Every request."""
    summary: metrics.Summary
    """Its figures."""
    marks: tuple[str, ...]
    """What a reader must know: the summary's and those of how it was asked."""
    outcome: Mapping[str, Any]
    """What the load generator says of the run and of itself, without the requests."""


class Session:
    """A server, what it is asked, and what came of it so far."""

    def __init__(
        self,
        asked: Settings,
        target: Target,
        prompts: Prompts,
        *,
        show: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        """`show` takes what is going on, to be replaced by the next; `say` takes what stays."""
        self.asked = asked
        self.target = target
        self.prompts = prompts
        self.show = show
        self.say = say
        self.runs: list[BenchRun] = []
        self._begun_ns: int | None = None
        self._request_ns = 0

    def first_request(self) -> None:
        """Ask for two tokens: proof that the server takes such requests, and its count of the input's tokens.

        Raises UserError, with exit code 1, if it does not.
        """
        for index in range(2):
            (prompt,) = self.prompts.make(1, self._seed("first", index), output_tokens=2)
            (request,) = self._send([prompt], ClosedLoop(kind="closed", concurrency=1), "first").requests
            if request.status != "ok":
                problem = f"the first request ended as {request.status}: {request.error}"
                error = mistake(self.target.url, problem, "see the server's log; check model, endpoint and lengths")
                error.exit_code = 1
                raise error
            self.prompts.learn(prompt, request.usage_input_tokens)
            if self.prompts.exact and self.target.api == "completions":
                # Its length is known as it is; of text the second request refines what the first told.
                return

    def warm_up(self, how: Load) -> None:
        """Send the warm-up requests, with prompts of their own."""
        slots = how.concurrency if isinstance(how, ClosedLoop) else 1
        count = min(slots, MOST_WARMUPS) if self.asked.num_warmups is None else self.asked.num_warmups
        if count:
            self.show(f"warming up with {count} requests")
            warm = ClosedLoop(kind="closed", concurrency=min(slots, count), start="convoy")
            outcome = self._send(self.prompts.make(count, self._seed("warmup", 0)), warm, "warmup")
            took_ns = sorted(one.end_ns - one.sent_ns for one in outcome.requests if one.status == "ok")
            self._request_ns = took_ns[len(took_ns) // 2] if took_ns else 0

    def run(self, how: Load, count: int, words: str) -> BenchRun:
        """Measure one run of `count` requests."""
        name = f"run-{len(self.runs)}"
        prompts = self.prompts.make(count, self._seed("run", len(self.runs)))
        begun_ns = time.monotonic_ns()
        self._begun_ns = self._begun_ns or begun_ns
        outcome = self._send(prompts, how, name, words=words)
        requests = outcome.requests
        if not self.prompts.exact:
            # Of text only the server knows the length.
            requests = tuple(replace(r, input_tokens=r.usage_input_tokens or r.input_tokens) for r in requests)
        slo = self.asked.objective.slo() if self.asked.objective else None
        shared = self.asked.workload.shared_prefix_tokens > 0 or self.target.api == "chat"
        summary = metrics.summarise(requests, load=how, devices=1, slo=slo, cache_asked=shared)
        told_of_outcome = [item.name for item in fields(outcome) if item.name != "requests"]
        one = BenchRun(
            id=name,
            load=how,
            offset_ns=begun_ns - self._begun_ns,
            requests=requests,
            summary=summary,
            marks=(*summary.marks, *self._marks(outcome)),
            outcome={name: plain(getattr(outcome, name)) for name in told_of_outcome},
        )
        self.runs.append(one)
        return one

    def _marks(self, outcome: LoadOutcome) -> tuple[str, ...]:
        """What a reader must know of how the server is asked."""
        told = {
            "client_bound": outcome.proof.client_bound(),
            "unpinned_output": self.asked.body.get("ignore_eos") is not True,
            "input_uncounted": not self.prompts.exact,
        }
        return tuple(mark for mark, there in told.items() if there)

    def repeat(self, how: Load) -> Stop | None:
        """Measure runs until the figure is known or the budget spent; null: one run was asked for, and measured."""
        until = self.asked.until
        stop: Stop | None = None
        while stop is None:
            words = f"run {len(self.runs) + 1}, " if until else ""
            self.run(how, self.asked.num_prompts, words)
            if until is None or all(request.status != "ok" for request in self.runs[-1].requests):
                return None
            values = [None if SPOILT & set(run.marks) else run.summary.metrics[until.figure] for run in self.runs]
            stop = judge(values, sum(run.summary.duration_ns for run in self.runs) / 1e9, until)
            value = values[-1]
            self.say(f"run {len(values)}: {until.figure} {'not known' if value is None else format(value, '.5g')}")
        return stop

    def _send(self, prompts: Sequence[Prompt], how: Load, run: str, *, words: str | None = None) -> load.LoadOutcome:
        begun_ns = shown_ns = time.monotonic_ns()

        def done(count: int) -> None:
            nonlocal shown_ns
            now = time.monotonic_ns()
            if words is not None and now - shown_ns > 500_000_000:
                shown_ns = now
                self.show(f"{words}{count} of {len(prompts)} requests, {(now - begun_ns) / 1e9:.0f} s")

        return load.measure(
            self.target,
            prompts,
            how,
            run=run,
            seed=self._seed("arrivals", len(self.runs)),
            request_timeout_s=REQUEST_TIMEOUT_S,
            extra=self.asked.body,
            on_done=done,
            slot_offsets_ns=self._slots(how),
        )

    def _slots(self, how: Load) -> tuple[int, ...] | None:
        """First sends of a closed loop's slots: over the time a request of the warm-up took, so that slots that start
        together do not stay together; at once where that was asked for or no warm-up told.
        """
        if not isinstance(how, ClosedLoop) or how.start == "convoy" or not self._request_ns:
            return None
        return arrivals.slot_offsets_ns(how, self._request_ns)

    def _seed(self, purpose: str, repeat: int) -> int:
        """A seed for each purpose and run, the same on every engine."""
        key = f"{self.asked.seed}\0{self.asked.workload.name}\0{purpose}\0{repeat}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7])


def load_of(asked: Settings) -> Load:
    """How the requests of a measurement arrive; a rate of `inf` without a concurrency sends all at once."""
    if asked.request_rate_rps is not None:
        return open_loop(asked, asked.request_rate_rps)
    if asked.max_concurrency is not None:
        return ClosedLoop(kind="closed", concurrency=asked.max_concurrency)
    return ClosedLoop(kind="closed", concurrency=asked.num_prompts, start="convoy")


def open_loop(asked: Settings, rate_rps: float) -> OpenLoop:
    """Arrivals at a rate, with the burstiness that was asked for."""
    if asked.burstiness == 1.0:
        return OpenLoop(kind="open", rate_rps=rate_rps)
    return OpenLoop(kind="open", rate_rps=rate_rps, arrivals="gamma", burstiness=asked.burstiness)


def nothing_but_failures(runs: Sequence[BenchRun]) -> str | None:
    """One sentence if no request of any run ended well, with the commonest reason; null otherwise."""
    requests = [request for run in runs for request in run.requests]
    if any(request.status == "ok" for request in requests):
        return None
    reasons = [f"{request.status}: {request.error}" for request in requests]
    most = max(set(reasons), key=reasons.count) if reasons else "nothing was measured"
    return f"none of {len(requests)} requests ended well; {reasons.count(most)} ended as {most}"
