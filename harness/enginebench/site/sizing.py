"""What the page that sizes needs besides points and rates: the published objectives."""

from __future__ import annotations

from typing import Any

from enginebench import config


def document() -> dict[str, Any]:
    """Named objectives of `configs/slos`, each limit in ms at the share of requests that is to keep it, with source.

    The page sizes itself (`parts/sizing.js`), since traffic, limits and prices are the reader's.
    """
    limits = (("ttft", "ttft_ms"), ("tpot", "tpot_ms"), ("e2el", "e2el_ms"))
    return {
        "objectives": {
            name: {
                "limits": [
                    {"metric": metric, "at_most_ms": value, "share": one.share}
                    for metric, key in limits
                    if (value := getattr(one.limits, key)) is not None
                ],
                "source": one.source,
            }
            for name, one in config.slos().items()
        }
    }
