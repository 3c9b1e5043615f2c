"""What a change is, when it is one, and what is told of a set of series."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from enginebench.analysis.changes.noise import Floats
from enginebench.records import record

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@record
class Rule:
    """When a change is one. The defaults are what the simulation in `benchmarks/changes.py` was run with."""

    window: int = 120
    """Nights that are looked at, the newest included."""
    longest: int = 10
    """How many nights ago a step may have begun to be looked for."""
    first: int = 14
    """Nights of a series from which its noise must have been learned before anything is called a change."""
    before: int = 5
    """Fewest nights since the last break before a step."""
    ask: float = 2.75
    """Standard errors from which on a night asks for reruns."""
    ask_beside: float = 2.1
    """The same where an older version can be measured beside the newest, …"""
    ask_alone: float = 2.75
    """… and where it is of a single night."""
    pairs: int = 1
    """How often each of the two versions is measured then."""
    back: int = 3
    """How many nights before the step the older version was the newest: the step may have begun a little earlier."""
    sure: float = 4.2
    """Standard errors that confirm a change of two nights."""
    patience: float = 0.2
    """How many fewer do with each further night, …"""
    at_least_sure: float = 3.5
    """… down to this many."""
    drop: float = 1.5
    """How many fewer do where the older version is all the evidence; …"""
    fresh: float = 0.3
    """… none up to this share of it, in proportion beyond."""
    held: int = 5
    """Nights for which a step must have held where none of them was measured more than once."""
    least: float = 0.01
    """Smallest change that is told, in logs."""
    reruns: int = 2
    """Reruns that a night asks for where there is no older version."""
    slope: float = 0.025
    """Drift a night that is expected, as a share of the noise."""
    spike: float = 3.0
    """Standard deviations of a night's difference by which a lone night must stand off both neighbours to be a blip."""
    jump: float = 0.5
    """By so many standard deviations of a difference the newest night may be farther off than the one before it."""
    expected_sd: float = 0.012
    """Noise expected of a series of which nothing is known, in logs."""
    expected_autocorrelation: float = 0.4
    """Autocorrelation expected of such a series."""
    most_autocorrelation: float = 0.6
    """Highest that is believed."""
    fleet: int = 20
    """From so many series on, what is expected of one is learned from all."""
    memory: int = 120
    """Nights from which the noise is learned."""
    relearn: int = 7
    """Nights between two such lessons."""


@record
class Change:
    """A step in a series."""

    row: int
    """Which series."""
    night: int
    """First night after the step."""
    found: int
    """Night on which this was known."""
    size: float
    """Logarithm of after to before."""
    error: float
    """Its standard error, noise that goes on from night to night allowed for."""
    status: Literal["confirmed", "waiting"]
    """`waiting`: the newest nights stand out, and a rerun or the next night has to confirm it."""
    beside: int
    """Night whose version is to be measured beside the newest to confirm it; -1: it is the same version."""
    apart: float
    """Mean logarithm of the newer to the older version in those of its nights that have both; NaN: none has."""


@record
class Judged:
    """What was found in a set of series."""

    changes: tuple[Change, ...]
    """By row and night; those that wait only for the newest night."""
    blips: Bools
    """Rows × nights: a lone night that stood out and was taken back by the next."""
    reruns: Ints
    """Reruns asked for, a row."""
    sd: Floats
    """Noise of a night as learned by the end, a row, in logs."""
    autocorrelation: Floats
    """Of neighbouring nights as learned by the end, a row."""
