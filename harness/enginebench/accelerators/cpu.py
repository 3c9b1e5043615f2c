"""The CPU as an accelerator: one device for all cores this process may use. Energy by RAPL where it may be read."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from enginebench.accelerators import Reading
from enginebench.records import Accelerator

_POWERCAP = Path("/sys/class/powercap")
_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def model() -> str:
    """The CPU's model name, as the kernel gives it; its architecture where the kernel gives none."""
    match = re.search(r"^model name\s*:\s*(\S.*)$", _text(_PROC / "cpuinfo"), re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine() or "CPU"


def cores() -> int:
    """CPU cores this process may run on, by its affinity."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Memory this process may use, bytes: the machine's, or the lowest limit of the cgroups it is in."""
    limits = [psutil.virtual_memory().total]
    for line in _text(_PROC / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):  # version 2; version 1
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            group = _CGROUP / controllers / path.lstrip("/")
            texts = [_text(folder / name) for folder in (group, *group.parents)]
            limits += [int(text) for text in texts if text.isdigit()]
    return min(limits)


class Cpu:
    """The machine's CPUs. An instance carries the energy counter on over the wraps that it sees."""

    def __init__(self) -> None:
        self._last_uj: dict[Path, int] = {}
        self._total_uj = 0

    def _energy_j(self) -> float | None:
        """Energy of all packages, J; null if any is not readable. To be read more than once a wrap (minutes)."""
        # A zone is a package, a part of one, or all of the machine; `intel-rapl-mmio:` holds the packages once more.
        packages = [path for path in _POWERCAP.glob("intel-rapl:*") if _text(path / "name").startswith("package")]
        for path in packages:
            now, wrap = _text(path / "energy_uj"), _text(path / "max_energy_range_uj")
            if not (now.isdigit() and wrap.isdigit()):
                return None
            step_uj = int(now) - self._last_uj.get(path, 0)
            self._last_uj[path] = int(now)
            self._total_uj += step_uj if step_uj >= 0 else step_uj + int(wrap)
        return self._total_uj / 1e6 if packages else None

    def discover(self) -> tuple[Accelerator, ...]:
        """One device; `cores` by affinity, memory within the cgroup's limit."""
        return (Accelerator(vendor="cpu", index=0, product=model(), memory_bytes=memory_bytes(), cores=cores()),)

    def sample(self, indices: Sequence[int]) -> tuple[Reading, ...]:
        """Energy, utilisation since the last call (since import at first) and memory in use, of the whole machine."""
        memory = psutil.virtual_memory()
        reading = Reading(
            index=0,
            power_w=None,
            energy_j=self._energy_j(),
            utilisation=psutil.cpu_percent() / 100,
            memory_bytes=memory.total - memory.available,
            temperature_c=None,
        )
        return (reading,) if 0 in indices else ()

    def visible_devices(self, indices: Sequence[int]) -> Mapping[str, str]:
        """Nothing: an engine sees the cores it inherits."""
        return {}

    def power_note(self) -> str | None:
        """Null where RAPL's counters may be read."""
        return None if Cpu()._energy_j() is not None else f"no readable RAPL energy counter under {_POWERCAP}"


PROBE = Cpu()
