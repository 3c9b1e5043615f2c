"""When requests of an open loop are due."""

from __future__ import annotations

import random

from enginebench.records import OpenLoop


def offsets_ns(load: OpenLoop, count: int, seed: int) -> tuple[int, ...]:
    """Due times of `count` requests, ns since the start: a Poisson process, the first at 0, the same for one seed.

    Times are absolute, so that waiting for one never delays the next.
    """
    draw = random.Random(seed)
    at_s = 0.0
    result = []
    for _ in range(count):
        result.append(round(at_s * 1e9))
        at_s += draw.expovariate(load.rate_rps)
    return tuple(result)
