"""Records from and to JSON: `job.json` and `result.json`, checked against their declarations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from enginebench import __version__
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
        refused = next(filter(None, map(_of_another_version, error.errors())), None)
        if refused is not None:
            # Of a layout that is not known no other complaint means anything.
            raise mistake(place, *refused) from None
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


def _of_another_version(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Problem and remedy where one of pydantic's complaints is of a `format` that is not read here; else null."""
    at, given = item["loc"], item["input"]
    if item["type"] != "literal_error" or at[-1] != "format" or not isinstance(given, str):
        return None
    known = re.findall(r"'([^']+/[0-9]+)'", item["ctx"]["expected"])
    if not known:
        return None
    within = "" if len(at) == 1 else f" in `{'.'.join(map(str, at[:-1]))}`"
    names = ", ".join(f"`{one}`" for one in known)
    problem = f"is of version `{given}`{within}, and enginebench {__version__} reads {names} there"
    name, _, version = given.rpartition("/")
    later = re.fullmatch("[0-9]{1,9}", version) and all(
        name == one.rpartition("/")[0] and int(version) > int(one.rpartition("/")[2]) for one in known
    )
    return problem, "take a newer enginebench" if later else "take a file that this version of enginebench wrote"


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
