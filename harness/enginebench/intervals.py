"""Confidence intervals from the level that varies: server starts where there are several, else repeats of one.

Of one figure, of the ratio of two, and of a rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from enginebench.records import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@record
class Interval:
    """A figure with its uncertainty."""

    centre: float
    """Mean over starts (or repeats); geometric where all values are positive."""
    low: float | None
    """Lower end at 95 %; null with a single value."""
    high: float | None
    """Upper end at 95 %; null with a single value."""
    n: int
    """Number of starts, or of repeats where there is one start."""
    varies: str
    """What the interval covers: `server starts` or `repeats within one start`, which leaves out what a restart does."""


def interval(values: Sequence[float], starts: Sequence[str], level: float = 0.95) -> Interval:
    """The t interval of `values`, each measured on the server start named in `starts`.

    On the logs of per-start means where values are positive: right at every noise level tried, where pooling repeats
    over starts gives a false alarm in one case of five (simulation of November 2026, 3,000 tries a cell).
    """
    assert values
    assert len(values) == len(starts)
    log = all(value > 0 for value in values)
    scaled = [math.log(value) if log else value for value in values]
    groups: dict[str, list[float]] = {}
    for value, start in zip(scaled, starts, strict=True):
        groups.setdefault(start, []).append(value)
    several = len(groups) > 1
    sample = [sum(group) / len(group) for group in groups.values()] if several else scaled
    n = len(sample)
    centre = sum(sample) / n
    half = _half_width(sample, centre, level) if n > 1 else None

    def back(value: float) -> float:
        return math.exp(value) if log else value

    return Interval(
        centre=back(centre),
        low=None if half is None else back(centre - half),
        high=None if half is None else back(centre + half),
        n=n,
        varies="server starts" if several else "repeats within one start",
    )


@record
class Intervals:
    """What `interval` gives, of many points at once: arrays of a value a point."""

    centre: NDArray[np.float64]
    """Centres; NaN where a point has no value."""
    low: NDArray[np.float64]
    """Lower ends; NaN below two values."""
    high: NDArray[np.float64]
    """Upper ends; NaN below two values."""
    n: NDArray[np.int64]
    """Number of starts, or of repeats where there is one start."""


def intervals(
    values: NDArray[np.float64], points: NDArray[Any], starts: NDArray[Any], count: int, level: float = 0.95
) -> Intervals:
    """`interval` of `count` points at once: `values` of which none is NaN, with the number of the point and of the
    server start that each is of; a start's number is of one point alone."""
    import numpy as np
    from scipy.special import stdtrit

    least = np.full(count, np.inf)
    np.minimum.at(least, points, values)
    log = least > 0
    scaled = np.where(log[points], np.log(np.where(values > 0, values, 1.0)), values)
    first, start = np.unique(starts, return_index=True, return_inverse=True)[1:]
    means = np.bincount(start, scaled) / np.bincount(start)
    of_start = points[first]
    several = np.bincount(of_start, minlength=count) > 1
    single = ~several[points]
    sample = np.concatenate([means[several[of_start]], scaled[single]])
    point = np.concatenate([of_start[several[of_start]], points[single]])
    n = np.bincount(point, minlength=count)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.bincount(point, sample, minlength=count) / n
        squares = np.bincount(point, (sample - centre[point]) ** 2, minlength=count)
        half = np.where(n > 1, stdtrit(n - 1, (1 + level) / 2) * np.sqrt(squares / (n - 1)) / np.sqrt(n), np.nan)

    def back(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(log, np.exp(np.where(log, logs, 0.0)), logs)

    return Intervals(centre=back(centre), low=back(centre - half), high=back(centre + half), n=n)


def _half_width(sample: Sequence[float], centre: float, level: float) -> float:
    # Not scipy.stats, whose import takes a second: stdtrit is its t.ppf.
    from scipy.special import stdtrit

    n = len(sample)
    deviation = math.sqrt(sum((value - centre) ** 2 for value in sample) / (n - 1))
    return float(stdtrit(n - 1, (1 + level) / 2)) * deviation / math.sqrt(n)


@record
class Welch:
    """How far two means are apart: arrays of one shape, or scalars."""

    difference: NDArray[np.float64]
    """Mean of the second sample less that of the first."""
    low: NDArray[np.float64]
    """Lower end of its interval."""
    high: NDArray[np.float64]
    """Upper end of its interval."""
    df: NDArray[np.float64]
    """Degrees of freedom (`degrees`); infinite where no value of either sample differs from another."""
    p: NDArray[np.float64]
    """Probability of a difference as great, were there none."""
    p_beyond: NDArray[np.float64]
    """Of two one-sided tests the greater probability: small if the difference surely is less than asked."""


def welch(first: NDArray[Any], second: NDArray[Any], *, level: float = 0.95, within: float = 0.0) -> Welch:
    """The means of `first` and of `second` along their last axis, two values or more each, whose variances may differ.

    For a ratio give logs of per-start means: then 95 % of the intervals hold the truth at every noise level tried.
    `within` is the difference, either way, that `p_beyond` holds the samples against.
    """
    import numpy as np
    from scipy.special import stdtr, stdtrit

    n, m = first.shape[-1], second.shape[-1]
    assert n > 1
    assert m > 1
    # Of equal values numpy finds a variance of rounding, 1e-33: none.
    var_a, var_b = (
        np.where(np.ptp(one, axis=-1) == 0, 0.0, one.var(axis=-1, ddof=1) / one.shape[-1]) for one in (first, second)
    )
    # Nor is the mean of equal values always that value: 0.1 three times is more than 0.1.
    middle_a, middle_b = (
        np.where(np.ptp(one, axis=-1) == 0, one[..., 0], one.mean(axis=-1)) for one in (first, second)
    )
    difference = middle_b - middle_a
    error = np.sqrt(var_a + var_b)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(error > 0, degrees(var_a, n, var_b, m), np.inf)
        t = np.where(error > 0, difference / error, np.sign(difference) * np.inf)
        t = np.where((error == 0) & (difference == 0), 0.0, t)
        beyond = np.where(
            error > 0, (np.abs(difference) - within) / error, np.sign(np.abs(difference) - within) * np.inf
        )
    # Student's t of infinite degrees is a hundred million's.
    finite = np.minimum(df, 1e8)
    half = stdtrit(finite, (1 + level) / 2) * error
    return Welch(
        difference=difference,
        low=difference - half,
        high=difference + half,
        df=df,
        p=2 * stdtr(finite, -np.abs(t)),
        p_beyond=stdtr(finite, beyond),
    )


def paired(differences: NDArray[Any], *, level: float = 0.95, within: float = 0.0) -> Welch:
    """The mean of `differences` along their last axis, two or more, by Student's t: of what was measured in pairs.

    What both of a pair have in common, as a machine that drifts, is in none of them. `within` as for `welch`.
    """
    import numpy as np
    from scipy.special import stdtr, stdtrit

    n = differences.shape[-1]
    assert n > 1
    # Of equal values numpy finds a variance of rounding, 1e-33: none.
    error = np.where(np.ptp(differences, axis=-1) == 0, 0.0, differences.std(axis=-1, ddof=1) / np.sqrt(n))
    centre = differences.mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, centre / error, np.sign(centre) * np.inf)
        t = np.where((error == 0) & (centre == 0), 0.0, t)
        beyond = np.where(error > 0, (np.abs(centre) - within) / error, np.sign(np.abs(centre) - within) * np.inf)
    half = stdtrit(n - 1, (1 + level) / 2) * error
    return Welch(
        difference=centre,
        low=centre - half,
        high=centre + half,
        df=np.full_like(centre, n - 1.0),
        p=2 * stdtr(n - 1, -np.abs(t)),
        p_beyond=stdtr(n - 1, beyond),
    )


