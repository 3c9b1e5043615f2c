"""What makes a class a record: frozen, slotted, keyword-only; unknown keys refused where a file is read."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from types import MappingProxyType
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
LATER: Mapping[str, bool] = MappingProxyType({"later": True})
"""Metadata of a field that came after ids were stored: left out of JSON and of hashes while it is at its default, so
that what says nothing new keeps the id that it had."""

Scalar = bool | int | float | str | None
"""What an engine argument can be; `true` a bare flag, `false` its `--no-` form, null leaves the flag out."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, slotted, keyword-only dataclass; pydantic reads it without unknown keys, NaN, infinities."""
    cls.__pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # type: ignore[attr-defined]
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def plain(value: Any) -> Any:
    """`value` as JSON-ready dicts, lists and scalars; records become dicts of all their fields but those `LATER` ones
    that are at their default."""
    if is_dataclass(value) and not isinstance(value, type):
        items = ((item, getattr(value, item.name)) for item in fields(value))
        return {
            item.name: plain(held) for item, held in items if not (item.metadata.get("later") and held == item.default)
        }
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, array):
        return value.tolist()
    return value


def canonical(value: Any) -> str:
    """A record's canonical content: its JSON with sorted keys, without spaces, in ASCII."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def hash_of(text: str) -> str:
    """16 hex digits of SHA-256 over `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_hash(value: Any) -> str:
    """The hash of a record's canonical content."""
    return hash_of(canonical(value))
