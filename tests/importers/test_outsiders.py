"""An importer of another distribution: found by its entry point, used like ours; a broken one is one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from enginebench import importers
from enginebench.errors import UserError
from enginebench.store import Store

THEIRS = '''
"""Reads lines of `name value`."""
from enginebench.importers._source import Source

class Stopwatch:
    def read(self, path):
        source = Source("stopwatch", path, "a stopwatch")
        figures = {name: float(value) for name, value in map(str.split, source.content.decode().splitlines())}
        yield source.point(0, {"concurrency": 1}, figures, {"first": ("ttft_mean_ns", 1e9)}, {})

IMPORTER = Stopwatch()
NOTHING = 7
'''
POINTS = """[enginebench.importers]
stopwatch = lab_stopwatch:IMPORTER
vllm_bench = lab_stopwatch:IMPORTER
gone = lab_stopwatch:GONE
number = lab_stopwatch:NOTHING
"""


@pytest.fixture
def outside(tmp_path):
    """A folder with an installed distribution."""
    place = tmp_path / "site"
    metadata = place / "lab_stopwatch-1.0.dist-info"
    metadata.mkdir(parents=True)
    (place / "lab_stopwatch.py").write_text(THEIRS)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-stopwatch\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(POINTS)
    return place


@pytest.fixture
def installed(outside, monkeypatch):
    monkeypatch.syspath_prepend(str(outside))
    yield
    sys.modules.pop("lab_stopwatch", None)


def test_the_command_takes_it_and_the_store_keeps_what_it_read(tmp_path, outside):
    (tmp_path / "times.txt").write_text("first 0.25\nlast 2\n")
    path = os.pathsep.join([str(outside), *filter(None, [os.environ.get("PYTHONPATH")])])
    argv = [sys.executable, "-m", "enginebench", "results", "import", "times.txt", "--as", "stopwatch"]
    done = subprocess.run(
        argv, capture_output=True, text=True, cwd=tmp_path, timeout=60, env={**os.environ, "PYTHONPATH": path}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("times.txt: 1 rows in, 1 points (1 new, 0 known already), 0 rows refused; 2 figures")
    (kept,) = (tmp_path / "results" / "foreign" / "stopwatch").iterdir()
    assert json.loads(kept.read_text())["figures"] == {"first": 0.25, "last": 2.0}
    # Without the distribution it still reads.
    (point,) = Store(tmp_path / "results").foreign()
    assert (point.tool, point.concurrency) == ("stopwatch", 1)


@pytest.mark.usefixtures("installed")
def test_a_name_of_the_house_is_not_taken_over():
    assert "stopwatch" in importers.names()
    assert type(importers.get("vllm_bench")).__name__ == "VllmBench"
    assert type(importers.get("stopwatch")).__name__ == "Stopwatch"


@pytest.mark.usefixtures("installed")
def test_one_that_cannot_be_loaded_or_does_not_read_is_told():
    with pytest.raises(UserError) as caught:
        importers.get("gone")
    assert str(caught.value) == (
        "entry point `gone = lab_stopwatch:GONE` of enginebench.importers: cannot be loaded (AttributeError: module "
        "'lab_stopwatch' has no attribute 'GONE'); repair or remove the distribution lab-stopwatch"
    )
    with pytest.raises(UserError, match=r"--as number: int has no `read`: no importer; known: .*stopwatch"):
        importers.get("number")
