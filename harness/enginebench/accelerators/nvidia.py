"""NVIDIA GPUs, by NVML through `nvidia-ml-py` (`pip install enginebench[nvidia]`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import psutil

from enginebench.accelerators import Reading, granted
from enginebench.records import Accelerator


@cache
def _library() -> Any | None:
    """NVML, ready to be asked; null without the Python package, the library or the driver."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _ask(function: Callable[..., Any], *arguments: Any) -> Any | None:
    """What NVML answers; null where this part, driver or user does not get an answer."""
    library = _library()
    assert library is not None
    try:
        answer = function(*arguments)
    except library.NVMLError:
        return None
    return answer.decode() if isinstance(answer, bytes) else answer  # names are bytes in older versions


class Nvidia:
    """GPUs in NVML's order, which is that of the PCI bus."""

    def discover(self) -> tuple[Accelerator, ...]:
        """The GPUs that `CUDA_VISIBLE_DEVICES`, where inherited, grants; not the slices (MIG) of one."""
        nvml = _library()
        if nvml is None:
            return ()
        handles = [_ask(nvml.nvmlDeviceGetHandleByIndex, index) for index in range(_ask(nvml.nvmlDeviceGetCount) or 0)]
        ids = [(_ask(nvml.nvmlDeviceGetUUID, handle) if handle else None) or "lost" for handle in handles]
        driver = _ask(nvml.nvmlSystemGetDriverVersion)
        found = []
        for index in granted("CUDA_VISIBLE_DEVICES", ids):
            if handles[index] is None:  # fallen off the bus
                continue
            memory = _ask(nvml.nvmlDeviceGetMemoryInfo, handles[index])
            found.append(
                Accelerator(
                    vendor="nvidia",
                    index=index,
                    product=_ask(nvml.nvmlDeviceGetName, handles[index]) or "NVIDIA GPU",
                    # A part that shares the CPU's memory has none of its own to tell of.
                    memory_bytes=int(memory.total) if memory else psutil.virtual_memory().total,
                    driver=driver,
                )
            )
        return tuple(found)

    def sample(self, indices: Sequence[int]) -> tuple[Reading, ...]:
        """Power (NVML gives mW), energy since the driver was loaded (mJ), utilisation (%), memory, temperature."""
        nvml = _library()
        return () if nvml is None else tuple(self._reading(nvml, index) for index in indices)

    def _reading(self, nvml: Any, index: int) -> Reading:
        handle = _ask(nvml.nvmlDeviceGetHandleByIndex, index)
        power_mw = _ask(nvml.nvmlDeviceGetPowerUsage, handle)
        energy_mj = _ask(nvml.nvmlDeviceGetTotalEnergyConsumption, handle)
        rates = _ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = _ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        return Reading(
            index=index,
            power_w=None if power_mw is None else power_mw / 1e3,
            energy_j=None if energy_mj is None else energy_mj / 1e3,
            utilisation=None if rates is None else rates.gpu / 100,
            memory_bytes=None if memory is None else int(memory.used),
            temperature_c=_ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        )

    def visible_devices(self, indices: Sequence[int]) -> Mapping[str, str]:
        """CUDA's choice, and its numbering made NVML's (its own puts the fastest first)."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, indices)), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def power_note(self) -> str | None:
        """Null where NVML answers."""
        return None if _library() else "NVML is not available (nvidia-ml-py and the NVIDIA driver)"


PROBE = Nvidia()
