"""Corrections: results are never edited; a record of its own says that one does not count, another takes that back."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import MinLen

from enginebench.records.base import record


@record
class Invalidation:
    """The contents of `invalidations/<id>.json`: a trial or run that no figure and no verdict may stand on."""

    format: Literal["enginebench.invalidation/1"] = "enginebench.invalidation/1"
    id: Annotated[str, MinLen(1)]
    """Its own id, as in the file's name."""
    what: Annotated[str, MinLen(1)]
    """Id of a trial, with which all its runs are meant, or of a run."""
    reason: Annotated[str, MinLen(1)]
    """Why it does not count, in words."""
    author: Annotated[str, MinLen(1)]
    """Who says so."""
    made_utc: str
    """ISO 8601 time."""

    def words(self) -> str:
        """`the fan had failed (Ada)`."""
        return f"{self.reason} ({self.author})"


@record
class Withdrawal:
    """The contents of `invalidations/<id>.withdrawn.json`: from now on the invalidation of that id hides nothing."""

    format: Literal["enginebench.withdrawal/1"] = "enginebench.withdrawal/1"
    invalidation: Annotated[str, MinLen(1)]
    """Id of the invalidation that is taken back."""
    reason: Annotated[str, MinLen(1)]
    """Why, in words."""
    author: Annotated[str, MinLen(1)]
    """Who says so."""
    made_utc: str
    """ISO 8601 time."""
