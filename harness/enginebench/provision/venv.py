"""An environment of the engine's own, made by uv from pins, kept by content hash, built once, never used half-built."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from enginebench.errors import TrialError
from enginebench.provision import uv
from enginebench.provision.prepared import Prepared, only_builder
from enginebench.records import MetadataAlias, Overlay, VenvProvision, content_hash

_MARKER = "enginebench.json"
"""Written last: an environment without it was never finished and is made anew."""


def location(provision: VenvProvision, cache: Path) -> Path:
    """Where the environment of these pins stands, or will."""
    python = f"{platform.python_implementation()}-{platform.python_version()}-{platform.machine()}"
    # What is not there does not count: an environment without overlays keeps its place.
    overlays = [provision.overlays] if provision.overlays else []
    key = content_hash([provision.pins, provision.alias, python, sys.platform, *overlays])
    return cache / "environments" / key


def built(provision: VenvProvision, cache: Path) -> bool:
    """Whether it stands there whole, the Python that it was made from included: its own is a link to that one."""
    path = location(provision, cache)
    return (path / _MARKER).exists() and (path / "bin" / "python").exists()


def prepare(provision: VenvProvision, cache: Path, say: Callable[[str], None]) -> Prepared:
    """The environment, built if it is not there; raises TrialError (`provision`)."""
    path = location(provision, cache)
    if not built(provision, cache):
        with only_builder(path, say):
            if not built(provision, cache):
                _build(provision, path, say)
    installed = tuple(json.loads((path / _MARKER).read_text(encoding="utf-8"))["installed"])
    alias = provision.alias
    notes = [f"metadata {alias.name} {alias.version} added: {alias.reason}"] if alias else []
    notes += [f"{overlay.name}: {overlay.reason}" for overlay in provision.overlays]
    python = path / "bin" / "python"
    return Prepared(
        executable=python.with_name(provision.executable),
        python=python,
        environment={"VIRTUAL_ENV": str(path), "PATH": f"{path / 'bin'}:/usr/local/bin:/usr/bin:/bin"},
        lock_hash=hashlib.sha256("\n".join(installed).encode()).hexdigest()[:16],
        installed=installed,
        notes=tuple(notes),
        absent={"digest": "an environment is named by its lock hash"},
    )


def _build(provision: VenvProvision, path: Path, say: Callable[[str], None]) -> None:
    say(f"building an environment of {len(provision.pins)} distributions, once for these pins")
    # Built in place, for a virtual environment holds its own path; the marker, written last, is what makes it whole.
    shutil.rmtree(path, ignore_errors=True)
    log = path.with_name(path.name + ".log")
    log.unlink(missing_ok=True)
    uv.call(["venv", "--python", sys.executable, str(path)], log)
    pins = path / "requirements.txt"
    pins.write_text("\n".join(provision.pins) + "\n", encoding="utf-8")
    # Without byte-code vLLM's start takes 61 s instead of 20 s: every import compiles.
    target = ["--python", str(path / "bin" / "python"), "--no-deps", "--compile-bytecode"]
    uv.install([*target, "--requirements", str(pins)], log, provision.extra_index)
    if provision.alias:
        _write_alias(provision.alias, path)
    for overlay in provision.overlays:
        _lay_over(overlay, path)
    marker = {"installed": _installed(path)}
    aside = path / (_MARKER + ".tmp")
    aside.write_text(json.dumps(marker), encoding="utf-8")
    aside.replace(path / _MARKER)


def _write_alias(alias: MetadataAlias, path: Path) -> None:
    (packages,) = path.glob("lib/python*/site-packages")
    folder = packages / f"{alias.name.replace('-', '_')}-{alias.version}.dist-info"
    folder.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: {alias.name}\nVersion: {alias.version}\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")
    (folder / "INSTALLER").write_text("enginebench\n", encoding="utf-8")
    (folder / "RECORD").write_text("", encoding="utf-8")


_TAKEN = """
import importlib.metadata as m, importlib.util as u, sys
held = {d.metadata["Name"].lower().replace("_", "-") for d in m.distributions()}
print(*(name for name in sys.argv[1:] if name.lower().replace("_", "-") in held or u.find_spec(name)))
"""


def _lay_over(overlay: Overlay, path: Path) -> None:
    """Copy the overlay in; raises TrialError if the environment has a module or distribution of such a name."""
    # `sgl_kernel.py`, `sgl_kernel/…` and `sgl_kernel-1.dist-info/…` all bring the name sgl_kernel.
    names = sorted({file.partition("/")[0].partition(".")[0].partition("-")[0] for file in overlay.files})
    python = [str(path / "bin" / "python"), "-I", "-c", _TAKEN]
    asked = subprocess.run([*python, *names], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    taken = asked.stdout.split()
    if taken:
        raise TrialError(
            "provision",
            f"{overlay.name}: the environment has a real {', '.join(taken)}; take the overlay out of the engine's file",
        )
    (packages,) = path.glob("lib/python*/site-packages")
    for file, text in overlay.files.items():
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _installed(path: Path) -> list[str]:
    """What the environment itself says it holds."""
    code = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(): print(d.metadata['Name'].lower().replace('_', '-') + '==' + d.version)"
    )
    asked = subprocess.run(
        [path / "bin" / "python", "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    return sorted(set(asked.stdout.split()))
