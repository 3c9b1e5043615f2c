"""The chain of manifests: each has a number, is made once, and says all; a reader takes the highest.

Making a file that must not be there yet is the swap: of two compactors one makes the next number, the other's work is
void. Nothing is ever replaced, so a reader of an older manifest still finds its files (until a day has passed).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from enginebench import __version__
from enginebench.records import Manifest, Part
from enginebench.records.files import from_json, to_json
from enginebench.store.place import Place

FOLDER = "manifests"
NONE = Manifest(sequence=0, writer="", written_utc="", harness_version=__version__, parts=(), trials={})
"""That of a store that was never compacted."""


def name(sequence: int) -> str:
    """Where the manifest of a number lies; names sort as numbers."""
    return f"{FOLDER}/{sequence:08}.json"


def sequences(place: Place) -> list[int]:
    """Numbers of the manifests that are there, rising."""
    stems = (one.removesuffix(".json") for one in place.names(FOLDER) if one.endswith(".json"))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def read(place: Place, sequence: int) -> Manifest:
    """The manifest of a number; raises UserError for one of an unknown version, FileNotFoundError for none."""
    where = name(sequence)
    return from_json(Manifest, place.read(where), f"{place.url}/{where}")


def every(place: Place) -> Iterator[Manifest]:
    """All manifests, rising, without those that a collector has removed since they were listed."""
    for sequence in sequences(place):
        with suppress(FileNotFoundError):
            yield read(place, sequence)


def newest(place: Place, known: Manifest = NONE) -> Manifest:
    """The highest manifest; `known` again where it still is."""
    found = sequences(place)
    return known if not found or found[-1] == known.sequence else read(place, found[-1])


def follow(
    place: Place,
    before: Manifest,
    parts: Sequence[Part],
    trials: Mapping[str, Collection[str]],
    dropped: Mapping[str, Collection[str]],
) -> Manifest | None:
    """Make the manifest after `before`; null if another writer was first."""
    made = Manifest(
        sequence=before.sequence + 1,
        writer=secrets.token_hex(8),
        written_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        harness_version=__version__,
        parts=tuple(sorted(parts, key=lambda one: (one.table, one.path))),
        trials={night: tuple(sorted(ids)) for night, ids in sorted(trials.items())},
        dropped={night: tuple(sorted(what)) for night, what in sorted(dropped.items())},
    )
    if place.create(name(made.sequence), to_json(made).encode()):
        return made
    return made if read(place, made.sequence).writer == made.writer else None
