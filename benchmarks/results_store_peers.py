"""The environment of the stores that ours is held against, made from `peer_pins/stores.txt` when it is missing."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from enginebench import assets
from enginebench.errors import TrialError, UserError
from enginebench.provision import uv

PINS = Path(__file__).parent / "peer_pins" / "stores.txt"


def python() -> str:
    """Python of the environment; raises LookupError with the reason where it cannot be made here."""
    pins = hashlib.sha256(PINS.read_bytes()).hexdigest()[:8]
    place = assets.cache().with_name("enginebench-benchmarks") / f"stores-{pins}"
    program, whole, log = place / "bin" / "python", place / "whole", place.with_name(f"{place.name}.log")
    if not whole.exists():
        print(f"installing Delta Lake and LanceDB, once (log: {log})", file=sys.stderr)
        try:
            uv.call(["venv", "--clear", "--python", sys.executable, str(place)], log)
            target = ["--python", str(program), "--no-deps", "--compile-bytecode"]
            uv.install([*target, "--requirements", str(PINS)], log, None)
        except (TrialError, UserError) as error:
            raise LookupError(f"the peers can't be installed here: {error}") from None
        whole.touch()
    return str(program)


def version(name: str) -> str:
    """The pinned version of a distribution."""
    pins = dict(line.split("==") for line in PINS.read_text().split())
    return pins[name]
