"""The house's order: a module imports only from rooms below its own; small files, small functions, no vague names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import enginebench

PACKAGE = Path(enginebench.__file__).parent
ORDER = (
    ("errors",),
    ("extensions",),
    ("records",),
    ("assets", "intervals"),
    ("stopping",),
    ("config", "metrics"),
    ("accelerators",),
    ("engines", "workloads", "arrivals"),
    ("scrape",),
    ("provision", "server", "load", "telemetry", "usage", "environment", "tables"),
    ("quality", "calibration"),
    ("trial",),
    ("store", "plan", "runners"),
    ("analysis", "importers", "convert"),
    ("attempts",),
    ("progress", "interleave"),
    ("night", "bisection"),
    ("reproduce",),
    ("report",),
    ("bench",),
    ("site", "doctor", "schema"),
    ("commands",),
    ("cli",),
    ("__main__",),
)
"""Rooms from the ground up, as docs/architecture.md has them; rooms of one line may not import each other."""
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a module imports, also inside its functions."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative imports hide their room"
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "enginebench":
            rest = node.module.split(".")[1:]
            rooms |= {rest[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {name.split(".")[1] for name in (a.name for a in node.names) if name.startswith("enginebench.")}
    return {room for room in rooms if room in LEVEL}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    room = room_of(path)
    if room == "__init__":
        return
    upward = {other for other in imported_rooms(path) - {room} if LEVEL[other] >= LEVEL[room]}
    assert not upward, f"{room} may not import {', '.join(sorted(upward))}"


def test_every_room_has_its_place_in_the_order():
    assert {room_of(path) for path in MODULES} - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_are_small(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    assert path.stem not in {"utils", "util", "helpers", "common", "misc", "manager"}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


def test_no_engine_is_imported_by_the_harness():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            heavy = {name.split(".")[0] for name in names} & {"torch", "vllm", "sglang", "transformers"}
            assert not heavy or path.name == "convert_gguf.py", f"{path} imports {heavy}"
