"""The errors a user can cause: each names the place, the value and the remedy, and ends with exit code 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing wrong in what a user wrote or asked for."""

    place: str
    """Where: `file:line`, a command's option, a URL."""
    problem: str
    """What is wrong there, the offending value in it."""
    remedy: str
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.remedy}"


class UserError(Exception):
    """Bad input: the command ends with exit code 2 and one line a mistake, nothing started."""

    exit_code = 2

    def __init__(self, mistakes: Mistake | Sequence[Mistake]) -> None:
        self.mistakes = (mistakes,) if isinstance(mistakes, Mistake) else tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[Mistake, ...]]]:
        # What is pickled else is the text, which is no Mistake.
        return type(self), (self.mistakes,)


def mistake(place: str, problem: str, remedy: str) -> UserError:
    """A UserError of one mistake: `raise mistake(place, problem, remedy)`."""
    return UserError(Mistake(place=place, problem=problem, remedy=remedy))


FAILURE_CLASSES = (
    "out_of_memory",
    "bad_argument",
    "missing_weights",
    "port_taken",
    "not_ready",
    "crashed",
    "provision",
    "client",
    "interrupted",
    "unknown",
)
"""What a failed trial can be: stored with its stage and log tail, never a missing row."""


class TrialError(Exception):
    """A trial that could not go on: becomes the `failure` of its result, with exit code 1.

    `failure_class` is one of FAILURE_CLASSES; `log_tail` holds the engine's last lines, if it got that far.
    """

    exit_code = 1

    def __init__(self, failure_class: str, message: str, *, log_tail: str = "") -> None:
        assert failure_class in FAILURE_CLASSES, failure_class
        super().__init__(message)
        self.failure_class = failure_class
        self.log_tail = log_tail
