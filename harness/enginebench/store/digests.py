"""What a trial holds, as hashes that are the same in its folder, in compacted parts and in a copy."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from enginebench import tables
from enginebench.records import SignedTrial
from enginebench.store.prune import CHUNK_TIMES
from enginebench.store.view import View

_REDUCED = "-chunk_times"
"""Behind the name of a table: its digest without the columns that retention may drop before the rest."""


def of_view(view: View, night: str, trial: str) -> SignedTrial:
    """The hashes of a stored trial."""
    read = ((name, view.table(night, trial, name)) for name in view.tables(night, trial))
    return _hashed(trial, view.other_files(night, trial), read)


def of_folder(trial: str, folder: Path) -> SignedTrial:
    """The hashes of a trial's folder."""
    import pyarrow.parquet as pq

    kinds = {folder / f"{kind}.parquet": kind for kind in tables.COLUMNS}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path not in kinds}
    read = ((kinds[path], pq.read_table(path, partitioning=None)) for path in paths if path in kinds)
    return _hashed(trial, files, read)


def _hashed(trial: str, files: Mapping[str, bytes], read: Iterable[tuple[str, Any]]) -> SignedTrial:
    digests = {}
    for name, table in read:
        if table is None:
            continue
        digests[name] = tables.content_digest(table)
        if times := [column for column in CHUNK_TIMES if column in table.column_names]:
            digests[name + _REDUCED] = tables.content_digest(table.drop_columns(times))
    return SignedTrial(
        trial=trial,
        files={name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
        tables=dict(sorted(digests.items())),
    )


def differences(signed: SignedTrial, found: SignedTrial, dropped: Collection[str] = ()) -> tuple[str, ...]:
    """How a trial is not what was signed, a phrase each; what retention has `dropped` of its night may be missing."""
    phrases = []
    for name in sorted({*signed.files, *found.files}):
        if name not in signed.files:
            phrases.append(f"{name} was not signed")
        elif name not in found.files:
            phrases += [] if "logs" in dropped and name.endswith(".log") else [f"{name} is missing"]
        elif signed.files[name] != found.files[name]:
            phrases.append(f"{name} is not what was signed")
    for name in sorted({one.removesuffix(_REDUCED) for one in (*signed.tables, *found.tables)}):
        if name not in signed.tables:
            phrases.append(f"the table `{name}` was not signed")
        elif name not in found.tables:
            phrases += [] if name in dropped else [f"the table `{name}` is missing"]
        elif found.tables[name] != signed.tables[name] and not (
            "chunk_times" in dropped and found.tables[name] == signed.tables.get(name + _REDUCED)
        ):
            phrases.append(f"the table `{name}` is not what was signed")
    return tuple(phrases)
