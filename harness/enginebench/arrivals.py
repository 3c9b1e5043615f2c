"""When requests of an open loop are due."""

from __future__ import annotations

import itertools
import random

from enginebench.records import OpenLoop


def offsets_ns(load: OpenLoop, count: int, seed: int) -> tuple[int, ...]:
    """Due times of `count` requests, ns since the start: a Poisson process, the same for one seed.

    The first is due at 0, the last at (count − 1) / rate: a Poisson process given that it has so many arrivals in
    that time. The rate is then the one asked for in every run; left to chance, a run of 16 requests misses it by a
    quarter. Times are absolute, so that waiting for one never delays the next.
    """
    draw = random.Random(seed)
    gaps = [draw.expovariate(1.0) for _ in range(count - 1)]
    scale_ns = (count - 1) / load.rate_rps / sum(gaps) * 1e9 if gaps else 0.0
    return tuple(round(at * scale_ns) for at in itertools.accumulate(gaps, initial=0.0))[:count]
