"""An engine's file: which versions it lists, and one of them with its pins and stand-ins read in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.config.check import build, named, nearest
from enginebench.config.documents import Document
from enginebench.config.schema import EngineFile
from enginebench.errors import Mistake, UserError, mistake
from enginebench.records import Engine, Vendor, VenvProvision

_PINNED = re.compile(r"[\w.-]+(\[[\w.,-]+\])?\s*==\s*[^\s*,;]+(\s*;.*)?")
"""`name==version`, with extras and an environment marker if need be; no range, no wildcard."""


def engine_versions(path: Path) -> tuple[str, ...]:
    """The versions that the engine's file lists, newest first; raises UserError."""
    return named(EngineFile, path)[0].versions


def read_engine(path: Path, version: str | None = None, pins: Mapping[Vendor, Sequence[str]] | None = None) -> Engine:
    """A version of the engine in `path`, the newest listed if none is named; raises UserError.

    With `pins`, a vendor's lines each, it may be a version that the file does not list; it then has these vendors'
    builds alone, on these pins.
    """
    file, document = named(EngineFile, path)
    version = version or file.versions[0]
    if pins is None and version not in file.versions:
        raise mistake(document.place(("versions",)), f"no version `{version}`", nearest(version, file.versions))
    builds: dict[str, Any] = {}
    for vendor, one in file.builds.items():
        if pins is not None and vendor not in pins:
            continue
        raw = document.data["builds"][vendor]
        provision = _filled(raw["provision"], version)
        if isinstance(one.provision, VenvProvision):
            here = ("builds", vendor, "provision")
            lines = pins[vendor] if pins else read_pins(document, (*here, "requirements"), provision["requirements"])
            provision["pins"] = [_filled(line, version) for line in lines]
            provision["overlays"] = [
                {**overlay, "files": _contents(document, (*here, "overlays", index, "folder"), overlay["folder"])}
                for index, overlay in enumerate(provision.get("overlays", []))
            ]
        builds[vendor] = {**raw, "provision": provision}
    return build(Engine, document, {"name": path.stem, "kind": file.kind, "version": version, "builds": builds})


def read_pins(document: Document, location: tuple[str | int, ...], name: str) -> list[str]:
    """The lines of the requirements file `name` beside the document, without comments; raises UserError."""
    path = document.path.parent / name
    try:
        return read_requirements(path)
    except (OSError, UnicodeDecodeError):
        raise mistake(document.place(location), f"no file {path}", "name a requirements file beside this one") from None


def read_requirements(path: Path) -> list[str]:
    """The lines of a requirements file, all pinned, without comments; raises UserError for one that is not."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    loose = [
        Mistake(place=f"{path}:{number}", problem=f"`{line}` is not pinned", remedy="write name==version")
        for number, line in enumerate(lines, start=1)
        if line and not _PINNED.fullmatch(line)
    ]
    if loose:
        raise UserError(loose)
    return [line for line in lines if line]


def _filled(value: Any, version: str) -> Any:
    """The raw value with `{version}` replaced in all its strings; a version has one `+` at most."""
    if isinstance(value, dict):
        return {key: _filled(item, version) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, version) for item in value]
    if isinstance(value, str):
        joint = "." if "+" in version else "+"
        return value.replace("{version}+", f"{version}{joint}").replace("{version}", version)
    return value


def _contents(document: Document, location: tuple[str | int, ...], name: str) -> dict[str, str]:
    folder = document.path.parent / name
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    if not files:
        raise mistake(document.place(location), f"no files in {folder}", "name a folder beside this file")
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}
