"""Between which two neighbours of a list of versions a figure changed: what to measure next, and what is known. Pure.

The whole search is worked out anew from all evidence each time it is asked, so that it goes on after any crash and what
is measured later may correct what seemed decided. Versions are numbered in their order from 0.

First the two ends are held against each other. Then the version in the middle is held against the first: it has the
step, has not, or has a share of it, by where the interval of its log ratio lies to half of what is left between the two
known around it. Last the two neighbours that this leads to are measured against each other, whatever was known of them
before: if they do not differ so, the steps were decided too lightly, and all are judged anew by wider intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal

from enginebench.analysis.anytime import Blocks, Found, Pair
from enginebench.analysis.compare import MARGIN
from enginebench.records import record

Kind = Literal["ends", "middle", "neighbours"]
Verdict = Literal["differ", "alike", "changed", "as before", "in part", "refuted", "open"]
Status = Literal["measure", "named", "alike", "undecided"]

MISS = 0.01
"""Of all searches that name a pair, at most this share may name one that does not differ; and so may the ends."""
_ALIKE = 0.1
"""Two-sided level at which the ends are found alike: one in twenty if they differ by just the margin."""
_MIDDLES = (0.2, 0.05, 0.01)
"""Levels of the steps between: lightly decided first, for a wrong turn is found at its end, and costs blocks alone."""
_SIZED = 0.75
"""The ends' difference is known well enough for halves of it when its interval reaches so far of it to each side."""


@record
class Rule:
    """When a step is decided."""

    margin: float = MARGIN
    """Difference that matters, a share."""
    blocks_at_most: int = 40
    """Blocks of one pair after which it is left undecided."""


@record
class Evidence:
    """What was measured so far."""

    versions: int
    """How many versions the list has."""
    logs: Mapping[Pair, Sequence[float]] = field(default_factory=dict)
    """Two versions to the log ratio of the second to the first in each block of them."""
    spoilt: Mapping[Pair, int] = field(default_factory=dict)
    """Two versions to the number of blocks of them that were measured and gave no log ratio."""
    unusable: frozenset[int] = frozenset()
    """Versions that can't be measured."""


@record
class Step:
    """One question of the search."""

    kind: Kind
    """The ends, a version between, or the two neighbours at the end."""
    pair: Pair
    """Who was measured against whom."""
    around: Pair
    """Between which two the change was sought before."""
    found: Found | None
    """Log ratio of the pair, with the interval at MISS; null: no block yet."""
    verdict: Verdict
    """`differ` or `alike` of ends and neighbours; `changed`, `as before` or `in part` of a middle; `refuted`:
    neighbours that differ by less than half of what the search made of them; `open`: not decided yet."""


@record
class Search:
    """Where the search stands."""

    status: Status
    """`measure`: `pair` is next; `named`: it changed between them; `alike`: the ends do not differ; `undecided`."""
    pair: Pair
    """The two that `status` is about; of `undecided` the two between which it was sought last."""
    steps: tuple[Step, ...]
    """What was asked so far, in order."""
    why: str = ""
    """Of `undecided`, what is lacking."""
    share: float | None = None
    """How much of the ends' log ratio lies between the two named; null: none is named."""
    skipped: tuple[int, ...] = ()
    """Versions between the two named, that can't be measured: the change may be in any of them."""


def search(evidence: Evidence, rule: Rule) -> Search:
    """What is known by `evidence`, and which pair is to be measured next."""
    usable = [one for one in range(evidence.versions) if one not in evidence.unusable]
    if len(usable) < 2:
        return Search(
            status="undecided", pair=(0, evidence.versions - 1), steps=(), why="fewer than two versions can be measured"
        )
    blocks = Blocks(evidence.logs)
    for miss in _MIDDLES:
        found = _Walk(blocks, evidence.spoilt, usable, rule, miss).search()
        if not found.steps or found.steps[-1].verdict != "refuted":
            break
    return found


