"""YAML to records. A file's name is its key; an unknown or wrong key is an error with file, line, value and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from enginebench import assets
from enginebench.config.check import build, in_order, nearest
from enginebench.config.documents import Document, load
from enginebench.config.schema import Fact, Grid, Hardware, ResolvedGrid, Site
from enginebench.errors import Mistake, UserError, mistake
from enginebench.records import Engine, Model, PackageSource, Parallelism, VenvProvision, Workload

__all__ = [
    "Fact",
    "Grid",
    "Hardware",
    "ResolvedGrid",
    "Site",
    "hardware",
    "read_engine",
    "read_grid",
    "read_hardware",
    "read_model",
    "read_site",
    "read_workload",
    "shipped",
]

T = TypeVar("T")
_PINNED = re.compile(r"[\w.-]+(\[[\w.,-]+\])?\s*==\s*[^\s*,;]+(\s*;.*)?")
"""`name==version`, with extras and an environment marker if need be; no range, no wildcard."""


def shipped(folder: str, suffix: str = ".yaml") -> Mapping[str, Path]:
    """Name to file of everything in `configs/<folder>` that ends so."""
    return {path.stem: path for path in sorted((assets.root() / "configs" / folder).glob(f"*{suffix}"))}


def _read(kind: type[T], path: Path) -> tuple[T, Document]:
    document = load(path)
    if "name" in document.data:
        raise mistake(document.place(("name",)), "key `name` is not for writing", "the file's name is its key")
    return build(kind, document, {"name": path.stem, **document.data}), document


def _pins(document: Document, location: tuple[str, ...], name: str) -> list[str]:
    """The lines of the requirements file `name` beside the document, without comments."""
    path = document.path.parent / name
    try:
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise mistake(document.place(location), f"no file {path}", "name a requirements file beside this one") from None
    loose = [
        Mistake(place=f"{path}:{number}", problem=f"`{line}` is not pinned", remedy="write name==version")
        for number, line in enumerate(lines, start=1)
        if line and not _PINNED.fullmatch(line)
    ]
    if loose:
        raise UserError(loose)
    return [line for line in lines if line]


def read_model(path: Path) -> Model:
    """The model in `path`, its converter's pins read in; raises UserError."""
    model, document = _read(Model, path)
    if isinstance(model.source, PackageSource):
        data = {"name": path.stem, **document.data}
        pins = _pins(document, ("source", "converter"), model.source.converter)
        data["source"] = {**data["source"], "converter_requirements": pins}
        model = build(Model, document, data)
    return model


def read_engine(path: Path) -> Engine:
    """The engine in `path`, the pins of its environments read in; raises UserError."""
    engine, document = _read(Engine, path)
    data: dict[str, Any] = {"name": path.stem, **document.data, "builds": dict(document.data["builds"])}
    for vendor, one in engine.builds.items():
        if isinstance(one.provision, VenvProvision):
            pins = _pins(document, ("builds", vendor, "provision", "requirements"), one.provision.requirements)
            raw = data["builds"][vendor]
            data["builds"][vendor] = {**raw, "provision": {**raw["provision"], "pins": pins}}
    return build(Engine, document, data)


def read_workload(path: Path) -> Workload:
    """The workload in `path`; raises UserError."""
    workload, document = _read(Workload, path)
    if workload.shared_prefix_tokens >= workload.isl_tokens:
        raise mistake(
            document.place(("shared_prefix_tokens",)),
            f"`shared_prefix_tokens` is {workload.shared_prefix_tokens}, the whole input is {workload.isl_tokens}",
            "leave at least one token to tell prompts apart",
        )
    return workload


def read_hardware(path: Path) -> Hardware:
    """The part in `path`; raises UserError."""
    return _read(Hardware, path)[0]


def hardware(vendor: str, product: str) -> Hardware | None:
    """The shipped part that a device of this vendor and product name is, or null if none is known."""
    parts = [read_hardware(path) for path in shipped("hardware").values()]
    lower = product.lower()
    for part in sorted(parts, key=lambda part: "*" in part.match):
        if part.vendor == vendor and any(piece == "*" or piece in lower for piece in part.match):
            return part
    return None


