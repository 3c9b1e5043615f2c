"""Rows of a foreign file, taken one by one: a row that can't be taken is refused with a reason, the others stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from enginebench.errors import UserError
from enginebench.records import ForeignPoint, record
from enginebench.records.files import from_json, to_json

if TYPE_CHECKING:
    from enginebench.importers._source import Source

WRONG = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading a value of another kind than expected raises."""


@record
class Refused:
    """A row that is not taken."""

    place: str
    """Where in the file, from 1: `line 7`, `row 7` of a list."""
    reason: str
    """Why, with the key and its value."""

    def __str__(self) -> str:
        return f"{self.place} {self.reason}"


class Broken(ValueError):
    """A row that is no JSON, or no point; its words say why."""


def rows(source: Source) -> Iterator[tuple[str, Any]]:
    """Place and value of each row: of JSON lines, of a list, or of one object, whose place is empty.

    A line that is no JSON is a row too, its value an exception that says so. Raises UserError if there is no row.
    """
    text = source.text()
    try:
        whole = json.loads(text)
    except ValueError:
        yield from _lines(text)
        return
    if isinstance(whole, list) and whole:
        yield from ((f"row {number}", row) for number, row in enumerate(whole, start=1))
    elif isinstance(whole, dict):
        yield "", whole
    else:
        raise source.wrong("holds JSON, but no object")


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except ValueError as error:
            yield f"line {number}", Broken(f"is no JSON ({error})")


def checked(point: ForeignPoint) -> ForeignPoint:
    """The point, through JSON and back: raises Broken for a value of another type than the record says.

    Found here, it is not found by those who read the store.
    """
    try:
        return from_json(ForeignPoint, to_json(point), "")
    except UserError as error:
        raise Broken(error.mistakes[0].problem) from None


def each(
    found: Iterable[tuple[str, Any]], make: Callable[[int, Mapping[str, Any]], ForeignPoint]
) -> Iterator[ForeignPoint | Refused]:
    """What `make` gives for each row's number, from 0, and object; where it raises, the row refused with its words.

    Where the file is one row, what is wrong with the row is wrong with the file: raised as it is.
    """
    for number, (place, row) in enumerate(found):
        try:
            if isinstance(row, Broken):
                raise row
            if not isinstance(row, dict):
                raise Broken(f"is {json.dumps(row)[:40]}, no object")
            yield checked(make(number, row))
        except (UserError, *WRONG) as error:
            if not place:
                raise
            yield Refused(place=place, reason=_words(error))


def _words(error: Exception) -> str:
    if isinstance(error, UserError):
        return error.mistakes[0].problem
    return str(error) if isinstance(error, Broken) else f"is no whole row ({type(error).__name__}: {error})"
