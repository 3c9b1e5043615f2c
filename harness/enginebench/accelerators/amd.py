"""AMD GPUs, by AMD SMI through `amdsmi`, which comes with ROCm."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psutil

from enginebench.accelerators import Reading, granted
from enginebench.records import Accelerator


@cache
def _library() -> Any | None:
    """AMD SMI, ready to be asked; null without the Python package or its library."""
    try:
        with contextlib.redirect_stdout(None):  # it prints where it finds no libamd_smi.so
            import amdsmi
    except (ImportError, KeyError, OSError):  # KeyError: what it then raises (7.0.2)
        return None
    _ask(amdsmi, "amdsmi_init")  # where it fails, so does every question that follows
    return amdsmi


def _ask(smi: Any, name: str, *arguments: Any) -> Any | None:
    """What AMD SMI's function `name` answers; null where it, the part or the driver has no answer."""
    try:
        return getattr(smi, name)(*arguments)
    except (smi.AmdSmiException, AttributeError):  # AttributeError: an older version without that function
        return None


def _field(answer: Mapping[str, Any] | None, *names: str) -> Any | None:
    """The first of these fields that holds something; AMD SMI writes `N/A` where it has nothing."""
    values = [answer.get(name) for name in names] if answer else []
    return next((value for value in values if value not in (None, "", "N/A")), None)


def _gpus() -> list[tuple[str, Any]]:
    """Ids and handles, as HIP and `ROCR_VISIBLE_DEVICES` number the GPUs where AMD SMI tells (ROCm 6.4 on)."""
    smi = _library()
    handles = (_ask(smi, "amdsmi_get_processor_handles") if smi else None) or []
    facts = [_ask(smi, "amdsmi_get_gpu_enumeration_info", handle) for handle in handles]
    order = sorted(range(len(handles)), key=lambda position: _field(facts[position], "hip_id") or 0)
    return [(str(_field(facts[position], "hip_uuid")), handles[position]) for position in order]


def _reading(smi: Any, index: int, handle: Any) -> Reading:
    energy = _ask(smi, "amdsmi_get_energy_count", handle)
    count, resolution_uj = _field(energy, "energy_accumulator", "power"), _field(energy, "counter_resolution")
    power = _ask(smi, "amdsmi_get_power_info", handle)
    busy = _field(_ask(smi, "amdsmi_get_gpu_activity", handle), "gfx_activity")
    used_mib = _field(_ask(smi, "amdsmi_get_gpu_vram_usage", handle), "vram_used")
    spot = smi.AmdSmiTemperatureType.HOTSPOT, smi.AmdSmiTemperatureMetric.CURRENT
    return Reading(
        index=index,
        power_w=_field(power, "socket_power", "current_socket_power", "average_socket_power"),
        energy_j=count * resolution_uj / 1e6 if count and resolution_uj else None,  # at nothing: there is no counter
        utilisation=None if busy is None else busy / 100,
        memory_bytes=None if used_mib is None else used_mib * 2**20,
        temperature_c=_ask(smi, "amdsmi_get_temp_metric", handle, *spot),
    )


def _accelerator(smi: Any, index: int, handle: Any) -> Accelerator:
    product = _field(_ask(smi, "amdsmi_get_gpu_asic_info", handle), "market_name") or "AMD GPU"
    mib = _field(_ask(smi, "amdsmi_get_gpu_vram_info", handle), "vram_size")
    memory = mib * 2**20 if mib else psutil.virtual_memory().total  # a part that shares the CPU's memory
    driver = _field(_ask(smi, "amdsmi_get_gpu_driver_info", handle), "driver_version")
    return Accelerator(vendor="amd", index=index, product=product, memory_bytes=memory, driver=driver)


class Amd:
    """GPUs in HIP's order."""

    def discover(self) -> tuple[Accelerator, ...]:
        """The GPUs that `ROCR_VISIBLE_DEVICES`, where inherited, grants."""
        smi, gpus = _library(), _gpus()
        wanted = granted("ROCR_VISIBLE_DEVICES", [name for name, _ in gpus])
        return tuple(_accelerator(smi, index, gpus[index][1]) for index in wanted)

    def sample(self, indices: Sequence[int]) -> tuple[Reading, ...]:
        """Power (W), energy (accumulator × resolution, µJ), utilisation (%), memory (MiB), hot spot's temperature."""
        smi, gpus = _library(), _gpus()
        return tuple(_reading(smi, index, gpus[index][1]) for index in indices if index < len(gpus))

    def visible_devices(self, indices: Sequence[int]) -> Mapping[str, str]:
        """The runtime's choice, made below HIP, which then numbers from 0."""
        return {"ROCR_VISIBLE_DEVICES": ",".join(map(str, indices))}

    def power_note(self) -> str | None:
        """Null where AMD SMI answers."""
        return None if _gpus() else "AMD SMI finds no GPU (it needs amdsmi and the amdgpu driver)"


PROBE = Amd()
