"""A trial held against the one that it reproduces, figure by figure. Pure.

One start against one start is no verdict: what a restart does is in neither interval. So nothing here judges; a figure
is only pointed out where each side lies outside the other's interval.
"""

from __future__ import annotations

from enginebench.intervals import interval
from enginebench.metrics import METRICS
from enginebench.records import Result, record
from enginebench.stopping import SPOILT


@record
class Figure:
    """A metric of a point within one trial, in the unit that its name ends with."""

    value: float | None
    """Centre over the repeats, unspoilt ones where there are any; null: not had."""
    low: float | None
    """Lower end at 95 %: over the repeats, or within the run where there is one; null: not had."""
    high: float | None
    """Upper end."""
    repeats: int
    """Repeats that gave it."""

    def holds(self, value: float) -> bool | None:
        """Whether the interval holds `value`; null where there is no interval."""
        return None if self.low is None or self.high is None else self.low <= value <= self.high


@record
class Compared:
    """A metric of a point, recorded and measured again."""

    point: str
    """Workload and load."""
    metric: str
    """Its name."""
    recorded: Figure
    again: Figure

    @property
    def ratio(self) -> float | None:
        """Again / recorded; null where either is not had or the recorded one is 0."""
        return self.again.value / self.recorded.value if self.recorded.value and self.again.value is not None else None

    @property
    def beyond(self) -> bool:
        """Whether each side lies outside the other's interval; false where an interval is not had."""
        if self.recorded.value is None or self.again.value is None:
            return False
        return self.recorded.holds(self.again.value) is False and self.again.holds(self.recorded.value) is False


def compare(recorded: Result, again: Result) -> tuple[Compared, ...]:
    """Every metric that either has, of every point that both were asked for, in the order of the job."""
    points = sorted({key.point for key in again.attempt.runs} & {key.point for key in recorded.attempt.runs})
    found = [
        Compared(
            point=again.attempt.job.points[point].label(),
            metric=metric,
            recorded=figure(recorded, point, metric),
            again=figure(again, point, metric),
        )
        for point in points
        for metric in METRICS
    ]
    return tuple(one for one in found if one.recorded.repeats or one.again.repeats)


def figure(result: Result, point: int, metric: str) -> Figure:
    """A metric of a point of a trial."""
    runs = [run for run in result.runs if run.point == point]
    runs = [run for run in runs if not SPOILT & set(run.marks)] or runs
    known = [(run, value) for run in runs if (value := run.metrics.get(metric)) is not None]
    if not known:
        return Figure(value=None, low=None, high=None, repeats=0)
    if len(known) == 1:
        (run, value), *_ = known
        low, high = run.intervals.get(metric, (None, None))
        return Figure(value=value, low=low, high=high, repeats=1)
    over = interval([value for _, value in known], [""] * len(known))
    return Figure(value=over.centre, low=over.low, high=over.high, repeats=len(known))
