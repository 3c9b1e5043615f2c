"""A bisection of versions whose truth is known: blocks of server starts made up, until the search ends."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from enginebench.analysis.anytime import Pair
from enginebench.analysis.bisect import Evidence, Rule, Search, search


def simulate(
    rng: random.Random,
    truth: Sequence[float],
    noise: float | Sequence[float],
    rule: Rule,
    *,
    drift: float = 0.0,
    outliers: float = 0.0,
    unusable: Collection[int] = (),
) -> tuple[Search, int, Mapping[Pair, list[float]]]:
    """Search versions whose figure has these logs; gives the end, the server starts it took, and the evidence.

    A start's figure is off by `noise`; all fall by `drift` over 100 starts; the share `outliers` of starts is 10 %
    slow. That a version is `unusable` shows in the first block with it.
    """
    logs: dict[Pair, list[float]] = defaultdict(list)
    known: set[int] = set()
    starts = 0

    def start(version: int) -> float:
        nonlocal starts
        starts += 1
        off = rng.gauss(0, noise if isinstance(noise, float) else noise[version])
        return truth[version] + off - drift * starts / 100 - (0.1 if rng.random() < outliers else 0.0)

    while True:
        found = search(Evidence(versions=len(truth), logs=logs, unusable=frozenset(known)), rule)
        if found.status != "measure":
            return found, starts, logs
        first, second = found.pair
        bad = {first, second} & set(unusable)
        if bad:
            known |= bad
            continue
        # A B, B A, …: as `enginebench compare --run` measures.
        forth = len(logs[found.pair]) % 2 == 0
        figures = {one: start(one) for one in (found.pair if forth else reversed(found.pair))}
        logs[found.pair].append(figures[second] - figures[first])


def outcomes(
    seed: object, tries: int, versions: int, noise: float, step: float, rule: Rule, *, steps: int = 1, **world: float
) -> tuple[Counter[str], float]:
    """How many of so many searches ended how, and the mean number of server starts; the steps are at random places."""
    rng = random.Random(str(seed))
    ends: Counter[str] = Counter()
    starts = 0
    for _ in range(tries):
        places = [rng.randrange(1, versions) for _ in range(steps)]
        truth = [-step / steps * sum(place <= one for place in places) for one in range(versions)]
        found, taken, _ = simulate(rng, truth, noise, rule, **world)
        starts += taken
        right = bool(step) and found.pair[1] in places
        ends[("right" if right else "wrong") if found.status == "named" else found.status] += 1
    return ends, starts / tries
