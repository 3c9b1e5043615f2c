"""What this machine has, which engines can run on it, what is missing and the command that mends it."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from enginebench import accelerators, config, environment
from enginebench.engines import get
from enginebench.errors import TrialError
from enginebench.provision import endpoint, venv
from enginebench.records import EndpointProvision, EngineBuild, ExecutableProvision, VenvProvision

DISK_NEEDED_BYTES = 6_000_000_000
"""Room for two CPU engines and the converter with one torch between them (5 GB), a small model, and uv's cache."""


def diagnose(cache: Path, console: Console) -> bool:
    """Print the diagnosis; gives whether at least one engine can run here."""
    devices = accelerators.detect()
    here = environment.describe(devices)
    free_bytes = shutil.disk_usage(_existing(cache)).free
    console.print(f"[b]Machine[/b]  {here.host}, {here.os}, Python {here.python}", highlight=False)
    console.print(f"  CPU      {here.cpu}, {here.cores} cores, {here.memory_bytes / 1e9:.1f} GB", highlight=False)
    for device in devices:
        part = config.hardware(device.vendor, device.product)
        known = f"configs/hardware/{part.name}.yaml" if part else "not described: add it to configs/hardware"
        console.print(
            f"  {device.vendor:<8} {device.index}: {device.product}, {device.memory_bytes / 1e9:.1f} GB, driver "
            f"{device.driver or 'none'} ({known})",
            highlight=False,
        )
    note = accelerators.get(devices[0].vendor).power_note()
    console.print(f"  energy   {note or 'can be read'}", highlight=False)
    room = "enough" if free_bytes >= DISK_NEEDED_BYTES else "too little: name a larger folder with ENGINEBENCH_CACHE"
    console.print(f"  cache    {cache}: {free_bytes / 1e9:.0f} GB free, {room}", highlight=False)
    return _engines(devices[0].vendor, cache, console)


def _engines(vendor: str, cache: Path, console: Console) -> bool:
    table = Table(title=f"Engines on {vendor}")
    for name in ("engine", "version", "can run", "what is missing", "command that mends it"):
        table.add_column(name)
    any_runs = False
    for path in config.shipped("engines").values():
        for engine in (config.read_engine(path, version) for version in config.engine_versions(path)):
            get(engine.kind)
            build = next((build for name, build in engine.builds.items() if name == vendor), None)
            can, missing, remedy = _state(build, vendor, cache)
            any_runs = any_runs or can
            table.add_row(engine.name, engine.version, "yes" if can else "no", missing, remedy)
    console.print(table)
    return any_runs


def _state(build: EngineBuild | None, vendor: str, cache: Path) -> tuple[bool, str, str]:
    """Whether a build can run, what is missing, and the remedy."""
    if build is None:
        return False, f"no build for {vendor}", "add one to the engine's file"
    provision = build.provision
    if isinstance(provision, VenvProvision):
        if venv.built(provision, cache):
            return True, "nothing", ""
        return True, "its environment, made when first needed", "enginebench night configs/grids/quickstart.yaml"
    if isinstance(provision, ExecutableProvision) and shutil.which(provision.executable) is None:
        return False, f"command `{provision.executable}`", "run inside the engine's image, or install it on the PATH"
    if isinstance(provision, EndpointProvision):
        try:
            endpoint.prepare(provision)
        except TrialError:
            return False, f"a server at {provision.url}", "start it, or name another URL in a copy of the engine's file"
    return True, "nothing", ""


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
