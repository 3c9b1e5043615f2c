"""A table of runs as OpenMetrics text: a gauge for each figure, a sample a run, at the time that the run began."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from enginebench.metrics import METRICS
from enginebench.records.units import UNITS
from enginebench.store.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from prometheus_client.core import Metric

LABELS = (
    *("run", "trial", "night", "grid", "series", "host", "engine", "engine_version", "model", "precision", "product"),
    *("devices", "parallelism", "workload", "load", "start", "repeat", "quality_passed", "marks"),
    *("reproduces", "invalid"),
)
"""Columns that tell a sample what it is of; null is an empty label, which is to Prometheus the same as none."""
FIGURES = (
    *("duration_ns", "server_cores", "client_cores", "neighbour_cores", "stolen_cores", "quality_score"),
    *("quality_kl_nats", "quality_top1_share", "quality_nll_difference_nats", *METRICS),
)
"""Columns that are gauges, `enginebench_` before their names."""


def openmetrics(frame: pd.DataFrame) -> bytes:
    """`frame` in OpenMetrics' text format; a figure that is null has no sample."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.exposition import generate_latest

    class _Runs:
        def collect(self) -> Iterator[Metric]:
            return _families(frame)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Runs())
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text


def _families(frame: pd.DataFrame) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    labels = frame.assign(marks=frame["marks"].map(";".join))[list(LABELS)].astype(object)
    rows = labels.where(labels.notna(), "").astype(str).to_numpy().tolist()
    times = [moment.timestamp() for moment in frame["started_utc"]]
    for name in FIGURES:
        last = name.rpartition("_")[2]
        words = f"{METRICS[name].title}: {METRICS[name].formula}" if name in METRICS else COLUMNS[name]
        unit = last if last in UNITS else ""
        family = GaugeMetricFamily(f"enginebench_{name}", words, labels=LABELS, unit=unit)
        present = frame[name].notna()
        for row, value, time, there in zip(rows, frame[name], times, present, strict=True):
            if there:
                family.add_metric(row, float(value), timestamp=time)
        if family.samples:
            yield family
