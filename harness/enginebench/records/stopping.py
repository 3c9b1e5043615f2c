"""When a point is measured well enough, and how it ended."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from enginebench.records.base import record

StopFigure = Literal[
    "output_tps_per_accelerator",
    "total_tps_per_accelerator",
    "requests_rps",
    "goodput_rps",
    "interactivity_mean_tps",
    "ttft_mean_ns",
    "tpot_mean_ns",
    "e2el_mean_ns",
]
"""A metric whose interval can end a point: rates and means, which a few runs can tell; percentiles need requests."""


@record
class Until:
    """Measure a point until its figure is known, or its budget is spent."""

    within: Annotated[float, Gt(0), Lt(1)] = 0.02
    """Widest half of the figure's 95 % interval over repeats, as a share of the figure."""
    figure: StopFigure = "output_tps_per_accelerator"
    """Metric that is to be known."""
    at_least: Annotated[int, Ge(2), Le(100)] = 5
    """Fewest repeats before it can be."""
    at_most: Annotated[int, Ge(2), Le(100)] = 10
    """Budget: repeats of the point on one server start."""
    seconds: Annotated[float, Gt(0)] | None = None
    """Budget: seconds of measuring the point on one server start; null: no such limit."""

    def met_by(self, stop: Stop) -> bool:
        """Whether a point that ended so needs no more runs: the same figure, known as closely or given up."""
        return stop.figure == self.figure and (stop.why == "budget" or stop.within <= self.within)


@record
class Stop:
    """Why no more runs of a point were measured."""

    why: Literal["known", "budget"]
    """`known`: the interval is as narrow as asked. `budget`: it is not, and the repeats or seconds are spent."""
    figure: StopFigure
    """Metric that was to be known."""
    within: float
    """Widest half interval that was asked for, as a share of the figure."""
    half_width: float | None
    """Half of the 95 % interval as it came, as a share of the figure; null where fewer than two runs gave one."""
    repeats: int
    """Runs that were measured for it."""
    spent_s: float
    """Seconds those took, first send to last end."""


@record
class PointStop:
    """How one point of a trial ended."""

    point: Annotated[int, Ge(0)]
    """Index into the job's points."""
    stop: Stop
    """Why no more of it was measured."""
