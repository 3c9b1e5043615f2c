"""Each metric declared once, and one run's figures from its requests and from what the engine told."""

from enginebench.metrics.declared import METRICS, Metric, document
from enginebench.metrics.engine import Figure, engine_figures, unread
from enginebench.metrics.summary import Summary, needed_samples, summarise

__all__ = [
    "METRICS",
    "Figure",
    "Metric",
    "Summary",
    "document",
    "engine_figures",
    "needed_samples",
    "summarise",
    "unread",
]
