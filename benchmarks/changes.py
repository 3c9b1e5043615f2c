"""Do we find planted steps in nightly series, and how often do we cry wolf? Against other projects' rules.

python benchmarks/changes.py target     # the target: a curve of five points, each reading of its autocorrelation
python benchmarks/changes.py peers      # FIELD's table: single series, and the target's curves, every rule
python benchmarks/changes.py speed      # 10,000 series × 365 nights
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from nightly import READINGS, Nights, World

from enginebench import assets
from enginebench.analysis.changes import pool
from enginebench.analysis.changes.detect import Judged, Rule, judge
from enginebench.errors import TrialError, UserError
from enginebench.provision import uv

HERE = Path(__file__).parent
PINS = ("apache-otava==0.8.0", "ruptures==1.1.10", "asv==0.6.6")
CASES = (
    ("points", 0.5, 150, True),
    ("states", 1.0, 150, True),
    ("innovations", 1.0, 150, True),
    ("nights", 1.0, 150, True),
    ("points", 0.5, 60, True),
    ("points", 0.5, 150, False),
    ("points", 0.0, 150, True),
    ("states", 0.5, 150, True),
    ("nights", 0.5, 150, True),
    ("points", None, 150, True),
    ("nights", None, 150, True),
)
"""Reading, what an older build shares (none: it is not measured), nights before the step, whether outliers stay."""
STEPS = ((0.05, 2), (0.03, 4), (0.02, 7))
"""Sizes and nights after a step's first within which it is to be confirmed."""


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    def __str__(self) -> str:
        low, high = wilson(self.hits, self.of)
        return f"{self.hits / self.of:.1%} [{low:.1%}, {high:.1%}]"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    z2, share = 1.96**2, hits / of
    middle = (share + z2 / 2 / of) / (1 + z2 / of)
    half = 1.96 / (1 + z2 / of) * np.sqrt(share * (1 - share) / of + z2 / 4 / of**2)
    return middle - half, middle + half


def rate(count: int, nights: int) -> str:
    """Per 1,000, with the exact 95 % interval of a Poisson count."""
    from scipy.special import gammaincinv

    low = 0.0 if not count else float(gammaincinv(count, 0.025))
    high = float(gammaincinv(count + 1, 0.975))
    return f"{count / nights * 1000:.2f} [{low / nights * 1000:.2f}, {high / nights * 1000:.2f}]"


