"""Stored runs in the shape of `vllm bench serve --save-result`: an object a line, as `--append-result` writes them.

Figures are the stored ones by our definitions (docs/metrics.md), counts and deviations are taken from the stored
requests; what the store lacks is null. Ours stands under the one key `enginebench`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from enginebench.metrics import vllm_keys
from enginebench.records import ClosedLoop, Load, OpenLoop, Request, Result, Run, plain

if TYPE_CHECKING:
    import pandas as pd

    from enginebench.store.store import Store

FORMAT = "enginebench.run/1"
_BACKENDS = {"completions": "openai", "chat": "openai-chat"}
"""API asked to vLLM's name for it."""


def lines(store: Store, runs: pd.DataFrame) -> Iterator[str]:
    """A JSON object for each of `runs`, rows of the store's table of runs, in their order, a trial at a time."""
    for trial, rows in runs.groupby("trial", sort=False):
        result = store.result(str(trial))
        requests = _requests(store, result.attempt.night, str(trial))
        known = {run.id: run for run in result.runs}
        for name, invalid in zip(rows["run"], rows["invalid"], strict=True):
            yield json.dumps(_object(result, known[name], requests.get(name), invalid), allow_nan=False)


def _object(result: Result, run: Run, requests: tuple[Request, ...] | None, invalid: str) -> dict[str, Any]:
    """One run; `requests` is null where the store keeps none of it any more, `invalid` empty where it counts."""
    deployment, point = result.attempt.job.deployment, result.attempt.job.points[run.point]
    goodput_rps = run.metrics.get("goodput_rps")
    measured = vllm_keys.Measured(requests=requests or (), duration_ns=run.duration_ns, goodput_rps=goodput_rps)
    counted = {**vllm_keys.totals([measured]), **vllm_keys.latencies(measured.requests)}
    if requests is None:
        counted = dict.fromkeys(counted) | {"duration": counted["duration"]}
    head = vllm_keys.head(
        at=datetime.fromisoformat(run.started_utc),
        backend=_BACKENDS[point.workload.api],
        model=deployment.model.name,
        tokenizer=None,
        requests=None if requests is None else len(requests),
        **_load(point.load),
    )
    told = {
        "format": FORMAT,
        "version": result.environment.harness_version,
        "night": result.attempt.night,
        "trial": result.trial,
        "run": run.id,
        "engine": deployment.engine,
        "engine_version": deployment.engine_version,
        "devices": deployment.devices,
        "workload": plain(point.workload),
        "load": plain(point.load),
        "window_ns": plain(run.window_ns),
        "metrics": plain(run.metrics),
        "absent": plain(run.absent),
        "marks": list(run.marks),
        "invalid": invalid,
        "reproduces": result.attempt.reproduces,
    }
    return {**head, **counted, **vllm_keys.stored(run.metrics, deployment.devices), "enginebench": told}


def _load(load: Load) -> dict[str, Any]:
    """How requests arrived; steps and replays are no rate that vLLM's client could be asked for."""
    if isinstance(load, ClosedLoop):
        return {"request_rate": "inf", "burstiness": None, "max_concurrency": load.concurrency}
    if not isinstance(load, OpenLoop):
        return {"request_rate": None, "burstiness": None, "max_concurrency": None}
    burstiness = {"poisson": 1.0, "gamma": load.burstiness, "constant": None}[load.arrivals]
    return {"request_rate": load.rate_rps, "burstiness": burstiness, "max_concurrency": None}


def _requests(store: Store, night: str, trial: str) -> Mapping[str, tuple[Request, ...]]:
    """Requests of a trial by run, without those of a run, or times of events, that retention has dropped."""
    if "requests" not in store.view(only=[night]).tables(night, trial):
        return {}
    frame = store.requests(trial)
    names = [item.name for item in fields(Request) if item.name in frame.columns]
    found: dict[str, list[Request]] = {}
    for row in frame[names].to_dict("records"):
        cells = {str(name): _value(cell) for name, cell in row.items()}
        found.setdefault(cells["run"], []).append(Request(**{**cells, "event_ns": cells.get("event_ns") or ()}))
    return {run: tuple(rows) for run, rows in found.items()}


def _value(cell: Any) -> Any:
    """A cell of a table as a record has it: a list as a tuple, and null for what pandas writes as NaN or NA."""
    import pandas as pd

    if pd.api.types.is_list_like(cell):
        return tuple(getattr(cell, "tolist", lambda: cell)())
    return None if pd.isna(cell) else cell
