"""Google TPUs, by `tpu-info`; without it by their device files and what Google Kubernetes Engine says of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.accelerators import Reading, granted
from enginebench.records import Accelerator

_DEV = Path("/dev")
_GIB = 2**30
_BOUNDS = {1: "1,1,1", 2: "1,2,1", 4: "2,2,1", 8: "2,4,1"}
"""Chips of one process to their layout; a process takes one of these numbers (Cloud TPU documentation, 2026-11-24)."""


def _chips() -> tuple[Any | None, int]:
    """Type (tpu-info's `TpuChip`) and number of this machine's chips; null and 0 where tpu-info has none to tell."""
    try:
        from tpu_info import device

        chip, count = device.get_local_chips()
    except (ImportError, OSError, AssertionError):  # AssertionError: chips of two types
        return None, 0
    return chip, count


def _by_files() -> tuple[str, int, int]:
    """Product, memory in bytes and number of the chips, by `TPU_ACCELERATOR_TYPE` (`v6e-8`) and the device files.

    The files alone say nothing: other devices have `/dev/vfio/0` and `/dev/accel0` too.
    """
    from enginebench.config import hardware

    kind = os.environ.get("TPU_ACCELERATOR_TYPE", "").split("-")[0].replace("litepod", "e").replace("tpu", "")
    product = f"TPU {kind}"
    known = hardware("tpu", product) if kind else None
    files = [path for path in (*_DEV.glob("accel*"), *_DEV.glob("vfio/*")) if re.fullmatch(r"(accel)?\d+", path.name)]
    return (product, int(known.memory_bytes.value), len(files)) if known and known.memory_bytes else (product, 0, 0)


def _usage(chip: Any) -> list[tuple[float, int]]:
    """Duty cycle (0 to 1) and memory in use (bytes) of every chip; empty while no engine runs, as libtpu tells it."""
    try:
        from tpu_info import metrics
    except ImportError:
        return []
    try:
        cores = metrics.get_chip_usage(chip)
    except (metrics.grpc.RpcError, AssertionError):  # AssertionError: an answer that does not cover all chips
        return []
    each = chip.value.devices_per_chip
    chips = [cores[begin : begin + each] for begin in range(0, len(cores), each)]
    return [(one[0].duty_cycle_pct / 100, sum(core.memory_usage for core in one)) for one in chips]


class Tpu:
    """The chips of this machine, in the order of their device files."""

    def discover(self) -> tuple[Accelerator, ...]:
        """The chips that `TPU_VISIBLE_CHIPS`, where inherited, grants; `driver` is null: libtpu is the engine's own."""
        chip, count = _chips()
        if chip is None:
            product, memory, count = _by_files()
        else:
            product, memory = str(chip).removesuffix(" chip"), chip.value.hbm_gib * _GIB
        return tuple(
            Accelerator(vendor="tpu", index=index, product=product, memory_bytes=memory)
            for index in granted("TPU_VISIBLE_CHIPS", [str(index) for index in range(count)])
        )

    def sample(self, indices: Sequence[int]) -> tuple[Reading, ...]:
        """Duty cycle and memory, through the metrics port (8431) of the engine's libtpu."""
        chip, _ = _chips()
        known = dict(enumerate(_usage(chip) if chip else []))
        return tuple(
            Reading(index=index, power_w=None, energy_j=None, utilisation=busy, memory_bytes=memory, temperature_c=None)
            for index in indices
            for busy, memory in [known.get(index, (None, None))]
        )

    def visible_devices(self, indices: Sequence[int]) -> Mapping[str, str]:
        """The chips and, where one process can take so many, their layout."""
        visible = {"TPU_VISIBLE_CHIPS": ",".join(map(str, indices))}
        if len(indices) in _BOUNDS:
            visible |= {"TPU_CHIPS_PER_PROCESS_BOUNDS": _BOUNDS[len(indices)], "TPU_PROCESS_BOUNDS": "1,1,1"}
        return visible

    def power_note(self) -> str | None:
        """TPUs tell neither."""
        return "TPUs tell neither power nor energy"


PROBE = Tpu()
