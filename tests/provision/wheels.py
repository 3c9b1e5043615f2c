"""Makes wheels, so that what is installed in a test is known and no network is needed."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path


def write_wheel(
    folder: Path, name: str, version: str = "1.0", files: Mapping[str, str | bytes] | None = None, requires: str = ""
) -> Path:
    """Write a pure-Python wheel with `files` (path to content; a module that tells its version if none) to `folder`."""
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    contents: dict[str, str | bytes] = {
        **(files or {f"{module}.py": f"VERSION = {version!r}\n"}),
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*contents, f"{about}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in {**contents, f"{about}/RECORD": record}.items():
            archive.writestr(path, content)
    return wheel
