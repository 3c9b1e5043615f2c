"""YAML files as plain data that remembers the line of every key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from enginebench.errors import Mistake, UserError, mistake

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML file."""

    path: Path
    """The file."""
    data: Any
    """Its contents as dicts, lists and scalars."""
    lines: dict[Location, int]
    """Line, from 1, of every key and list item."""

    def place(self, location: Sequence[str | int]) -> str:
        """`file:line` of the key at `location`, or of the nearest key around it."""
        known = self.known(location)
        return f"{self.path}:{self.lines[known]}"

    def known(self, location: Sequence[str | int]) -> Location:
        """The part of `location` that exists in the file; names that a checker put between are left out."""
        found: Location = ()
        for index, part in enumerate(location):
            around = self.value(found)
            # The `kind` that tells records apart is such a name, even where a key beside it is called the same.
            if isinstance(around, dict) and around.get("kind") == part and index < len(location) - 1:
                continue
            if (*found, part) in self.lines:
                found = (*found, part)
        return found

    def value(self, location: Sequence[str | int]) -> Any:
        """The value at a location that exists."""
        value = self.data
        for part in location:
            value = value[part]
        return value


def load(path: Path) -> Document:
    """Read `path`; raises UserError for a missing file, broken YAML, a key given twice, or no mapping at the top."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise mistake(str(path), f"cannot be read ({error})", "name an existing YAML file") from None
    try:
        return _document(path, yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise mistake(f"{path}:{line}", f"not YAML: {error.problem}", "mend the syntax there") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise mistake(f"{path}:{line}", f"not YAML: character #x{error.character:04x}", "take it out") from None
    except RecursionError:
        raise mistake(f"{path}:1", "a value lies within itself, or too deep", "write it out flat") from None


def _document(path: Path, node: yaml.Node | None) -> Document:
    if not isinstance(node, yaml.MappingNode):
        raise mistake(f"{path}:1", "the file holds no mapping", "write `key: value` lines")
    lines: dict[Location, int] = {(): 1}
    doubles: list[Mistake] = []
    data = _build(node, (), lines, doubles, path)
    if doubles:
        raise UserError(doubles)
    return Document(path=path, data=data, lines=lines)


def _build(node: yaml.Node, location: Location, lines: dict[Location, int], doubles: list[Mistake], path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in result:
                doubles.append(
                    Mistake(place=f"{path}:{line}", problem=f"key `{key}` stands twice", remedy="keep one of them")
                )
            lines[(*location, key)] = line
            result[key] = _build(value_node, (*location, key), lines, doubles, path)
        return result
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            lines[(*location, index)] = item.start_mark.line + 1
            items.append(_build(item, (*location, index), lines, doubles, path))
        return items
    try:
        return _scalar(node)
    except (ValueError, LookupError):
        shown = f"`{str(node.value)[:40]}` is no {node.tag.rpartition(':')[2]}"
        raise mistake(f"{path}:{node.start_mark.line + 1}", shown, "write another value, or quote it") from None


def _scalar(node: yaml.Node) -> Any:
    # Dates and times stay text: no key of ours is one, and "2026-08-01" in a source line means itself.
    tag = node.tag.rpartition(":")[2]
    if tag in ("int", "float", "bool", "null"):
        loader = yaml.SafeLoader("")
        return loader.construct_object(node)
    return str(node.value)
