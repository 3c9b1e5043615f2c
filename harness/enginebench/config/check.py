"""Data from files, checked against a record's declaration: one mistake a line, each with place, value and remedy."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from enginebench.config.documents import Document, load
from enginebench.errors import Mistake, UserError, mistake

T = TypeVar("T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def build(kind: type[T], document: Document, data: Any | None = None) -> T:
    """The record of type `kind` in `document` (or in `data`, made from it); raises UserError with every mistake."""
    text = json.dumps(document.data if data is None else data)
    try:
        result: T = _adapter(kind).validate_json(text, strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UserError(in_order(_mistakes(kind, document, error.errors(include_url=False)))) from None
    return result


def named(kind: type[T], path: Path) -> tuple[T, Document]:
    """The record of type `kind` in `path`, whose file's name is its key, and the document; raises UserError."""
    document = load(path)
    if "name" in document.data:
        raise mistake(document.place(("name",)), "key `name` is not for writing", "the file's name is its key")
    return build(kind, document, {"name": path.stem, **document.data}), document


def in_order(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Mistakes of one file by line, each once."""
    return sorted(dict.fromkeys(mistakes), key=lambda item: int(item.place.rpartition(":")[2]))


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy that names the closest of `known`, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1) or [name for name in names if word and name.startswith(word)]
    listed = ", ".join(names) or "none"
    return f"did you mean `{close[0]}`? known: {listed}" if close else f"known: {listed}"


def _mistakes(kind: Any, document: Document, items: Sequence[ErrorDetails]) -> Iterable[Mistake]:
    """One mistake a place: a list with a wrong item is not also too short, nor a value wrong once a possible type."""
    told: dict[tuple[str, str], Mistake] = {}
    for item in items:
        inner = any(other["loc"][: len(item["loc"])] == item["loc"] for other in items if other is not item)
        if item["type"] == "too_short" and inner:
            continue
        one = _mistake(kind, document, item)
        first = told.setdefault((one.place, one.problem), one)
        if first.remedy != one.remedy:
            remedy = f"{first.remedy} or {one.remedy.removeprefix('input should be ')}"
            told[one.place, one.problem] = replace(first, remedy=remedy)
    return told.values()


def _mistake(kind: Any, document: Document, item: ErrorDetails) -> Mistake:
    location = [part for part in item["loc"] if isinstance(part, (str, int))]
    found = document.known(location)
    key = ".".join(map(str, found)) or "the file"
    place = document.place(location)
    if item["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        keys = _keys_at(kind, found[:-1], document)
        remedy = nearest(str(found[-1]), keys) if keys else "remove it"
        return Mistake(place=place, problem=f"unknown key `{key}`", remedy=remedy)
    if item["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        whole = ".".join(map(str, (*found, location[-1])))
        return Mistake(place=place, problem=f"key `{whole}` is missing", remedy=f"add `{location[-1]}:`")
    value = json.dumps(document.value(found))
    shown = value if len(value) <= 60 else value[:57] + "..."
    wanted = item["msg"][0].lower() + item["msg"][1:]
    return Mistake(place=place, problem=f"`{key}` is {shown}", remedy=wanted)


def _keys_at(kind: Any, location: Sequence[str | int], document: Document) -> list[str]:
    """Field names of the record that stands at `location`, following annotations down; empty where it is no record."""
    node = kind
    value = document.data
    for part in location:
        value = value[part]
        node = _step(node, part)
        if node is None:
            return []
    candidates = [member for member in _members(node) if is_dataclass(member)]
    if len(candidates) > 1 and isinstance(value, dict):
        tagged = [member for member in candidates if value.get("kind") in _literal(member, "kind")]
        candidates = tagged or candidates
    # The file's name is its key: `name` at the top is not for writing.
    return [item.name for member in candidates for item in fields(member) if location or item.name != "name"]


def _members(node: Any) -> list[Any]:
    origin = typing.get_origin(node)
    if origin is typing.Annotated:
        return _members(typing.get_args(node)[0])
    if origin is typing.Union or type(node).__name__ == "UnionType":
        return [inner for member in typing.get_args(node) for inner in _members(member)]
    return [node]


def _literal(member: Any, name: str) -> tuple[Any, ...]:
    return typing.get_args(typing.get_type_hints(member).get(name))


def _step(node: Any, part: str | int) -> Any:
    for member in _members(node):
        if is_dataclass(member) and isinstance(part, str):
            hints = typing.get_type_hints(member, include_extras=True)
            if part in hints:
                return hints[part]
        arguments = typing.get_args(member)
        if arguments and typing.get_origin(member) is not typing.Literal:
            return arguments[-1] if isinstance(part, str) else arguments[0]
    return None
