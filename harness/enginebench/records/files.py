"""Records from and to JSON: `job.json` and `result.json`, checked against their declarations."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from enginebench.errors import Mistake, UserError, mistake
from enginebench.records.base import plain

T = TypeVar("T")


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def from_json(kind: type[T], text: str | bytes, place: str) -> T:
    """The record of type `kind` in `text`; raises UserError naming `place` and the key of each mistake."""
    from pydantic import ValidationError

    try:
        result: T = _adapter(kind).validate_json(text, strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UserError(
            [
                Mistake(
                    place=place,
                    problem=f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}",
                    remedy="take a file that this version of enginebench wrote",
                )
                for item in error.errors()
            ]
        ) from None
    return result


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
