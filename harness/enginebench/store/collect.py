"""What nobody reads any more: leftovers of dead writers, folders that are in parts, earlier parts and manifests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from enginebench.records import Manifest
from enginebench.store import compact, corrections, foreign, manifests
from enginebench.store.place import ASIDE, Found, Place
from enginebench.store.view import MARKER, home, nights


def collect(place: Place, older_than_s: float) -> tuple[str, ...]:
    """Remove what has been of no use for so long, so that whoever began to read or write before is done.

    A trial's folder goes once a manifest that old names it; a manifest once one that old is newer; a part once no
    manifest that is left names it. Gives what was removed, folders as one.
    """
    limit = time.time() - older_than_s
    removed = _folders(place, limit) + _manifests(place, limit)
    named = {part.path for one in manifests.every(place) for part in one.parts}
    removed += [_remove(place, one) for one in place.find(compact.FOLDER) if _old(one, limit) and one.name not in named]
    for folder in (foreign.FOLDER, manifests.FOLDER, corrections.FOLDER, "calibrations", "signatures"):
        removed += [_remove(place, one) for one in place.find(folder) if _old(one, limit) and ASIDE in one.name]
    return tuple(removed)


def _old(one: Found, limit: float) -> bool:
    return one.changed_s < limit


def _folders(place: Place, limit: float) -> list[str]:
    """Folders of trials that are in parts, and of writers that died before they had written the marker."""
    settled = _settled(place, limit)
    compacted = {} if settled is None else {night: set(ids) for night, ids in settled.trials.items()}
    removed, markers, rest = [], [], []
    for night in nights(place):
        within: dict[str, list[Found]] = {}
        for one in place.find(f"night={night}"):
            within.setdefault(one.name.split("/")[1].removeprefix("trial="), []).append(one)
        for trial, files in within.items():
            folder = home(night, trial)
            marked = any(one.name == f"{folder}/{MARKER}" for one in files)
            if trial in compacted.get(night, ()):
                markers += [one.name for one in files if one.name == f"{folder}/{MARKER}"]
                rest += [one.name for one in files if one.name != f"{folder}/{MARKER}"]
                removed.append(folder)
            elif not marked and all(_old(one, limit) for one in files):
                removed += _leftover(place, folder, files, limit)
            else:
                removed += [_remove(place, one) for one in files if ASIDE in one.name and _old(one, limit)]
    # The markers first: what is left of a collector that dies is a leftover.
    place.remove_all(markers)
    place.remove_all(rest)
    return removed


def _leftover(place: Place, folder: str, files: Sequence[Found], limit: float) -> list[str]:
    """Remove what a dead writer left, unless a writer has come to it since the files were listed."""
    for one in files:
        # A trial that is taken in again has the same folder: its first new file makes it young.
        if any(not _old(now, limit) or now.name == f"{folder}/{MARKER}" for now in place.find(folder)):
            return []
        place.remove(one.name)
    return [folder]


def _settled(place: Place, limit: float) -> Manifest | None:
    """The newest manifest that is old enough for every reader to have seen it."""
    for found in reversed(list(manifests.every(place))):
        if datetime.fromisoformat(found.written_utc) < datetime.fromtimestamp(limit, UTC):
            return found
    return None


def _manifests(place: Place, limit: float) -> list[str]:
    """Manifests older than the one that every reader has seen."""
    settled = _settled(place, limit)
    old = [one for one in manifests.sequences(place) if settled is not None and one < settled.sequence]
    for sequence in old:
        place.remove(manifests.name(sequence))
    return [manifests.name(sequence) for sequence in old]


def _remove(place: Place, one: Found) -> str:
    place.remove(one.name)
    return one.name
