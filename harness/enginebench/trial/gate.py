"""The quality gate of a trial: the very server that is measured, before the load and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from enginebench import engines, quality, tables
from enginebench.load import Target
from enginebench.records import ClosedLoop, DummySource, ItemOutcome, Quality, QualityCheck
from enginebench.server import Server
from enginebench.trial.workdir import Workdir


class Gate:
    """What is asked of a ready server, and the verdict so far, kept in the trial's state.

    Before the load questions go one at a time, after it as many at a time as the highest closed loop had in flight: a
    fault that only batches have, or that the load left behind, shows in the second pass and not in the first.
    """

    def __init__(self, *, workdir: Workdir, target: Target, adapter: engines.Adapter, server: Server | None) -> None:
        self.workdir = workdir
        self.target = target
        self.server = server
        self.request = workdir.state.attempt.quality
        self.job = workdir.state.attempt.job
        self.ask_logprobs = adapter.prompt_logprobs if isinstance(adapter, engines.ScoresPrompts) else None
        wanted = self.request is not None and self.request.reference
        self.reference = quality.load(self.job.deployment.model.name) if wanted else None
        self.thresholds = self.reference.thresholds.get(self.job.deployment.precision) if self.reference else None
        self._checks: list[QualityCheck] = []
        self._items: list[ItemOutcome] = []
        self._notes: list[str] = []

    def check(self, when: Literal["before", "after"]) -> None:
        """Ask and judge; the verdict is stored, never raised. Raises TrialError only for a server that has died."""
        if self.request is None:
            return
        reason = self._not_asked()
        if reason is not None:
            self._keep([reason])
            return
        found = quality.check(
            url=self.target.url,
            model=self.target.model,
            when=when,
            concurrency=1 if when == "before" else self._most_in_flight(),
            request=self.request,
            reference=self.reference,
            thresholds=self.thresholds,
            ask_logprobs=self.ask_logprobs,
            timeout_s=self.job.request_timeout_s,
        )
        if self.server is not None:
            self.server.check()
        self._checks.append(found.check)
        self._items += found.items
        self._notes += found.notes
        tables.write_quality(self._items, self.workdir.path / "quality.parquet")
        self._keep([*self._unjudged(), *self._notes])

    def _keep(self, notes: Sequence[str]) -> None:
        verdict: Quality = quality.conclude(
            self._checks, notes=notes, reference=self.reference, thresholds=self.thresholds
        )
        self.workdir.update(quality=verdict)

    def _not_asked(self) -> str | None:
        d = self.job.deployment
        assert self.request is not None
        if isinstance(d.model.source, DummySource):
            return "not asked: dummy weights have no right answers"
        if not self.request.items and self.reference is None:
            return "not asked: the grid's `quality` asks for nothing"
        if d.context_tokens < quality.CONTEXT_TOKENS:
            return f"not asked: questions take up to {quality.CONTEXT_TOKENS} tokens, the server {d.context_tokens}"
        return None

    def _unjudged(self) -> list[str]:
        """Why the answers, or a part of them, were scored and not judged."""
        d = self.job.deployment
        if self.reference is None:
            return [f"not judged: no reference for model {d.model.name} was asked for or is known"]
        if self.thresholds is None:
            return [f"not judged: no thresholds are known for {d.model.name} in {d.precision}"]
        if self.ask_logprobs is None:
            return [f"judged by tasks alone: {d.engine_kind} has no way to ask for log-probabilities of a prompt"]
        return []

    def _most_in_flight(self) -> int:
        loads = [point.load for point in self.job.points]
        closed = [load.concurrency for load in loads if isinstance(load, ClosedLoop)]
        return max(closed, default=self.job.deployment.max_sequences)
