"""Records read as what they declare: which there are, what each field holds and means."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any


def records_in(kind: Any, known: tuple[type, ...] = ()) -> tuple[type, ...]:
    """The record classes that JSON of the type `kind` is made of, outermost first, after those `known`."""
    for part in typing.get_args(kind):
        known = records_in(part, known)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind not in known:
        known = (*known, kind)
        for hint in typing.get_type_hints(kind, include_extras=True).values():
            known = records_in(hint, known)
    return known


def json_type(kind: Any) -> str:
    """What a declared type is in JSON, in words; a record is a link to its section."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return json_type(inner[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is tuple and inner[-1] is Ellipsis:
        return f"list of {json_type(inner[0])}"
    if origin is tuple:
        return f"[{', '.join(json_type(one) for one in inner)}]"
    if origin is Mapping:
        return f"object of {json_type(inner[1])}"
    if inner:
        return " or ".join(dict.fromkeys(json_type(one) for one in inner))
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", object: "any"}
    return names.get(kind) or f"[{kind.__name__}](#{kind.__name__.lower()})"


@cache
def described(kind: type) -> Mapping[str, str]:
    """Field of a record to the words under it; a field without words is not in it."""
    (declared,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(declared, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(declared.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def summary(kind: type) -> str:
    """What a record is, in one line."""
    return " ".join((kind.__doc__ or "").split())
