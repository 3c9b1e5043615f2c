"""Whether a server answers right: what is asked of it, what came of it."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from enginebench.records.base import record
from enginebench.records.lm_eval import LmEvalScore, LmEvalTask

MOST_ITEMS = 500
"""Questions there are."""


@record
class QualityRequest:
    """What the quality gate asks of a server, before the load and after it."""

    items: Annotated[int, Ge(0), Le(MOST_ITEMS)] = 50
    """Questions of the task set; 0: none."""
    reference: bool = True
    """Whether log-probabilities are held against the model's reference, where there is one."""
    lm_eval: tuple[LmEvalTask, ...] = ()
    """Tasks of lm-eval, asked once, after the load."""


@record
class TaskScore:
    """Exact matches of one family of questions."""

    family: str
    """Its name; `all` for all together."""
    asked: int
    """Questions asked, those without an answer included."""
    right: int
    """Right answers; 0 is a score."""
    low: float
    """Lower end of the share's 95 % Wilson interval."""
    high: float
    """Upper end of the share's 95 % Wilson interval."""


@record
class Agreement:
    """Log-probabilities of fixed texts against the reference's."""

    tokens: int
    """Tokens compared."""
    broken_tokens: int
    """Tokens for which the server gave no finite log-probability."""
    top1_share: float | None
    """Share of tokens at which both hold the same token for the likeliest; null if none could be compared."""
    kl_nats: float | None
    """Mean KL divergence of the server's from the reference's distribution over the reference's likeliest tokens and
    all others as one, nats a token; null if none could be compared."""
    nll_difference_nats: float | None
    """Mean negative log-probability of the texts less the reference's, nats a token; null if none could be compared."""


@record
class Thresholds:
    """What honest servers keep to: the mean and four standard deviations of their runs."""

    top1_share: float
    """Lowest share."""
    kl_nats: float
    """Highest mean divergence, nats a token."""
    nll_difference_nats: float
    """Largest difference either way, nats a token."""
    flip_share: float
    """Share of questions on which an honest server and the reference differ, one right and the other wrong."""

    def most_lost(self, items: int) -> float:
        """How many more questions than it wins an honest server loses to the reference at most, of `items`.

        Four standard deviations of a sum of `items` differences of −1, 0 and 1 that are not 0 with `flip_share`.
        """
        return 4.0 * float((self.flip_share * items) ** 0.5)


@record
class QualityCheck:
    """One pass of the gate."""

    when: Literal["before", "after"]
    """Before the load or after it."""
    concurrency: int
    """Questions in flight."""
    started_utc: str
    """ISO 8601 time at which it began."""
    duration_ns: int
    """Time it took."""
    unanswered: int
    """Questions that got no answer."""
    scores: tuple[TaskScore, ...]
    """All questions together, then each family; empty where none was asked."""
    lost: int | None
    """Questions that the reference has right and this server has not; null without a reference."""
    gained: int | None
    """Questions that this server has right and the reference has not; null without a reference."""
    agreement: Agreement | None
    """Agreement with the reference; null where it was not asked or could not be had."""
    reasons: tuple[str, ...]
    """Why this pass failed; empty if it did not."""


@record
class Quality:
    """What the quality gate found on the server that was measured."""

    passed: bool | None
    """False: wrong answers, and every run of the trial is marked `failed_quality`; null: not judged."""
    reasons: tuple[str, ...]
    """Why it failed, or was not judged, or what was not asked."""
    task_version: int
    """Version of the task set; outcomes are compared only within one."""
    reference: str | None
    """Hash of the reference's content; null without one."""
    thresholds: Thresholds | None
    """What it was judged by; null where none are known for the model and precision."""
    checks: tuple[QualityCheck, ...]
    """Its passes; each item's outcome stands in `quality.parquet`."""
    lm_eval: tuple[LmEvalScore, ...]
    """Scores of the tasks of lm-eval that the grid names; each document's outcome stands in `quality.parquet`."""
    lm_eval_version: str | None
    """Version of lm-eval; null: it was not asked."""


@record
class ItemOutcome:
    """One question put to the server: a row of `quality.parquet`."""

    when: str
    """before or after the load."""
    item: int
    """The question's place in the task set."""
    family: str
    """Its family; `lm-eval TASK METRIC` for a document of lm-eval's."""
    right: bool
    """Whether the answer is right."""
    answer: str | None
    """The answer's first 200 characters; null if none came."""
    error: str | None
    """Why none came; null if one did."""
