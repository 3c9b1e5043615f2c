"""Each metric declared once, and one run's figures from its requests and from what the engine told."""

from enginebench.metrics.declared import METRICS, Metric, document
from enginebench.metrics.engine import Figure, engine_figures, unread
from enginebench.metrics.order import interval_ranks, needed_samples
from enginebench.metrics.summary import Summary, summarise
from enginebench.metrics.window import steady_window

__all__ = [
    "METRICS",
    "Figure",
    "Metric",
    "Summary",
    "document",
    "engine_figures",
    "interval_ranks",
    "needed_samples",
    "steady_window",
    "summarise",
    "unread",
]
