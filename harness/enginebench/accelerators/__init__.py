"""Accelerators: which devices this machine has, what they draw and do. One file a vendor, its name the key.

Adding `accelerators/foo.py` with a `PROBE` is the whole change; a distribution of someone else's registers its probe
under the entry point group `enginebench.accelerators`. A vendor's library is optional: without it there is no device.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from enginebench import extensions
from enginebench.errors import mistake
from enginebench.records import Accelerator, record


@record
class Reading:
    """What one device told at one time; null where it does not tell."""

    index: int
    """Device, in the numbering of `discover()`."""
    power_w: float | None
    """Power drawn now, W."""
    energy_j: float | None
    """Counter of the energy drawn since some fixed time, J."""
    utilisation: float | None
    """Share of the time in which the device was busy, 0 to 1."""
    memory_bytes: int | None
    """Memory in use, bytes."""
    temperature_c: float | None
    """Temperature, °C."""


class Probe(Protocol):
    """What the harness must know of a vendor's devices. Nothing here raises: what cannot be had is left out or null."""

    def discover(self) -> tuple[Accelerator, ...]:
        """The devices this process may use; empty without such a part, its library or its driver."""

    def sample(self, indices: Sequence[int]) -> tuple[Reading, ...]:
        """One reading for each of these devices, in their order."""

    def visible_devices(self, indices: Sequence[int]) -> Mapping[str, str]:
        """Environment variables that let an engine see these devices alone."""

    def power_note(self) -> str | None:
        """Why there is neither power nor energy, in one phrase; null where there should be one of them."""


def known() -> tuple[str, ...]:
    """Vendors that there is a probe for, in the order in which `detect` asks.

    NVIDIA comes first, since a machine with its cards may have an AMD processor with graphics; the CPU, which every
    machine has, comes last.
    """
    return tuple(sorted(extensions.known(__name__), key=lambda name: (name == "cpu", name != "nvidia", name)))


def get(vendor: str) -> Probe:
    """The probe of that vendor; raises UserError for an unknown one."""
    found = extensions.find(__name__, vendor, "PROBE")
    if found is None:
        raise mistake(f"accelerator vendor `{vendor}`", "no probe has that name", f"known: {', '.join(known())}")
    return cast(Probe, found)


def detect() -> tuple[Accelerator, ...]:
    """The devices of the first vendor that has any here; the CPU where no vendor has."""
    for vendor in known():
        found = get(vendor).discover()
        if found:
            return found
    raise AssertionError("the CPU probe always finds a CPU")


def granted(variable: str, names: Sequence[str]) -> tuple[int, ...]:
    """Positions in `names` (the devices' unique ids) that the inherited `variable` lets this process use.

    A scheduler that shares a machine grants devices through such a variable, by position or by id; unset grants all.
    """
    value = os.environ.get(variable)
    if value is None:
        return tuple(range(len(names)))
    wanted = [entry.strip() for entry in value.split(",") if entry.strip()]
    return tuple(
        index
        for index, name in enumerate(names)
        if any(entry == str(index) or (not entry.isdigit() and name.startswith(entry)) for entry in wanted)
    )
