"""The results store: immutable trial directories, each made visible by one rename. The only writer of results."""

from enginebench.store.export import export, export_as
from enginebench.store.store import FILTERS, Ingested, Store

__all__ = ["FILTERS", "Ingested", "Store", "export", "export_as"]
