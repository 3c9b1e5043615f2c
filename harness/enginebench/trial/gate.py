"""The quality gate of a trial: the very server that is measured, before the load and after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from enginebench import engines, quality, tables
from enginebench.load import Target
from enginebench.quality import lm_eval_tasks
from enginebench.records import ClosedLoop, DummySource, ItemOutcome, LmEvalTask, Quality, QualityCheck, QualityRequest
from enginebench.server import Server
from enginebench.trial.workdir import Workdir


class Gate:
    """What is asked of a ready server, and the verdict so far, kept in the trial's state.

    Before the load questions go one at a time, after it as many at a time as the highest closed loop had in flight: a
    fault that only batches have, or that the load left behind, shows in the second pass and not in the first.
    """

    def __init__(
        self,
        *,
        workdir: Workdir,
        target: Target,
        adapter: engines.Adapter,
        server: Server | None,
        lm_eval: lm_eval_tasks.Ready | None,
        tokenizer: Path | None,
        say: Callable[[str], None],
    ) -> None:
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
        self._asked: list[lm_eval_tasks.Asked] = []
        self._lm_eval = lm_eval
        self._tokenizer = tokenizer
        self._say = say

    def check(self, when: Literal["before", "after"]) -> None:
        """Ask and judge; the verdict is stored, never raised. Raises TrialError only for a server that has died."""
        if self.request is None:
            return
        reason = self._not_asked()
        questions = reason is None and bool(self.request.items or self.reference is not None)
        if questions:
            self._put_questions(self.request, when)
        if when == "after" and self.request.lm_eval:
            self._put_lm_eval(self.request.lm_eval)
        if self._items:
            tables.write_quality(self._items, self.workdir.path / "quality.parquet")
        notes = self._unjudged() if questions else [reason] if reason else []
        notes += [*self._notes, *(note for task in self._asked for note in task.notes)]
        verdict: Quality = quality.conclude(
            self._checks, notes=notes, reference=self.reference, thresholds=self.thresholds, lm_eval=self._asked
        )
        self.workdir.update(quality=verdict)

    def _put_questions(self, request: QualityRequest, when: Literal["before", "after"]) -> None:
        found = quality.check(
            url=self.target.url,
            model=self.target.model,
            when=when,
            concurrency=1 if when == "before" else self._most_in_flight(),
            request=request,
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

    def _put_lm_eval(self, wanted: Sequence[LmEvalTask]) -> None:
        if isinstance(self.job.deployment.model.source, DummySource):
            # Said already, of all questions.
            return
        if self._lm_eval is None or self._tokenizer is None:
            self._notes.append("lm-eval was not asked: of a server that runs already the tokenizer is not at hand")
            return
        if self._lm_eval.reason is not None:
            self._notes.append(self._lm_eval.reason)
            return
        for task in wanted:
            self._say(f"lm-eval asks {task.task}")
            found = lm_eval_tasks.ask(
                task,
                self._lm_eval,
                url=self.target.url,
                model=self.target.model,
                tokenizer=self._tokenizer,
                context_tokens=self.job.deployment.context_tokens,
                concurrency=self._most_in_flight(),
                timeout_s=self.job.request_timeout_s,
                log=self.workdir.path / "lm-eval.log",
            )
            if self.server is not None:
                self.server.check()
            self._asked.append(found)
            self._items += found.items

    def _not_asked(self) -> str | None:
        d = self.job.deployment
        assert self.request is not None
        if isinstance(d.model.source, DummySource):
            return "not asked: dummy weights have no right answers"
        if not self.request.items and self.reference is None and not self.request.lm_eval:
            return "not asked: the grid's `quality` asks for nothing"
        if d.context_tokens < quality.CONTEXT_TOKENS and (self.request.items or self.reference is not None):
            return f"not asked: questions take up to {quality.CONTEXT_TOKENS} tokens, the server {d.context_tokens}"
        return None

    def _unjudged(self) -> list[str]:
        """Why the answers, or a part of them, were scored and not judged."""
        d = self.job.deployment
        alone = any(score.passed is not None for task in self._asked for score in task.scores)
        so = "judged by lm-eval alone" if alone else "not judged"
        if self.reference is None:
            return [f"{so}: no reference for model {d.model.name} was asked for or is known"]
        if self.thresholds is None:
            return [f"{so}: no thresholds are known for {d.model.name} in {d.precision}"]
        if self.ask_logprobs is None:
            return [f"judged by tasks alone: {d.engine_kind} has no way to ask for log-probabilities of a prompt"]
        return []

    def _most_in_flight(self) -> int:
        loads = [point.load for point in self.job.points]
        closed = [load.concurrency for load in loads if isinstance(load, ClosedLoop)]
        return max(closed, default=self.job.deployment.max_sequences)
