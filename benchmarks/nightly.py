"""Simulated nights of curves whose truth is known: noise, autocorrelation, outlier nights, drift, a planted step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
READINGS = {
    "points": "each point's noise goes on (AR(1)); a rerun meets the same noise and tells only a hiccup apart",
    "states": "each point's noise is a slow state (AR(1), 0.8) and a part that each run draws anew",
    "innovations": "each point's noise goes on (AR(1)); a rerun draws anew what is not carried over from last night",
    "nights": "a quarter of the variance is the night's, shared by all points and reruns (AR(1)); the rest each run's",
}
"""What the autocorrelation may act on."""


@dataclass(frozen=True)
class World:
    """What nights are like. The defaults are the curve that the target is told of."""

    points: int = 5
    noise: float = 0.02
    """Standard deviation of a point's night, in logs."""
    autocorrelation: float = 0.5
    reading: str = "points"
    outliers: float = 0.02
    """Share of nights that are off by 5 to 30 %, up or down, all points alike."""
    outlier_stays: bool = True
    """Whether a rerun in the same night is off as well."""
    machine: float | None = None
    """Correlation of what a night's reruns meet again with what an older build's runs in that night meet; 1: all of it
    is the machine's; none: no older build is measured."""
    drift: float = 0.02 / 60
    """Of all points, a night, up or down."""


class Nights:
    """`curves` × `nights` × points in logs (`values`), and reruns of them (`again`)."""

    def __init__(
        self,
        world: World,
        curves: int,
        nights: int,
        seed: int,
        *,
        step: float = 0.0,
        at: NDArray[np.int64] | None = None,
    ) -> None:
        self.world, self._random = world, np.random.default_rng(seed)
        shape = (curves, nights, world.points)
        self._again, own = self._noise(shape)
        # An older build's own part is drawn from a stream of its own.
        self._seed = seed
        self._beside: Floats | None = None
        base = self._random.choice([-1, 1], curves)[:, None] * world.drift * np.arange(nights)
        self.sign = self._random.choice([-1, 1], curves)
        self.at = np.full(curves, nights) if at is None else at
        self.step = step
        base = base + step * self.sign[:, None] * (np.arange(nights) >= self.at[:, None])
        self._base = base[:, :, None]
        self.off = self._outliers((curves, nights))
        self.values = self._base + own + self.off[:, :, None]

    def _noise(self, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
        """What reruns of a night share, and the noise of its first run; sets how much a rerun draws anew."""
        world, draw = self.world, self._random.normal
        rho, sd = world.autocorrelation, world.noise
        if world.reading == "nights":
            shared = self._going_on((shape[0], shape[1], 1), rho, sd / 2) + np.zeros(shape)
            self._anew = sd * np.sqrt(0.75)
        elif world.reading == "states":
            shared = self._going_on(shape, 0.8, sd * np.sqrt(rho / 0.8))
            self._anew = sd * np.sqrt(1 - rho / 0.8)
        elif world.reading == "innovations":
            first = self._going_on(shape, rho, sd)
            self._anew = sd * np.sqrt(1 - rho**2)
            carried = np.concatenate([draw(0, rho * sd, (shape[0], 1, shape[2])), rho * first[:, :-1]], axis=1)
            return carried, first
        else:
            shared = self._going_on(shape, rho, sd)
            self._anew = 0.0
        if not rho:
            shared, self._anew = np.zeros(shape), sd
        return shared, shared + draw(0, 1, shape) * self._anew

    def _going_on(self, shape: tuple[int, int, int], rho: float, sd: float) -> Floats:
        fresh = self._random.normal(0, sd, shape)
        found = fresh.copy()
        for night in range(1, shape[1]):
            found[:, night] = rho * found[:, night - 1] + np.sqrt(1 - rho**2) * fresh[:, night]
        return found

    def _outliers(self, shape: tuple[int, ...]) -> Floats:
        size = self._random.uniform(0.05, 0.30, shape) * self._random.choice([-1, 1], shape)
        return np.where(self._random.random(shape) < self.world.outliers, size, 0.0)

    def again(self, night: int, rows: NDArray[np.int64], times: int) -> Floats:
        """Reruns of these curves in that night: rows × times × points."""
        shape = (len(rows), times, self.world.points)
        values = (self._base + self._again)[rows, night][:, None, :] + self._random.normal(0, 1, shape) * self._anew
        off = self.off[rows, night][:, None] if self.world.outlier_stays else self._outliers(shape[:2])
        return values + np.broadcast_to(off, shape[:2])[:, :, None]

    def beside(self, night: int, rows: NDArray[np.int64], times: int, version: NDArray[np.int64]) -> Floats:
        """Runs of the builds of other nights (`version`, a night each) in that night: rows × times × points; NaN where
        it is -1."""
        if self._beside is None:
            kept, self._random = self._random, np.random.default_rng(self._seed + 500_000)
            other, _ = self._noise(self.values.shape)
            self._random, share = kept, self.world.machine
            self._beside = share * self._again + np.sqrt(1 - share**2) * other
        after = np.where(night >= self.at[rows], 1, 0) - np.where(version >= self.at[rows], 1, 0)
        base = self._base[rows, night, 0] - self.step * self.sign[rows] * after
        shape = (len(rows), times, self.world.points)
        values = (base[:, None] + self._beside[rows, night])[:, None, :] + self._random.normal(0, 1, shape) * self._anew
        off = self.off[rows, night][:, None] if self.world.outlier_stays else self._outliers(shape[:2])
        values = values + np.broadcast_to(off, shape[:2])[:, :, None]
        return np.where(version[:, None, None] < 0, np.nan, values)
