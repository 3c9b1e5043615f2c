"""What a site has: found on this machine, or stated by its file."""

from __future__ import annotations

from enginebench import accelerators, assets, config
from enginebench.errors import mistake
from enginebench.records import Accelerator, Inventory


def inventory(site: config.Site) -> tuple[Inventory, config.Hardware | None]:
    """The devices of `site`, and what is known of the part; raises UserError if a stated part has no memory size."""
    if site.hardware is None:
        devices = accelerators.detect()
        part = config.hardware(devices[0].vendor, devices[0].product)
    else:
        path = assets.root() / "configs" / "hardware" / f"{site.hardware.name}.yaml"
        part = config.read_hardware(path)
        if part.memory_bytes is None:
            raise mistake(str(path), "no `memory_bytes`", "plan on the machine itself, or state its memory")
        devices = tuple(
            Accelerator(
                vendor=part.vendor, index=index, product=part.product, memory_bytes=int(part.memory_bytes.value)
            )
            for index in range(site.hardware.count)
        )
    found = Inventory(site=site.name, launcher=site.launcher, accelerators=devices, hourly_usd=site.hourly_usd)
    return found, part