def read_site(path: Path) -> Site:
    """The site in `path`; raises UserError, also when its hardware is not described."""
    site, document = _read(Site, path)
    if site.hardware and site.hardware.name not in shipped("hardware"):
        raise mistake(
            document.place(("hardware", "name")),
            f"no hardware `{site.hardware.name}`",
            nearest(site.hardware.name, shipped("hardware")),
        )
    return site


def _folder(grid: Path, kind: str) -> Mapping[str, Path]:
    """Files a grid may name: beside it (`…/grids/x.yaml` sees `…/models`), then those that ship."""
    own = grid.resolve().parent.parent / kind if grid.resolve().parent.name == "grids" else grid.parent / kind
    return {**shipped(kind), **{path.stem: path for path in sorted(own.glob("*.yaml"))}}


def read_grid(path: Path) -> ResolvedGrid:
    """The grid in `path` with all that it names; raises one UserError holding every mistake of the grid's own file."""
    files = {kind: _folder(path, kind) for kind in ("models", "engines", "workloads")}
    document = load(path)
    mistakes = list(_unknown_names(document, files))
    try:
        grid, _ = _read(Grid, path)
    except UserError as error:
        raise UserError(in_order([*mistakes, *error.mistakes])) from None
    mistakes += _impossible(grid, document)
    if mistakes:
        raise UserError(in_order(mistakes))
    wanted = {
        "models": [*grid.models, *(item.model for item in grid.include)],
        "engines": [*grid.engines, *(item.engine for item in grid.include)],
        "workloads": [*grid.workloads, *(item.workload for item in grid.include)],
    }
    return ResolvedGrid(
        grid=grid,
        models={name: read_model(files["models"][name]) for name in wanted["models"]},
        engines={name: read_engine(files["engines"][name]) for name in wanted["engines"]},
        workloads={name: read_workload(files["workloads"][name]) for name in wanted["workloads"]},
    )


def _unknown_names(document: Document, files: Mapping[str, Mapping[str, Path]]) -> Iterable[Mistake]:
    """Looks at the raw data, so that a misspelt name is told together with a misspelt key."""
    for location in document.lines:
        kind = _names_a(location)
        if kind is None:
            continue
        name = location[-1] if location[0] == "arguments" else document.value(location)
        if isinstance(name, str) and name not in files[kind]:
            yield Mistake(
                place=document.place(location),
                problem=f"no {kind[:-1]} `{name}`",
                remedy=nearest(name, files[kind]),
            )


def _names_a(location: tuple[str | int, ...]) -> str | None:
    """Which folder the string at this place of a grid is a name in; null where it is no name."""
    match location:
        case ("models" | "engines" | "workloads" as kind, int()):
            return kind
        case ("arguments", str()):
            return "engines"
        case ("include", int(), "model" | "engine" | "workload" as key):
            return f"{key}s"
        case ("exclude" | "constraints", int(), "when", "model" | "engine" | "workload" as key):
            return f"{key}s"
    return None


def _impossible(grid: Grid, document: Document) -> Iterable[Mistake]:
    if not (grid.loads.concurrency or grid.loads.rate_rps):
        yield Mistake(
            place=document.place(("loads",)), problem="`loads` is empty", remedy="list `concurrency` or `rate_rps`"
        )
    for index, item in enumerate(grid.include):
        if (item.concurrency is None) == (item.rate_rps is None):
            yield Mistake(
                place=document.place(("include", index)),
                problem=f"`include.{index}` has {'no' if item.concurrency is None else 'two'} loads",
                remedy="give one of `concurrency` and `rate_rps`",
            )
    axes = [(axis, getattr(grid, axis)) for axis in ("models", "engines", "workloads", "precisions", "parallelism")]
    axes += [(f"loads.{axis}", getattr(grid.loads, axis)) for axis in ("concurrency", "rate_rps")]
    for axis, values in axes:
        for index, value in enumerate(values):
            if value in values[:index]:
                shown = value.label() if isinstance(value, Parallelism) else value
                yield Mistake(
                    place=document.place((*axis.split("."), index)),
                    problem=f"`{axis}` names `{shown}` twice",
                    remedy="keep one of them",
                )
