"""How long a plan takes: from what was measured before, else from the part's memory bandwidth."""

from __future__ import annotations

from collections.abc import Mapping

from enginebench import arrivals
from enginebench.config import Hardware
from enginebench.records import Attempt, ClosedLoop, Deployment, Point, identify

START_S = 60.0
"""Assumed time to a healthy server where none was measured (vLLM on two CPU cores: 17 to 49 s, 2026-11-24)."""
_ASSUMED_BANDWIDTH = 1e12


def run_seconds(deployment: Deployment, point: Point, part: Hardware | None, measured: Mapping[str, float]) -> float:
    """Seconds one run takes: the series' median so far, else its active weights read once a step at peak bandwidth.

    The second is an upper bound on speed, so the estimate of a series never measured is a lower bound on time.
    """
    (identity,) = identify(deployment, [point])
    known = measured.get(identity.series)
    if known is not None:
        return known
    weights = deployment.model.step_bytes(deployment.precision)
    bandwidth = part.memory_bandwidth_bytes_per_s.value if part else _ASSUMED_BANDWIDTH
    step_s = weights / (bandwidth * deployment.devices)
    request_s = step_s * point.workload.osl_tokens
    load = point.load
    if not isinstance(load, ClosedLoop):
        return max(arrivals.span_s(load, point.requests), request_s)
    waves_s = request_s * -(-point.requests // load.concurrency)
    spread_s = 0.0 if load.start == "convoy" else load.ramp_s or request_s
    # The last slot begins its first request that much later than the first one does.
    return max(waves_s, point.at_least_s) + spread_s * (load.concurrency - 1) / load.concurrency


def job_seconds(attempt: Attempt, part: Hardware | None, measured: Mapping[str, float]) -> float:
    """Seconds one attempt takes on its devices: server start, warm-up of each point, the runs that are due."""
    job = attempt.job
    total = START_S
    for index in {key.point for key in attempt.runs}:
        point = job.points[index]
        once = run_seconds(job.deployment, point, part, measured)
        repeats = sum(key.point == index for key in attempt.runs)
        total += once * (repeats + point.warmup_requests / point.requests)
    return total
