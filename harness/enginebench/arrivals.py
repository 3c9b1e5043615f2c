"""When requests are due: open loops by a rate, in steps, by a trace; the first requests of a closed loop's slots."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Sequence

from enginebench.records import ClosedLoop, OpenLoop, Replay, Segment, Steps

Timed = OpenLoop | Steps | Replay
"""Loads that fix when requests are due, whatever becomes of earlier ones."""


def offsets_ns(load: Timed, count: int, seed: int) -> tuple[int, ...]:
    """Due times of `count` requests, ns since the start: the same for one seed, whatever the engine.

    The first is due at 0, the last at (count − 1) / rate: a Poisson process given that it has so many arrivals in
    that time. The rate is then the one asked for in every run; left to chance, a run of 16 requests misses it by a
    quarter. Times are absolute, so that waiting for one never delays the next. `Steps` and `Replay` have
    most_requests() to give.
    """
    most = most_requests(load)
    assert most is None or count <= most, f"{load.label()} has {most} requests, not {count}"
    if isinstance(load, Replay):
        return load.offsets_ns[:count]
    expected = _expected(load, count, seed)
    if isinstance(load, OpenLoop):
        return tuple(round(arrivals / load.rate_rps * 1e9) for arrivals in expected)
    return _through(load.segments, expected)


def most_requests(load: Timed) -> int | None:
    """How many requests a load has by itself; null: as many as are asked for."""
    if isinstance(load, OpenLoop):
        return None
    return len(load.offsets_ns) if isinstance(load, Replay) else load.requests


def span_s(load: Timed, count: int) -> float:
    """Seconds from the start until the last of `count` requests is due, near enough for a plan."""
    if isinstance(load, OpenLoop):
        return count / load.rate_rps
    return load.offsets_ns[-1] / 1e9 if isinstance(load, Replay) else sum(item.duration_s for item in load.segments)


def slot_offsets_ns(load: ClosedLoop, spread_ns: int) -> tuple[int, ...]:
    """When each slot of a closed loop sends its first request, ns since the start: evenly over `spread_ns`.

    A slot's next request follows the end of its last one, so equal requests stay as far apart as they began. All at
    once they would stay at once: a prefill of the whole batch, then nothing but decoding, in turns, and one burst of
    work for the client at every turn.
    """
    return tuple(slot * spread_ns // load.concurrency for slot in range(load.concurrency))


def _expected(load: OpenLoop | Steps, count: int, seed: int) -> list[float]:
    """For each request, how many arrivals the rate would have brought before it: 0 to `count` − 1, in order."""
    if load.arrivals == "constant":
        return [float(index) for index in range(count)]
    gaps = _gaps(load, count - 1, seed)
    total = sum(gaps)
    scale = (count - 1) / total if total else 0.0
    return [at * scale for at in itertools.accumulate(gaps, initial=0.0)][:count]


def _gaps(load: OpenLoop | Steps, count: int, seed: int) -> list[float]:
    """Gaps of mean 1: exponential, or gamma of the burstiness; one seed draws the same chances for both."""
    draw = random.Random(seed)
    if load.arrivals == "poisson":
        return [draw.expovariate(1.0) for _ in range(count)]
    # Here because its import takes as long as the rest of the start.
    from scipy.special import gammaincinv

    shape = 1.0 if load.burstiness is None else load.burstiness
    return [float(gammaincinv(shape, draw.random())) / shape for _ in range(count)]


def _through(segments: Sequence[Segment], expected: Sequence[float]) -> tuple[int, ...]:
    """Each number of expected arrivals to the time at which the segments' rates have brought so many, ns."""
    arrived = list(itertools.accumulate((segment.requests for segment in segments), initial=0.0))
    begun_s = list(itertools.accumulate((segment.duration_s for segment in segments), initial=0.0))
    times = []
    for number in expected:
        # The last segment that begins with no more arrivals than these: pauses bring none and are passed over.
        index = min(bisect.bisect_right(arrived, number), len(segments)) - 1
        times.append(round((begun_s[index] + _inside(segments[index], number - arrived[index])) * 1e9))
    return tuple(times)


def _inside(segment: Segment, number: float) -> float:
    """Seconds into a segment until it has brought `number` arrivals: the root of rate·t + slope·t²/2 = number."""
    slope = (segment.end_rps - segment.rate_rps) / segment.duration_s
    root = segment.rate_rps + math.sqrt(max(0.0, segment.rate_rps**2 + 2 * slope * number))
    return min(2 * number / root, segment.duration_s) if root else 0.0
