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
    digest = _digest(Path(found))
    absent = {"lock_hash": note, **({} if digest else {"digest": f"{found} may not be read"})}
    return Prepared(executable=Path(found), python=None, digest=digest, notes=(note,), absent=absent)


def _digest(path: Path) -> str | None:
    """`sha256:…` of the file; null for one that may be run but not read."""
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return None
