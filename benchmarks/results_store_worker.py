"""A process of `results_store.py writers`: writes, tends, reads or checks a store, and tells of it in a file.

python results_store_worker.py write|tend|read|check|prepare FORMAT PLACE WORK [WRITER|AGE]

WORK holds the trials as folders (`trials/<writer>/<name>`), a file of lines of each process (`<role>.jsonl`), `go`, on
which writers begin, and `stop`, on which the others end. A killed process is started again and goes on by its file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import results_store_formats as formats

TRIES = 20
PAUSE_S = 0.5
"""Between two rounds of tending or reading."""


class Told:
    """A file of lines, each brought to disk before the process goes on."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)

    def tell(self, event: str, **more: Any) -> None:
        os.write(self.file, (json.dumps({"event": event, **more}) + "\n").encode())
        os.fsync(self.file)


def told(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def acknowledged(work: Path) -> set[str]:
    """Trials that any writer has been told are kept."""
    lines = [line for path in work.glob("write-*.jsonl") for line in told(path)]
    return {line["trial"] for line in lines if line["event"] == "acknowledged"}


def write(store: formats.Format, work: Path, writer: str) -> None:
    path = work / f"write-{writer}.jsonl"
    before = told(path)
    kept = {line["trial"] for line in before if line["event"] == "acknowledged"}
    unsure = {line["trial"] for line in before if line["event"] == "begun"} - kept
    to = Told(path)
    (work / f"ready-{writer}").touch()
    while not (work / "go").exists():
        time.sleep(0.002)
    for folder in sorted((work / "trials" / writer).iterdir()):
        if folder.name in kept:
            continue
        trial = formats.Trial.of(folder)
        to.tell("begun", trial=trial.name)
        begun = time.perf_counter()
        for left in reversed(range(TRIES)):
            try:
                if trial.name not in unsure or not store.has(trial.name):
                    store.commit(trial)
                break
            except Exception as error:
                # Each library has errors of its own; all of them are counted.
                to.tell("failed", trial=trial.name, words=f"{type(error).__name__}: {error}"[:300])
                unsure.add(trial.name)
                if not left:
                    raise
        to.tell("acknowledged", trial=trial.name, ms=(time.perf_counter() - begun) * 1e3)


def rounds(to: Told, work: Path, what: Any) -> None:
    """Do it again and again until told to stop; what it gives and how long it took is told."""
    while not (work / "stop").exists():
        to.tell("begun")
        begun = time.perf_counter()
        try:
            more = what() or {}
        except Exception as error:  # noqa: BLE001  each library has errors of its own; all of them are counted
            to.tell("failed", words=f"{type(error).__name__}: {error}"[:300])
        else:
            to.tell("done", ms=(time.perf_counter() - begun) * 1e3, **more)
        time.sleep(PAUSE_S)


def read(store: formats.Format, work: Path) -> dict[str, int]:
    """Whether all that was acknowledged before is seen, and once."""
    wanted = acknowledged(work)
    found = Counter(name for name, _ in store.results())
    return {"lost": len(wanted - set(found)), "twice": sum(count > 1 for count in found.values())}


def check(store: formats.Format, work: Path) -> dict[str, Any]:
    """Each trial that is there held against what was written."""
    wanted, folders = acknowledged(work), {path.name: path for path in (work / "trials").glob("*/*")}
    found = list(store.results())
    counts = Counter(name for name, _ in found)
    torn = sorted(name for name, wrong in _wrong(store, found, folders) if wrong)
    result: dict[str, Any] = {
        "trials": len(counts),
        "lost": sorted(wanted - set(counts)),
        "twice": sorted(name for name, count in counts.items() if count > 1),
        "torn": torn,
        "unacknowledged": len(set(counts) - wanted),
    }
    if isinstance(store, formats.Ours):
        runs = Counter(store.runs())
        result["runs_missing"] = sorted(set(counts) - {trial for trial, _ in runs})
        result["twice"] += sorted(run for (_, run), count in runs.items() if count > 1)
    return result


def _wrong(store: formats.Format, found: list[Any], folders: dict[str, Path]) -> Iterator[tuple[str, bool]]:
    for name, result in found:
        trial = formats.Trial.of(folders[name])
        same = result == trial.result and formats.same(store.requests(name), trial.requests)
        yield name, not same


def main() -> None:
    role, kind, place, where, *more = sys.argv[1:]
    store, work = formats.FORMATS[kind](place), Path(where)
    if role == "prepare":
        store.prepare(formats.Trial.of(next((work / "trials").glob("*/*"))))
    elif role == "write":
        write(store, work, more[0])
    elif role == "tend":
        rounds(Told(work / "tend.jsonl"), work, lambda: store.tend(float(more[0])))
    elif role == "read":
        rounds(Told(work / "read.jsonl"), work, lambda: read(store, work))
    else:
        if more:
            store.tend(float(more[0]))
        print(json.dumps(check(store, work)))


if __name__ == "__main__":
    main()
