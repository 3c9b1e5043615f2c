"""Records from and to JSON: `job.json` and `result.json`, brought to today's version and checked."""

from __future__ import annotations

import functools
import json
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from enginebench import __version__
from enginebench.errors import Mistake, UserError, mistake
from enginebench.records.base import plain
from enginebench.records.migrations import Document, family, migrate, read_here, version

T = TypeVar("T")
_OURS = "take a file that this version of enginebench wrote"


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def from_json(kind: type[T], text: str | bytes, place: str) -> T:
    """The record of type `kind` in `text`, which may be of an older version.

    Raises UserError naming `place` and the key of each mistake, or the version where it is not read here.
    """
    from pydantic import ValidationError

    try:
        result: T = _adapter(kind).validate_json(_of_today(kind, text, place), strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UserError(
            [
                Mistake(
                    place=place,
                    problem=f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}",
                    remedy=_OURS,
                )
                for item in error.errors()
            ]
        ) from None
    return result


@cache
def versioned(kind: type) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Where a document of `kind` names a format, and today's there: in itself, and in records right within it."""
    if not is_dataclass(kind):
        return ()
    found: list[tuple[tuple[str, ...], str]] = []
    hints = typing.get_type_hints(kind)
    for item in fields(kind):
        if item.name == "format" and isinstance(item.default, str):
            found.append(((), item.default))
        found += [((item.name, *path), today) for path, today in versioned(hints[item.name])]
    return tuple(found)


def _of_today(kind: type, text: str | bytes, place: str) -> str | bytes:
    """`text` in today's version; raises UserError for a version that is not read here, and for none."""
    wanted = versioned(kind)
    # A result is read 200,000 times: one that says it is of today, as `to_json` writes it, is not parsed twice.
    said = [f'"format": "{today}"' for _, today in wanted]
    if all(one in text if isinstance(text, str) else one.encode() in text for one in said):
        return text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text  # for validation to tell
    new = document
    for path, today in wanted:
        new = _at(new, path, functools.partial(_brought, path=path, today=today, place=place))
    return text if new is document else json.dumps(new)


def _at(document: Any, path: Sequence[str], change: Callable[[Document], Document]) -> Any:
    """`document` with the object at `path` changed; the same object where nothing is changed or there is none."""
    if not isinstance(document, dict):
        return document
    if not path:
        return change(document)
    part = document.get(path[0])
    new = _at(part, path[1:], change)
    return document if new is part else {**document, path[0]: new}


def _brought(part: Document, *, path: Sequence[str], today: str, place: str) -> Document:
    """`part`, which stands at `path`, in the format `today`; raises UserError where no step leads there."""
    within = f" in `{'.'.join(path)}`" if path else ""
    if "format" not in part:
        raise mistake(place, f"has no `format`{within}, which names its version", _OURS)
    given = part["format"]
    new = migrate(part, today)
    if new["format"] == today or not isinstance(given, str):
        return new
    names = ", ".join(f"`{one}`" for one in read_here(today))
    later = family(given) == family(today) and re.fullmatch("/[0-9]{1,9}", given.removeprefix(family(today)))
    raise mistake(
        place,
        f"is of version `{given}`{within}, and enginebench {__version__} reads {names} there",
        "take a newer enginebench" if later and version(given) > version(today) else _OURS,
    )


def read(kind: type[T], path: Path) -> T:
    """The record of type `kind` in the JSON file `path`; raises UserError if it is missing or wrong."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise mistake(str(path), f"cannot be read: {error.strerror}", "name an existing file") from None
    return from_json(kind, text, str(path))


def to_json(value: Any) -> str:
    """`value` as indented JSON; NaN and infinities are refused."""
    return json.dumps(plain(value), indent=1, allow_nan=False) + "\n"
