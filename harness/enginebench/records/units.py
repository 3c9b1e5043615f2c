"""The unit that a stored name ends with."""

from __future__ import annotations

from collections.abc import Mapping

UNITS: Mapping[str, str] = {
    "ns": "ns",
    "s": "s",
    "w": "W",
    "j": "J",
    "c": "°C",
    "bytes": "B",
    "tokens": "tokens",
    "tps": "tok/s",
    "rps": "1/s",
    "cores": "CPU-s/s",
    "nats": "nat/token",
    "share": "1",
}
"""Last word of a name to its unit; `1` is a share of the whole, 0 to 1."""


def unit_of(name: str) -> str | None:
    """The unit that the name of a field or column ends with; null: it names none."""
    first, _, last = name.rpartition("_")
    return UNITS.get(last) if first else None
