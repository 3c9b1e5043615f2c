"""Does the server still answer right? Questions with one right answer, agreement with a reference, tasks of lm-eval."""

from enginebench.quality import lm_eval_tasks
from enginebench.quality.check import CONTEXT_TOKENS, Outcome, check, conclude
from enginebench.quality.reference import Reference, load

__all__ = ["CONTEXT_TOKENS", "Outcome", "Reference", "check", "conclude", "lm_eval_tasks", "load"]
