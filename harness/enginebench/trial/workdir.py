"""The folder a trial writes into: aside while it works, renamed when complete, salvaged when its writer was killed.

While working, `<out>.partial/` holds `job.json`, `state.json`, `server.log`, `telemetry.jsonl`, `engine.jsonl` and one
pair of files a finished run under `runs/`. Finished, `<out>/` holds `job.json`, `requests.parquet`,
`telemetry.parquet`, `engine.parquet`, `server.log` and `result.json`. `quality.parquet` is in both
once the quality gate has asked.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import IO, Literal

from enginebench import scrape, tables, telemetry
from enginebench.errors import mistake
from enginebench.records import (
    Attempt,
    EngineInfo,
    Environment,
    Failure,
    PointStop,
    Quality,
    Request,
    Result,
    Run,
    record,
)
from enginebench.records.files import read, to_json

Stage = Literal["provision", "model", "start", "quality", "warmup", "measure", "done"]


@record
class State:
    """What is known of a trial so far; on disk at every change, so that a kill loses nothing."""

    format: Literal["enginebench.state/1"] = "enginebench.state/1"
    trial: str
    attempt: Attempt
    environment: Environment
    started_utc: str
    stage: Stage = "provision"
    engine: EngineInfo | None = None
    stage_ns: Mapping[str, int] = field(default_factory=dict)
    quality: Quality | None = None
    stops: tuple[PointStop, ...] = ()


class Workdir:
    """One trial's folder, locked by the process that writes it."""

    def __init__(self, out: Path, state: State) -> None:
        """Make `<out>.partial`; raises UserError if `out` is there or someone is writing it."""
        if out.exists():
            raise mistake(str(out), "already there", "name a new folder; results are never overwritten")
        self.out = out
        self.path = partial(out)
        self.state = state
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.path)
        (self.path / "runs").mkdir()
        _write(self.path / "job.json", to_json(state.attempt))
        _write(self.path / "state.json", to_json(state))

    def update(self, **changes: object) -> None:
        """Set fields of the state and write it."""
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]
        _write(self.path / "state.json", to_json(self.state))

    def add(self, run: Run, requests: Sequence[Request]) -> None:
        """Keep one finished run; its JSON is written last and marks it whole."""
        stem = self.path / "runs" / f"{run.position:05}"
        tables.write_requests(requests, stem.with_suffix(".parquet"), chunk_times=self.state.attempt.chunk_times)
        _write(stem.with_suffix(".json"), to_json(run))

    def finish(self, status: Literal["complete", "failed", "interrupted"], failure: Failure | None) -> Result:
        """Write tables and `result.json`, rename the folder into place, and give the result."""
        result = _finish(self.path, self.out, self.state, status, failure)
        self._lock.close()
        return result


def partial(out: Path) -> Path:
    """Where a trial works until it is renamed to `out`."""
    return out.with_name(out.name + ".partial")


def salvage(path: Path) -> Path | None:
    """Finish the `.partial` folder of a trial that was killed, as interrupted; gives the finished folder.

    Null if its writer still lives, or if it was killed before it had written anything of use (then it is removed).
    """
    try:
        lock = _lock(path)
    except BlockingIOError:
        return None
    with lock:
        if not (path / "state.json").exists():
            shutil.rmtree(path)
            return None
        state = read(State, path / "state.json")
        out = path.with_name(path.name.removesuffix(".partial"))
        if out.exists():
            out = out.with_name(f"{out.name}-{state.trial}")
        failure = Failure(failure_class="interrupted", message="the trial was killed", log_tail=_tail(path))
        _finish(path, out, state, "interrupted", failure)
        return out


def _finish(
    path: Path,
    out: Path,
    state: State,
    status: Literal["complete", "failed", "interrupted"],
    failure: Failure | None,
) -> Result:
    markers = sorted((path / "runs").glob("*.json"))
    runs = tuple(_marked(read(Run, marker), state.quality) for marker in markers)
    rows = [tables.read_table(marker.with_suffix(".parquet"), "requests") for marker in markers]
    tables.write_table(tables.joined("requests", rows), path / "requests.parquet")
    log = path / "telemetry.jsonl"
    tables.write_telemetry(telemetry.read(log) if log.exists() else [], path / "telemetry.parquet")
    log.unlink(missing_ok=True)
    told = path / "engine.jsonl"
    tables.write_engine(scrape.read(told), path / "engine.parquet")
    told.unlink(missing_ok=True)
    result = Result(
        trial=state.trial,
        job_id=state.attempt.job.id,
        attempt=state.attempt,
        status=status,
        stage=state.stage,
        failure=failure,
        environment=state.environment,
        engine=state.engine,
        started_utc=state.started_utc,
        stage_ns=state.stage_ns,
        runs=runs,
        quality=state.quality,
        stops=state.stops,
    )
    _write(path / "result.json", to_json(result))
    shutil.rmtree(path / "runs")
    for name in ("state.json", "lock"):
        (path / name).unlink()
    path.rename(out)
    return result


def _marked(run: Run, quality: Quality | None) -> Run:
    """A run of a server that gave wrong answers says so, whichever pass of the gate found it."""
    if quality is None or quality.passed is not False:
        return run
    return replace(run, marks=(*run.marks, "failed_quality"))


def _tail(path: Path, size: int = 8192) -> str:
    log = path / "server.log"
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode(errors="replace")


def _lock(path: Path) -> IO[str]:
    """Held until closed or until the process dies; raises BlockingIOError while another process holds it."""
    file = (path / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    return file


def _write(path: Path, text: str) -> None:
    aside = path.with_suffix(".tmp")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