class _Walk:
    """One search from the ends to a pair of neighbours, its middles decided at one level."""

    def __init__(
        self, blocks: Blocks, spoilt: Mapping[Pair, int], usable: Sequence[int], rule: Rule, miss: float
    ) -> None:
        self.blocks, self.spoilt, self.usable, self.rule, self.miss = blocks, spoilt, usable, rule, miss
        self.ends: Pair = (usable[0], usable[-1])
        self.around = self.ends
        self.steps: list[Step] = []
        self.margin = math.log1p(rule.margin)

    def search(self) -> Search:
        """Where it stands."""
        stopped = self._ends()
        while stopped is None and (middle := self._between(*self.around)) is not None:
            stopped = self._middle(middle)
        return stopped or self._neighbours(self.around)

    def _between(self, low: int, high: int) -> int | None:
        """The usable version nearest to the middle; null: there is none."""
        within = [one for one in self.usable if low < one < high]
        return within[(len(within) - 1) // 2] if within else None

    def _ends(self) -> Search | None:
        pair = self.ends
        if not self._measured(pair):
            return self._open("ends", pair, pair, {pair: 1.0})
        found = self.blocks.found({pair: 1.0}, MISS)
        rough = self.blocks.found({pair: 1.0}, _ALIKE)
        if max(abs(rough.low), abs(rough.high)) < self.margin:
            self._step("ends", pair, pair, "alike")
            return Search(status="alike", pair=pair, steps=tuple(self.steps))
        if abs(found.log) < self.margin or found.half > _SIZED * abs(found.log):
            return self._open("ends", pair, pair, {pair: 1.0})
        self._step("ends", pair, pair, "differ")
        return None

    def _middle(self, middle: int) -> Search | None:
        low, high = self.around
        pair: Pair = (self.ends[0], middle)
        if not self._measured(pair):
            return self._open("middle", pair, self.around, self._away(middle, 0.5))
        to_low, to_half, to_high = (
            self.blocks.found(self._away(middle, share), self.miss) for share in (0.0, 0.5, 1.0)
        )
        # Where both halves have a share of it, either way leads to a step: the greater is followed.
        both = abs(to_low.log) > to_low.half and abs(to_high.log) > to_high.half
        if abs(to_half.log) <= to_half.half and not both:
            return self._open("middle", pair, self.around, self._away(middle, 0.5))
        changed = self._sign() * to_half.log > 0
        self._step("middle", pair, self.around, "in part" if both else "changed" if changed else "as before")
        self.around = (low, middle) if changed else (middle, high)
        return None

    def _neighbours(self, pair: Pair) -> Search:
        if not self._measured(pair):
            return self._open("neighbours", pair, pair, {pair: 1.0})
        sign, found = self._sign(), self._found("neighbours", pair)
        if sign * found.log > found.half:
            self._step("neighbours", pair, pair, "differ")
            whole = self.blocks.mean[self.ends]
            skipped = tuple(one for one in range(pair[0] + 1, pair[1]))
            share = found.log / whole
            return Search(status="named", pair=pair, steps=tuple(self.steps), share=share, skipped=skipped)
        if self._refuted(pair):
            # One of the two that the neighbours were found by seemed what it is not.
            return self._open("neighbours", pair, pair, self._made_of(pair), "refuted")
        return self._open("neighbours", pair, pair, {pair: 1.0})

    def _refuted(self, pair: Pair) -> bool:
        """Whether the neighbours, measured, surely differ by less than half of what the steps made of them."""
        if pair[0] == self.ends[0]:
            return False
        halves = {one: -weight / 2 for one, weight in self._made_of(pair).items()}
        found = self.blocks.found({pair: 1.0, **halves}, self.miss)
        return self._sign() * found.log + found.half < 0

    def _made_of(self, pair: Pair) -> dict[Pair, float]:
        """Weights of the neighbours' log ratio as the steps have it, each of the two against the first."""
        return {(self.ends[0], pair[1]): 1.0, (self.ends[0], pair[0]): -1.0}

    def _away(self, middle: int, share: float) -> dict[Pair, float]:
        """Weights of how far the middle is from where this share of what is left has happened."""
        first, (low, high) = self.ends[0], self.around
        weights = {(first, middle): 1.0, (first, high): -share}
        if low != first:
            weights[first, low] = share - 1
        return {pair: weight for pair, weight in weights.items() if weight}

    def _found(self, kind: Kind, pair: Pair) -> Found:
        """The pair's log ratio; that of neighbours stands by itself, for it is what will be shown for it."""
        blocks = self.blocks.alone(pair) if kind == "neighbours" else self.blocks
        return blocks.found({pair: 1.0}, MISS)

    def _sign(self) -> float:
        return math.copysign(1.0, self.blocks.mean[self.ends])

    def _measured(self, pair: Pair) -> bool:
        return pair in self.blocks.count

    def _step(self, kind: Kind, pair: Pair, around: Pair, verdict: Verdict) -> None:
        found = self._found(kind, pair) if self._measured(pair) else None
        self.steps.append(Step(kind=kind, pair=pair, around=around, found=found, verdict=verdict))

    def _open(
        self, kind: Kind, pair: Pair, around: Pair, weights: Mapping[Pair, float], verdict: Verdict = "open"
    ) -> Search:
        """Measure the pair whose next block narrows the interval most; undecided if all have their most blocks."""
        self._step(kind, pair, around, verdict)
        best = max(self._gains(weights), default=None)
        if best is not None:
            return Search(status="measure", pair=best[1], steps=tuple(self.steps))
        lost = max(self.spoilt.get(one, 0) for one in weights)
        why = f"{self.rule.blocks_at_most} blocks a pair do not decide"
        why += f", {lost} of them spoilt" if lost else ""
        return Search(status="undecided", pair=around, steps=tuple(self.steps), why=why)

    def _gains(self, weights: Mapping[Pair, float]) -> Iterator[tuple[float, Pair]]:
        for pair, weight in weights.items():
            count = self.blocks.count.get(pair, 0)
            if count + self.spoilt.get(pair, 0) < self.rule.blocks_at_most:
                yield (weight**2 / (count * (count + 1)) if count else math.inf), pair
