"""The dashboard: static files that open from disk, built from the store."""

from enginebench.site.build import build
from enginebench.site.serve import serve

__all__ = ["build", "serve"]
