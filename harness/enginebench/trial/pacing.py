"""How the warm-up paces a run: how far apart its slots begin and how many requests it needs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from enginebench import arrivals
from enginebench.records import ClosedLoop, Load, Point, Request

_ENDLESS = 100
"""A run never sends more than so many times its planned requests, however fast the warm-up was."""


def request_ns(requests: Sequence[Request]) -> int | None:
    """Median time from send to last token of the requests that ended well, ns; null: none did."""
    took_ns = [r.last_token_ns - r.sent_ns for r in requests if r.status == "ok" and r.last_token_ns is not None]
    return round(float(np.median(took_ns))) if took_ns else None


def spread_ns(load: Load, expected_ns: int | None) -> int | None:
    """Time to spread the first sends of a closed loop's slots over, ns; 0: all at once; null: no closed loop.

    `expected_ns` is what a request took in the warm-up; where that is not known all slots begin at once.
    """
    if not isinstance(load, ClosedLoop):
        return None
    if load.start == "convoy" or load.concurrency == 1:
        return 0
    return round(load.ramp_s * 1e9) if load.ramp_s is not None else expected_ns or 0


def slot_offsets_ns(load: Load, spread_ns: int | None) -> tuple[int, ...] | None:
    """When each slot sends its first request, ns since the start; null: all at once."""
    return arrivals.slot_offsets_ns(load, spread_ns) if spread_ns and isinstance(load, ClosedLoop) else None


def requests(point: Point, expected_ns: int | None) -> int:
    """Requests that a run sends: the point's, or as many more as its shortest time takes by the warm-up's speed."""
    if not isinstance(point.load, ClosedLoop) or not point.at_least_s or not expected_ns:
        return point.requests
    each_slot = -(-round(point.at_least_s * 1e9) // expected_ns)
    return max(point.requests, min(each_slot * point.load.concurrency, _ENDLESS * point.requests))


def marks(point: Point, spread_ns: int | None, duration_ns: int) -> tuple[str, ...]:
    """`convoy`: slots that were to be spread began at once; `short_run`: over before its shortest time."""
    load = point.load
    asked = isinstance(load, ClosedLoop) and load.start == "spread" and load.concurrency > 1
    found = {"convoy": asked and spread_ns == 0, "short_run": duration_ns < point.at_least_s * 1e9}
    return tuple(name for name, there in found.items() if there)
