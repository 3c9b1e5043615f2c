"""The dashboard: static files that open from disk, built from the store."""

from enginebench.site.build import build
from enginebench.site.publish import publish

__all__ = ["build", "publish"]
