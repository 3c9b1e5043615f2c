"""One pass of the gate: ask, score, compare, judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from enginebench.engines import LogprobQuestion
from enginebench.quality import judge, tasks
from enginebench.quality.ask import Answer, Question, ask
from enginebench.quality.lm_eval_tasks import Asked
from enginebench.quality.reference import Reference
from enginebench.records import (
    Agreement,
    ItemOutcome,
    Quality,
    QualityCheck,
    QualityRequest,
    Thresholds,
    content_hash,
    record,
)

CONTEXT_TOKENS = 256
"""Context that a server must have for the longest question, its answer and the longest text."""
TOP = 20
"""Alternatives asked of a server at each token: the most that vLLM gives unless told otherwise (0.32)."""
MAX_TOKENS = 32
"""Longest answer to a question."""

AskLogprobs = Callable[[str, Sequence[int], int], LogprobQuestion]
"""An adapter's `prompt_logprobs`."""


@record
class Outcome:
    """What one pass gave."""

    check: QualityCheck
    """Its figures and verdict."""
    items: tuple[ItemOutcome, ...]
    """Every question's outcome."""
    notes: tuple[str, ...]
    """What could not be asked, and why."""


def check(
    *,
    url: str,
    model: str,
    when: Literal["before", "after"],
    concurrency: int,
    request: QualityRequest,
    reference: Reference | None,
    thresholds: Thresholds | None,
    ask_logprobs: AskLogprobs | None,
    timeout_s: float,
) -> Outcome:
    """Put the questions of `request` to the server at `url`, `concurrency` at a time, and judge the answers.

    Texts go first, so that at a high concurrency they share batches. Raises nothing: a server that does not answer has
    failed.
    """
    started, begun_ns = datetime.now(UTC), time.monotonic_ns()
    asked = tasks.items(request.items)
    texts = reference.texts if reference is not None and request.reference and ask_logprobs is not None else ()
    logprob_questions = [ask_logprobs(model, text.token_ids, TOP) for text in texts] if ask_logprobs else []
    questions = [Question(path=one.path, body=one.body) for one in logprob_questions]
    questions += [Question(path="/v1/completions", body=_body(model, item)) for item in asked]
    answers = ask(url, questions, concurrency=concurrency, timeout_s=timeout_s)
    agreed, notes = _agreement(reference, logprob_questions, answers[: len(texts)])
    items = tuple(_outcome(when, item, answer) for item, answer in zip(asked, answers[len(texts) :], strict=True))
    lost, gained, pairs = judge.flips(items, reference) if reference is not None else (0, 0, 0)
    result = QualityCheck(
        when=when,
        concurrency=concurrency,
        started_utc=started.isoformat(timespec="milliseconds"),
        duration_ns=time.monotonic_ns() - begun_ns,
        unanswered=sum(item.error is not None for item in items),
        scores=judge.scores(items),
        lost=lost if pairs else None,
        gained=gained if pairs else None,
        agreement=agreed,
        reasons=judge.verdict(items, agreed, reference, thresholds),
    )
    return Outcome(check=result, items=items, notes=notes)


def conclude(
    checks: Sequence[QualityCheck],
    *,
    notes: Sequence[str],
    reference: Reference | None,
    thresholds: Thresholds | None,
    lm_eval: Sequence[Asked] = (),
) -> Quality:
    """The verdict over all passes and tasks: failed if one failed, passed if there was something to judge by."""
    failures = [f"{one.when} the load: {reason}" for one in checks for reason in one.reasons]
    failures += [reason for task in lm_eval for reason in task.failures]
    scores = tuple(score for task in lm_eval for score in task.scores)
    judged = (checks and thresholds is not None) or any(score.passed is not None for score in scores)
    return Quality(
        passed=False if failures else True if judged else None,
        reasons=tuple(dict.fromkeys([*failures, *notes])),
        task_version=tasks.VERSION,
        reference=content_hash(reference) if reference is not None else None,
        thresholds=thresholds,
        checks=tuple(checks),
        lm_eval=scores,
        lm_eval_version=next((task.version for task in lm_eval if task.version), None),
    )


def _body(model: str, item: tasks.Item) -> dict[str, object]:
    return {"model": model, "prompt": item.prompt, "max_tokens": MAX_TOKENS, "temperature": 0, "stop": ["\n"]}


def _outcome(when: str, item: tasks.Item, answer: Answer) -> ItemOutcome:
    text, error = None, answer.error
    if error is None:
        try:
            text = str(answer.value["choices"][0]["text"])
        except (KeyError, IndexError, TypeError):
            error = "the answer holds no text"
    return ItemOutcome(
        when=when,
        item=item.index,
        family=item.family,
        right=text is not None and tasks.right(item, text),
        answer=None if text is None else text[:200],
        error=error,
    )


def _agreement(
    reference: Reference | None, questions: Sequence[LogprobQuestion], answers: Sequence[Answer]
) -> tuple[Agreement | None, tuple[str, ...]]:
    """The agreement, or why there is none. A server that refuses such a question is no proof of wrong answers; one
    that breaks over it (NaN can't be written as JSON) is."""
    if reference is None or not questions:
        return None, ()
    refused = [one for one in answers if one.http_status is not None and 400 <= one.http_status < 500]
    if refused:
        return None, (f"the server gives no log-probabilities of prompts: {refused[0].error}",)
    found = [_rows(question, answer) for question, answer in zip(questions, answers, strict=True)]
    return judge.agreement(reference.texts, found, TOP), ()


def _rows(question: LogprobQuestion, answer: Answer) -> Sequence[dict[int, float]]:
    if answer.error is not None:
        return []
    try:
        return [dict(row) for row in question.read(answer.value)]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return []
