"""Each metric declared once, and one run's figures from its requests."""

from enginebench.metrics.declared import METRICS, Metric, document
from enginebench.metrics.summary import Summary, needed_samples, summarise

__all__ = ["METRICS", "Metric", "Summary", "document", "needed_samples", "summarise"]
