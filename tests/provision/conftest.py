"""An installer that sees only what a test made: nothing of this machine's settings, caches and networks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builders import a_model, an_architecture
from enginebench.provision import uv
from enginebench.records import Model, ModelSource, VenvProvision
from provision.package_index import Index, serving


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The one folder that wheels are taken from; an index that knows no name stands beside it."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "HF_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    folder, empty = tmp_path / "shelf", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_INDEX_URL", empty.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    uv.pip_sources.cache_clear()
    yield folder
    uv.pip_sources.cache_clear()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """A package index of its own wheels, in `tmp_path / "indexed"`."""
    with serving(tmp_path / "indexed") as one:
        yield one


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def python_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python processes that import enginebench, each in a session of its own; ends what is left of them."""
    running: list[subprocess.Popen[str]] = []
    source = Path(__file__).resolve().parents[2] / "harness"

    def start(program: str, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(source), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def pinned() -> Callable[..., VenvProvision]:
    """A provision of these pins: `pinned("one==1.0", extra_index=…)`."""

    def make(*pins: str, **more: object) -> VenvProvision:
        return VenvProvision(kind="venv", requirements="pins.txt", pins=pins, **{"executable": "python", **more})

    return make


@pytest.fixture
def model() -> Callable[..., Model]:
    """A small model from this source: `model(LocalSource(…), vocabulary=100)`."""

    def make(source: ModelSource, vocabulary: int = 100) -> Model:
        return a_model(source=source, architecture=an_architecture(vocabulary=vocabulary))

    return make
