"""Ratios of versions measured in pairs, with intervals that hold whenever measuring is stopped. Pure.

A block of server starts of two versions, taken in turns, gives one log ratio. Whoever looks after every block and stops
when a t interval pleases is wrong far more often than it says; these intervals are made for that: the chance that the
truth is outside at any of the looks, however many, is at most `miss`. They are the t test's mixture over effects, with
a normal prior on the effect in standard deviations (Lai 1976; for linear models Lindon and others 2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from enginebench.records import record

Pair = tuple[int, int]
"""Two versions by their place in the list: a log ratio is of the second to the first."""
_PRIOR = 4.0
"""Variance of the effects expected, in variances of one block: what finds steps of 1 to 5 deviations soonest."""


@record
class Found:
    """A sum of log ratios, each with a weight."""

    log: float
    """What was found."""
    half: float
    """Half the width of its interval; infinite: too few blocks for one."""
    p: float
    """Probability, at most, that it would have seemed so far from 0 at any look, were it 0."""
    blocks: float
    """Blocks of one pair that would tell as much."""

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.log - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.log + self.half


class Blocks:
    """The log ratios of all pairs. What varies from block to block is taken to be the same in all pairs."""

    def __init__(self, logs: Mapping[Pair, Sequence[float]]) -> None:
        known = {pair: tuple(values) for pair, values in logs.items() if values}
        self.logs = known
        """The log ratios of those that have any."""
        self.count = {pair: len(values) for pair, values in known.items()}
        """Blocks of each pair."""
        self.mean = {pair: math.fsum(values) / len(values) for pair, values in known.items()}
        """Mean log ratio of each pair."""
        self.df = sum(self.count.values()) - len(self.count)
        """Degrees of freedom of `deviation`."""
        squares = math.fsum((one - self.mean[pair]) ** 2 for pair, values in known.items() for one in values)
        self.deviation = math.sqrt(squares / self.df) if self.df else math.inf
        """Standard deviation from block to block; infinite: no pair has two."""

    def alone(self, pair: Pair) -> Blocks:
        """The blocks of one pair, whose noise is learned from them only."""
        return Blocks({pair: self.logs.get(pair, ())})

    def found(self, weights: Mapping[Pair, float], miss: float) -> Found:
        """The sum of these pairs' log ratios with these weights; each must have a block."""
        log = math.fsum(weight * self.mean[pair] for pair, weight in weights.items())
        blocks = 1 / math.fsum(weight**2 / self.count[pair] for pair, weight in weights.items())
        if not self.df:
            return Found(log=log, half=math.inf, p=1.0, blocks=blocks)
        error = self.deviation / math.sqrt(blocks)
        times = _times(blocks, self.df, miss)
        return Found(
            log=log,
            half=times * error if math.isfinite(times) else math.inf,
            p=_p(abs(log) / error if error else math.inf if log else 0.0, blocks, self.df),
            blocks=blocks,
        )


def _times(blocks: float, df: int, miss: float) -> float:
    """How many standard errors the interval reaches to each side; infinite: no t, however great, would do."""
    spread = 1 + blocks * _PRIOR
    bar = (math.sqrt(spread) / miss) ** (2 / (df + 1))
    return math.sqrt(df * (bar - 1) / (1 - bar / spread)) if bar < spread else math.inf


def _p(t: float, blocks: float, df: int) -> float:
    """One over the evidence against 0: the t statistic's likelihood with the prior over that without an effect."""
    spread = 1 + blocks * _PRIOR
    if math.isinf(t):
        return math.pow(spread, -df / 2)
    gain = (1 + t * t / df) / (1 + t * t / (df * spread))
    return min(1.0, math.sqrt(spread) * math.pow(gain, -(df + 1) / 2))
