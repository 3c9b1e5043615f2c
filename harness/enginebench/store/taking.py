"""All trials of another store taken in, if asked only those that a signature vouches for.

Each trial is taken or refused by itself: it is whole and immutable, and what was taken is not taken twice, so doing it
again when what was refused is mended takes in the rest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enginebench.errors import UserError, mistake
from enginebench.records import SignedTrial, record
from enginebench.store import digests, signing
from enginebench.store.view import MARKER, View

if TYPE_CHECKING:
    from enginebench.store.store import Store


@record
class Taken:
    """What became of another store's trials."""

    taken: tuple[str, ...]
    """Ids of those that are new here."""
    there: int
    """Those that were here already."""
    refused: tuple[str, ...]
    """A line a trial that was not taken, with the reason."""
    corrections: int
    """Invalidations and withdrawals that are new here."""
    corrections_left: int
    """Those that were left behind, since no signature covers them."""


_Vouched = Mapping[str, SignedTrial] | UserError
"""Trial to what was signed of it, of a night; or why the night's signature is worth nothing."""


def take_in(store: Store, other: Store, key: Any | None = None) -> Taken:
    """Take in all trials of `other`; with a public `key` only those that are what it signed.

    Its corrections come along, but not where a key is asked for. Raises UserError where a store cannot be reached.
    """
    view = other.view()
    taken, there, refused = [], 0, []
    signed: dict[str, _Vouched] = {}
    for night in {*view.all().values(), *(_signed_nights(other) if key is not None else ())}:
        signed[night] = {} if key is None else _vouched(other, night, key)
    for trial, night in sorted(view.all().items(), key=lambda one: (one[1], one[0])):
        try:
            if key is None and store.stored(night, trial) == view.file(night, trial, MARKER):
                there += 1
            elif _take(store, view, night, trial, None if key is None else signed[night]):
                taken.append(trial)
            else:
                there += 1
        except UserError as error:
            refused.append(f"trial {trial} of night {night}: {error}")
    for night, its in sorted(signed.items()):
        missing = sorted(its.keys() - set(view.trials(night))) if isinstance(its, Mapping) else ()
        refused += [f"trial {trial} of night {night}: was signed, and is missing" for trial in missing]
    try:
        found = other.corrections()
        new = store.add_corrections(found) if key is None else 0
    except UserError as error:
        refused.append(f"corrections: {error}")
        found, new = (), 0
    left = len(found) if key is not None else 0
    return Taken(taken=tuple(taken), there=there, refused=tuple(refused), corrections=new, corrections_left=left)


def _take(store: Store, view: View, night: str, trial: str, signed: _Vouched | None) -> bool:
    """Take in one trial, whether it is new here; raises UserError saying why not."""
    import pyarrow as pa

    with tempfile.TemporaryDirectory(prefix="enginebench-ingest-") as aside:
        folder = Path(aside) / "trial"
        try:
            view.fetch(night, trial, folder)
            # What is held against the signature is the very copy that is taken in.
            found = None if signed is None else digests.of_folder(trial, folder)
        except (OSError, ValueError, pa.ArrowException) as error:
            words = " ".join(str(error).split())
            raise mistake(view.place.url, f"it cannot be read: {words}", "take a whole copy") from None
        if isinstance(signed, UserError):
            raise signed
        if signed is not None and found is not None:
            _check(signed, found, view.manifest.dropped.get(night, ()))
        return store.ingest(folder).taken


def _check(signed: Mapping[str, SignedTrial], found: SignedTrial, dropped: Collection[str]) -> None:
    remedy = "ask whoever signed the night for it"
    if found.trial not in signed:
        raise mistake(found.trial, "was not signed", remedy)
    if wrong := digests.differences(signed[found.trial], found, dropped):
        raise mistake(found.trial, ", ".join(wrong), remedy)


def _signed_nights(other: Store) -> list[str]:
    names = other.place.names(signing.FOLDER)
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def _vouched(other: Store, night: str, key: Any) -> _Vouched:
    try:
        return {one.trial: one for one in signing.signed_night(other.place, night, key).trials}
    except UserError as error:
        return error
