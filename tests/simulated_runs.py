"""Tables of runs with a known truth: curves of five loads, server starts with noise of their own, repeats with more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import builders
from enginebench.store.frames import runs_frame
from stored import a_job, a_run, a_trial

RATE, SPEED = "output_tps_per_accelerator", "interactivity_mean_tps"
LOADS = (1, 2, 4, 8, 16)


def simulated(
    curves: int = 1,
    *,
    starts: tuple[int, int] = (3, 3),
    repeats: int = 3,
    start_noise: float = 0.01,
    shared_noise: float = 0.0,
    repeat_noise: float = 0.005,
    step: float = 0.0,
    seed: int = 1,
    versions: tuple[str, str] = ("1.0", "1.1"),
) -> pd.DataFrame:
    """Runs of `versions` on `curves` curves, a workload each.

    Noise is the standard deviation of logs: of each load of a start, of a whole start, of each repeat. Version two is
    faster by `step`. At `c` in flight a user has 100 / (1 + c / 10) tokens a second, and the server c times that.
    """
    draw = np.random.default_rng(seed)
    template = runs_frame(
        [a_trial("t", [a_run(0, point=i) for i in range(5)], job=a_job(loads=map(builders.closed, LOADS)))]
    )
    trials = sum(starts)
    shape = (curves, trials, len(LOADS), repeats)
    noise = draw.normal(0, shared_noise, (curves, trials, 1, 1)) + draw.normal(0, start_noise, (*shape[:3], 1))
    logs = noise + draw.normal(0, repeat_noise, shape)
    second = np.arange(trials) >= starts[0]
    logs = logs + np.log1p(step) * second[None, :, None, None]
    loads = np.array(LOADS)[None, None, :, None]
    speed = 100 / (1 + loads / 10) * np.exp(logs)
    curve, trial, load, repeat = (axis.ravel() for axis in np.indices(shape))
    frame = template.take(load).reset_index(drop=True)
    columns: dict[str, Any] = {
        "workload": np.char.add("w", curve.astype(str)),
        "trial": np.char.add(np.char.add(curve.astype(str), "-"), trial.astype(str)),
        "repeat": repeat,
        "start": trial,
        "engine_version": np.array(versions)[second.astype(int)][trial],
        "version": np.array(versions)[second.astype(int)][trial],
        RATE: (speed * loads).ravel(),
        SPEED: speed.ravel(),
        "ttft_mean_ns": 1e8 / np.exp(logs).ravel(),
    }
    for name, values in columns.items():
        frame[name] = (
            values if name in ("repeat", "start", RATE, SPEED, "ttft_mean_ns") else pd.Series(values, dtype="str")
        )
    for name in ("series", "curve", "asked", "lineage"):
        frame[name] = frame["workload"] + "-" + frame[name]
    frame["run"] = frame["trial"] + "." + frame["load"] + "." + frame["repeat"].astype("str")
    return frame
