"""The results store: immutable trial folders made visible by their last file, compacted into Parquet behind manifests.

The only writer of results.
"""

from enginebench.store.compact import Compacted
from enginebench.store.corrections import Correction
from enginebench.store.export import export, export_as
from enginebench.store.store import FILTERS, Ingested, Store
from enginebench.store.taking import Taken, take_in

__all__ = [
    "FILTERS",
    "Compacted",
    "Correction",
    "Ingested",
    "Store",
    "Taken",
    "export",
    "export_as",
    "take_in",
]