def degrees(var_a: NDArray[Any], n: int, var_b: NDArray[Any], m: int) -> NDArray[np.float64]:
    """Degrees of freedom of Welch's t, for two means of `n` and of `m` values whose estimated variances these are.

    For samples of one size Welch's own estimate (1947), kept between n − 1 and 2n − 2; else Satterthwaite's. By
    simulation (400,000 tries a cell) 95 % intervals hold the truth, of equal noise and of one side twice as noisy:
    n = 3 in 95.7 and 94.9 %, 5 in 95.3 and 94.8 %, 10 in 95.1 and 94.8 %. Satterthwaite's are too wide at 3 (96.5 %),
    and Welch's too narrow for unlike sizes (3 and 10: 92.6 %, for 93.6 %).
    """
    import numpy as np

    both = (var_a + var_b) ** 2
    if n != m:
        return np.asarray(both / (var_a**2 / (n - 1) + var_b**2 / (m - 1)))
    return np.asarray(np.clip(both / (var_a**2 / (n + 1) + var_b**2 / (m + 1)) - 2, n - 1, 2 * n - 2))


def wilson(right: int, asked: int, level: float = 0.95) -> tuple[float, float]:
    """Both ends of the Wilson interval of a share: `right` of `asked`."""
    from scipy.stats import binomtest

    found = binomtest(right, asked).proportion_ci(confidence_level=level, method="wilson")
    return float(found.low), float(found.high)