def judged(nights: Nights, rule: Rule) -> Judged:
    """Our verdicts on simulated curves, pooled point by point and measured again where asked: every night is of a build
    of its own, so that an older one is measured beside it, unless the world has none."""
    beside = nights.world.machine is not None
    pools = [pool.fit(curve) for curve in nights.values]
    curves = np.stack([made.of(values) for made, values in zip(pools, nights.values, strict=True)])

    def made(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.stack([pools[row].of(runs) for row, runs in zip(rows, values, strict=True)])

    def again(night: int, rows: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        newest = made(rows, nights.again(night, rows, rule.pairs if beside else rule.reruns))
        older = made(rows, nights.beside(night, rows, rule.pairs, before)) if beside else newest[:, :0]
        return newest, older

    versions = np.tile(np.arange(curves.shape[1]), (len(curves), 1)) if beside else None
    return judge(curves, ask=again, rule=rule, versions=versions)


def quiet(world: World, curves: int, nights: int, seed: int, rule: Rule) -> tuple[int, int, int]:
    """False alarms, curve-nights and reruns where nothing is planted."""
    done = judged(Nights(world, curves, nights, seed), rule)
    return sum(one.status == "confirmed" for one in done.changes), curves * nights, int(done.reruns.sum())


def found(
    world: World, curves: int, seed: int, rule: Rule, step: float, within: int, history: int
) -> tuple[Share, Share]:
    """Steps confirmed within so many nights after the first, and how many of their intervals hold the truth."""
    at = np.random.default_rng(seed).integers(history, history + 20, curves)
    nights = Nights(world, curves, history + 20 + within + 1, seed + 1, step=step, at=at)
    right, covered = set(), 0
    for one in judged(nights, rule).changes:
        row = one.row
        in_time = at[row] <= one.found <= at[row] + within and one.size * nights.sign[row] > 0
        if one.status == "confirmed" and in_time and row not in right:
            right.add(row)
            covered += abs(one.size - step * nights.sign[row]) <= 1.96 * one.error
    return Share(len(right), curves), Share(covered, max(len(right), 1))


def target(size: int, only: Sequence[str]) -> None:
    """The target's table, a row a reading."""
    rule = Rule()
    words = " | ".join(f"{step:.0%} within {within}" for step, within in STEPS)
    print(
        f"| reading | older build shares | history | outlier in reruns | {words} | intervals that hold the 3 % | "
        "false alarms / 1,000 | server starts / 1,000 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for number, (reading, machine, history, stays) in enumerate(CASES):
        if reading not in only:
            continue
        world = World(reading=reading, outlier_stays=stays, machine=machine)
        wrong, nights, reruns = quiet(world, size // 4, 365, 7000 + number, rule)
        shares = [found(world, size, 8000 + 10 * number, rule, step, within, history) for step, within in STEPS]
        share = "not measured" if machine is None else f"{machine:.0%}"
        print(
            f"| {reading} | {share} | {history} | {'yes' if stays else 'no'} | "
            f"{' | '.join(str(one) for one, _ in shares)} | "
            f"{shares[1][1]} | {rate(wrong, nights)} | {reruns / nights * 1000:.0f} |",
            flush=True,
        )
    for reading, meaning in READINGS.items():
        print(f"\n- {reading}: {meaning}")
    print(f"\n{size} curves a share, {size // 4 * 365} curve-nights for alarms, 95 % intervals.")


SINGLE = replace(World(), points=1, autocorrelation=0.0, outliers=0.0, drift=0.0, noise=0.01)
FALSE = {
    "noise 1 %": SINGLE,
    "noise 3 %": replace(SINGLE, noise=0.03),
    "outlier nights": replace(SINGLE, outliers=0.02),
    "autocorrelated": replace(SINGLE, autocorrelation=0.5),
    "drift": replace(SINGLE, drift=0.02 / 60),
    "target's curve": World(),
}
"""Where nothing is planted: one value a night, and the mean of the target's curve."""
POWER = {
    "3 %@1 %": (SINGLE, 0.03, 7),
    "5 %@1 %": (SINGLE, 0.05, 7),
    "5 %@3 %": (replace(SINGLE, noise=0.03), 0.05, 7),
    "curve 5 % in 2": (World(), 0.05, 2),
    "curve 3 % in 4": (World(), 0.03, 4),
    "curve 2 % in 7": (World(), 0.02, 7),
}
"""World, step, nights after its first within which it is to be found."""
START, LENGTH, AT = 20, 60, 44


def _worlds(size: int) -> tuple[dict[str, Nights], dict[str, Nights]]:
    """Series without and with a step at night 44."""
    at = np.full(size, AT)
    quiet_ones = {name: Nights(world, size, LENGTH, 7) for name, world in FALSE.items()}
    return quiet_ones, {name: Nights(w, size, LENGTH, 8, step=step, at=at) for name, (w, step, _) in POWER.items()}


def _ours(size: int) -> str:
    """Our row of the table."""
    worlds, planted = _worlds(size)
    began, asked, cells = time.process_time(), 0, []
    for nights in worlds.values():
        done = judged(nights, Rule())
        asked += int(done.reruns.sum())
        count = sum(one.status == "confirmed" and one.found >= START for one in done.changes)
        cells.append(f"{count / size / (LENGTH - START) * 1000:.1f}")
    for name, nights in planted.items():
        within = POWER[name][2]
        rows = {
            one.row
            for one in judged(nights, Rule()).changes
            if one.status == "confirmed" and AT <= one.found <= AT + within and one.size * nights.sign[one.row] > 0
        }
        cells.append(f"{len(rows) / size:.2f}")
    price = asked / (len(worlds) * size * LENGTH) * 1000
    return f"{' | '.join(cells)} | {price:.0f} | {time.process_time() - began:.0f}"


def peers(size: int) -> None:
    """FIELD's table: alarms per 1,000 nights from the 20th of 60 on, and steps at night 44 found in time."""
    worlds, planted = _worlds(size)
    print(f"| rule | {' | '.join([*FALSE, *POWER])} | reruns / 1,000 | CPU-s |")
    print("|---" * (len(FALSE) + len(POWER) + 3) + "|")
    print(f"| enginebench | {_ours(size)} |", flush=True)
    print(f"| enginebench, {10 * size} series a cell | {_ours(10 * size)} |", flush=True)
    for name, said in _others({**worlds, **planted}).items():
        if "reason" in said:
            print(f"| {name} | {said['reason']} |")
            continue
        told = said["alarms"]
        seen = len(told[next(iter(worlds))])
        cells = [f"{sum(map(len, told[key])) / seen / (LENGTH - START) * 1000:.1f}" for key in worlds]
        for key in planted:
            near = [any(AT <= n <= AT + POWER[key][2] and abs(i - AT) <= 3 for n, i in row) for row in told[key]]
            cells.append(f"{np.mean(near):.2f}")
        few = f" ({seen} series a cell)" if seen < size else ""
        print(f"| {name}{few} | {' | '.join(cells)} | – | {said['cpu_s']:.0f} |")
    print(f"\n{size} series of {LENGTH} nights a cell; {size * (LENGTH - START)} nights for alarms.")


def _others(series: dict[str, Nights]) -> dict:
    """What the peers say, from their own environment."""
    place = assets.cache().with_name("enginebench-benchmarks") / "changes"
    python, whole, log = place / "bin" / "python", place / "whole", place.with_name("changes.log")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not whole.exists():
        print(f"installing {', '.join(PINS)}, once (log: {log})", file=sys.stderr)
        try:
            uv.call(["venv", "--clear", "--python", sys.executable, str(place)], log)
            uv.call(["pip", "install", "--python", str(python), *PINS], log)
        except (TrialError, UserError) as error:
            print(f"the others can't be installed: {error}", file=sys.stderr)
            return {}
        whole.touch()
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder, "in.npz"), Path(folder, "out.json")
        np.savez(asked, start=START, **{name: nights.values.mean(axis=2) for name, nights in series.items()})
        subprocess.run([python, HERE / "change_peers.py", asked, answer], check=True)
        return json.loads(answer.read_text(encoding="utf-8"))


def speed() -> None:
    """Time for 10,000 series of 365 nights, every one a series of its own, no reruns to be had."""
    nights = Nights(replace(World(), points=1), 10_000, 365, 1)
    began, cpu = time.perf_counter(), time.process_time()
    done = judge(nights.values[:, :, 0])
    print(
        f"10,000 series × 365 nights: {time.perf_counter() - began:.1f} s, {time.process_time() - cpu:.1f} CPU-s, "
        f"{len(done.changes)} changes told"
    )


def main(argv: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=("target", "peers", "speed"))
    options.add_argument("--size", type=int, default=0, help="curves a cell (2,000; peers: 150)")
    options.add_argument("--readings", nargs="+", choices=READINGS, default=list(READINGS), help="of the target")
    chosen = options.parse_args(argv)
    if chosen.what == "target":
        target(chosen.size or 2000, chosen.readings)
    elif chosen.what == "peers":
        peers(chosen.size or 150)
    else:
        speed()


if __name__ == "__main__":
    main()
