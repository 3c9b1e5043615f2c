"""Tasks of lm-eval (EleutherAI's evaluation harness): what is asked of a server, and its scores."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, MinLen

from enginebench.records.base import record


@record
class LmEvalTask:
    """A task of lm-eval that the server is asked after the load."""

    task: Annotated[str, MinLen(1)]
    """Name that lm-eval knows; `enginebench`: the gate's own questions, by lm-eval; with a `/`: a folder of one's own
    that holds the YAML of one task, and its data."""
    limit: Annotated[int, Gt(0)] | None = None
    """Documents asked, the first ones of each task; null: all."""
    fewshot: Annotated[int, Ge(0)] | None = None
    """Examples in each prompt; null: as the task has it."""
    metric: str | None = None
    """Metric and filter that the floor is for, as `exact_match,strict-match`; null: the task's first."""
    floor: float | None = None
    """Score that an honest server reaches; the gate fails if the whole interval lies below it; null: not judged."""
    deadline_s: Annotated[int, Gt(0)] = 3600
    """Longest that the task may take; stopped then, it counts as not asked."""


@record
class LmEvalScore:
    """What a task of lm-eval gave in one of its metrics."""

    task: str
    """Name in lm-eval; the parts of a group stand beside it."""
    task_version: str
    """The task's version as lm-eval has it."""
    metric: str
    """Metric and filter, as `exact_match,strict-match`."""
    fewshot: int | None
    """Examples in each prompt; null for a group."""
    asked: int | None
    """Documents asked; null for a group."""
    value: float | None
    """The score, 0 too; null: it is no finite number."""
    stderr: float | None
    """Its standard error as lm-eval has it; null: it tells none."""
    low: float | None
    """Lower end of the 95 % interval: Wilson's for a share of documents, else 1.96 standard errors; null: not known."""
    high: float | None
    """Upper end of that interval."""
    floor: float | None
    """What it was judged by; null: not judged."""
    passed: bool | None
    """False: it lies below the floor with its whole interval; null: not judged."""
