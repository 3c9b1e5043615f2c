"""An engine that is installed already."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from enginebench.errors import TrialError
from enginebench.provision.prepared import Prepared
from enginebench.records import ExecutableProvision


def prepare(provision: ExecutableProvision) -> Prepared:
    """Find the command; raises TrialError if it is not there."""
    found = shutil.which(provision.executable)
    if found is None:
        raise TrialError("provision", f"no command `{provision.executable}`: install the engine and put it on the PATH")
    note = f"{found} was installed already: its versions are not recorded"
    with open(found, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Prepared(
        executable=Path(found), python=None, digest=f"sha256:{digest}", notes=(note,), absent={"lock_hash": note}
    )
