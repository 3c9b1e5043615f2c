"""Other projects' rules over nights, run in an environment of their own: `python change_peers.py IN.npz OUT.json`.

Each rule sees the nights one by one, as a nightly system does: an alarm is a change point that was not told before.
Conbench's and the fixed rule are a formula each and re-implemented here: the first is part of a server that wants a
database, the second no program at all.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

FEWER = {"asv step detection, ≥ 2 %": 20}
"""Rules that take so long that only so many series of a cell are shown to them."""
SAME = 5
"""Nights within which a change point counts as the one that was told before."""


def otava(after: int) -> Callable[[np.ndarray], list[int]]:
    """Apache Otava (E-divisive with t-test), window 50, p 1e-4, at least 2 %, `after` nights after the step."""
    from otava.analysis import compute_change_points

    def rule(logs: np.ndarray) -> list[int]:
        # It wants Python's own numbers.
        found, _ = compute_change_points([float(v) for v in np.exp(logs)], 50, 1e-4, 0.02)
        return [point.index for point in found if len(logs) - point.index >= after]

    return rule


def pelt(logs: np.ndarray) -> list[int]:
    """ruptures' PELT, l2, on logs in units of their noise (MAD of differences), penalty 6 log n / 2."""
    import ruptures

    noise = np.median(np.abs(np.diff(logs))) * 1.4826 / np.sqrt(2) or 1.0
    found = (
        ruptures.KernelCPD(kernel="linear", min_size=2)
        .fit(logs[:, None] / noise)
        .predict(pen=6 * np.log(len(logs)) / 2)
    )
    return [int(index) for index in found[:-1]]


def asv(logs: np.ndarray) -> list[int]:
    """asv's step detection; steps of at least 2 %."""
    from asv.step_detect import detect_steps

    steps = detect_steps([float(v) for v in np.exp(logs)])
    return [new[0] for old, new in pairwise(steps) if abs(np.log(new[2] / old[2])) >= 0.02]


def conbench(z: float) -> Callable[[np.ndarray], list[int]]:
    """Conbench's look-back z-score: last night against mean and deviation of those before (a formula of its docs)."""

    def rule(logs: np.ndarray) -> list[int]:
        before = logs[:-1]
        deviation = before.std(ddof=1)
        return [len(logs) - 1] if abs(logs[-1] - before.mean()) > z * deviation else []

    return rule


def fixed(logs: np.ndarray) -> list[int]:
    """5 % off last night."""
    return [len(logs) - 1] if abs(logs[-1] - logs[-2]) > np.log(1.05) else []


RULES: dict[str, Callable[[], Callable[[np.ndarray], list[int]]]] = {
    "Otava w50 p 1e-4, ≥ 2 %": lambda: otava(1),
    "the same, ≥ 3 nights after the step": lambda: otava(3),
    "ruptures PELT l2, pen 6 log(n)/2": lambda: pelt,
    "asv step detection, ≥ 2 %": lambda: asv,
    "conbench look-back z = 3": lambda: conbench(3),
    "conbench look-back z = 5": lambda: conbench(5),
    "fixed 5 % against last night": lambda: fixed,
}


def alarms(rule: Callable[[np.ndarray], list[int]], series: np.ndarray, start: int) -> Iterator[tuple[int, int]]:
    """Night it was told in, and first night after the step, of each alarm from night `start` on."""
    told: list[int] = []
    for night in range(start, len(series)):
        for index in rule(series[: night + 1]):
            if all(abs(index - one) > SAME for one in told):
                told.append(index)
                yield night, int(index)


def main() -> None:
    asked, out = np.load(sys.argv[1]), sys.argv[2]
    start = int(asked["start"])
    found: dict[str, dict[str, object]] = {}
    for name, made in RULES.items():
        try:
            rule = made()
        except ImportError as error:
            found[name] = {"reason": str(error)}
            continue
        began = time.process_time()
        told = {
            key: [[list(pair) for pair in alarms(rule, series, start)] for series in asked[key][: FEWER.get(name)]]
            for key in asked.files
            if key != "start"
        }
        found[name] = {"alarms": told, "cpu_s": time.process_time() - began}
        print(f"{name}: {found[name]['cpu_s']:.1f} s", file=sys.stderr)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
