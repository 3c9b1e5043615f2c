"""Is a slowdown that was planted in a real engine found, sized and bisected to the right pair of versions?

python benchmarks/planted_slowdown.py                     # eight versions of llama.cpp, the fifth and later 9 % slower
python benchmarks/planted_slowdown.py --factor 1 --minutes 5   # none is: there is nothing to bisect

The versions are one and the same build. From the slow one on a server stands before it that gives back every byte later
(`tests/stretched_engine.py`), so that of a request in flight alone each latency is the engine's own times the factor:
the truth of TPOT is known whatever the engine's speed is just then. The good ones rest as long after each request.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from enginebench import assets, config
from enginebench.provision import prepare
from enginebench.store import Store

HERE = Path(__file__).parent
STRETCHED = HERE.parent / "tests" / "stretched_engine.py"
GRID = """
description: versions of llama.cpp, of which some are slower
models: [smollm2-135m-instruct]
engines: [planted]
workloads: [synthetic-128-64]
precisions: [bf16]
loads: {{concurrency: [1]}}
requests: {{at_least: {requests}, warmup_per_slot: 1}}
repeats: 1
quality: {{items: 0, reference: false}}
context_tokens: 512
max_sequences: 1
"""


@dataclass(frozen=True)
class Planted:
    """What is planted."""

    versions: int
    place: int
    """The first slow version, from 0."""
    factor: float
    """How many times as long it takes."""
    requests: int
    """Of a server start."""

    def names(self) -> list[str]:
        return [f"b{number + 1}" for number in range(self.versions)]


def write(folder: Path, planted: Planted, python: Path) -> Path:
    """A grid, and an engine whose versions are commands: the build itself, with the slow server before it or at 1."""
    for name in ("grids", "engines"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(planted.names()):
        factor = planted.factor if number >= planted.place else 1.0
        command = folder / f"server-{name}"
        words = f"{sys.executable} {STRETCHED} {factor} {planted.factor - factor:.6f} {python}"
        command.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    (folder / "engines" / "planted.yaml").write_text(
        f"""\
kind: llama_cpp
versions: [{", ".join(reversed(planted.names()))}]
builds:
  cpu:
    provision: {{kind: executable, executable: "{folder}/server-{{version}}"}}
    precisions: [bf16]
    environment: {{OMP_WAIT_POLICY: passive}}
""",
        encoding="utf-8",
    )
    grid = folder / "grids" / "planted.yaml"
    grid.write_text(GRID.format(requests=planted.requests), encoding="utf-8")
    return grid


def engine_python() -> Path:
    """Python of llama.cpp's environment, made if it is not there."""
    build = config.read_engine(config.shipped("engines")["llama-cpp"]).builds["cpu"]
    prepared = prepare(build.provision, assets.cache(), print)
    assert prepared.python is not None
    return prepared.python


def bisect(grid: Path, folder: Path, planted: Planted, seconds: float) -> tuple[int, str]:
    """The command, ended as by Ctrl-C when the time is over: its exit code and what it said."""
    argv = [sys.executable, "-m", "enginebench", "bisect", str(grid), "--versions", ",".join(planted.names())]
    argv += ["--metric", "tpot_mean_ns", "--store", str(folder / "results"), "--markdown", str(folder / "found.md")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        output, _ = process.communicate(timeout=120)
    return process.returncode, output


def told(folder: Path, planted: Planted, code: int, wall_s: float) -> list[str]:
    """Rows of a table: planted, found."""
    names = planted.names()
    results = list(Store(folder / "results").results())
    rows = [
        "| planted | ended | found | truth held | server starts | s |",
        "|---|---|---|---|---|---|",
    ]
    truth = planted.factor
    what = f"{names[planted.place - 1]} → {names[planted.place]}, TPOT × {truth:.4f}"
    head = (folder / "found.md").read_text(encoding="utf-8") if (folder / "found.md").exists() else ""
    size = re.search(r"changed by ([+-][\d.]+) % \(([+-][\d.]+) % to ([+-][\d.]+) %\) from (\S+) to (\S+)", head)
    ended = {0: "nothing to bisect", 1: "worse", 4: "undecided"}.get(code, f"exit code {code}")
    found, held = "–", "–"
    if size is not None:
        middle, low, high = (1 + float(one) / 100 for one in size.groups()[:3])
        found = f"{size[4]} → {size[5]}, × {middle:.4f} [{low:.4f}, {high:.4f}]"
        held = "yes" if low <= truth <= high and (size[4], size[5]) == tuple(what.split(",")[0].split(" → ")) else "NO"
    planted_words = what if planted.factor != 1 else "nothing"
    return [*rows, f"| {planted_words} | {ended} | {found} | {held} | {len(results)} | {wall_s:.0f} |"]


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--versions", type=int, default=8)
    words.add_argument("--place", type=int, default=5, help="the first slow version, from 2 on")
    words.add_argument("--factor", type=float, default=1.09)
    words.add_argument("--requests", type=int, default=4, help="of each server start")
    words.add_argument("--minutes", type=float, default=14.0, help="most; what was measured is kept")
    words.add_argument("--out", type=Path, default=Path("planted"), help="folder; the same again goes on")
    options = words.parse_args()
    planted = Planted(
        versions=options.versions, place=options.place - 1, factor=options.factor, requests=options.requests
    )
    if shutil.which("sh") is None or not math.isfinite(options.factor) or options.factor < 1:
        print("a shell and a factor of 1 or more are needed")
        return 2
    folder = options.out.absolute()
    grid = write(folder, planted, engine_python())
    begun = time.monotonic()
    code, output = bisect(grid, folder, planted, options.minutes * 60)
    print(output)
    print("\n".join(told(folder, planted, code, time.monotonic() - begun)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
