"""A night's signature: the hashes of all its trials in `signatures/<night>.json`, signed as minisign signs.

`minisign -Vm signatures/<night>.json -p KEY` verifies it without us. Signing again replaces both files; a signer that
dies between them leaves a night that does not verify until it is signed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enginebench.errors import UserError, mistake
from enginebench.records import SignedNight, SignedTrial
from enginebench.records.files import from_json, to_json
from enginebench.store import digests
from enginebench.store.place import Place
from enginebench.store.view import FILE_NAME, View

if TYPE_CHECKING:
    from enginebench.store.store import Store

FOLDER = "signatures"


def secret_key(path: Path, ask: Callable[[], str]) -> Any:
    """The secret key in a file of minisign's, its password asked for where it has one; raises UserError."""
    with _told(str(path), "name a secret key that `minisign -G` made"):
        key = _minisign().SecretKey.from_file(path)
    if key.is_encrypted():
        with _told(str(path), "give its password"):
            key.decrypt(ask())
    return key


def public_key(given: str) -> Any:
    """The public key in a file of minisign's, or written out (`RW…`); raises UserError."""
    kind = _minisign().PublicKey
    with _told(given, "name a public key file, or write the key as its second line has it"):
        return kind.from_file(given) if Path(given).is_file() else kind.from_base64(given)


def sign(store: Store, night: str, key: Any) -> SignedNight:
    """Sign all that is stored of a night; raises UserError where that is nothing or cannot be read."""
    view = store.view()
    trials = view.trials(night)
    if not trials or not FILE_NAME.fullmatch(night):
        raise mistake(store.url, f"no trial of a night `{night}`", "see `enginebench results list`")
    signed = SignedNight(night=night, trials=tuple(_read(view, night, trial) for trial in trials))
    content = to_json(signed).encode()
    comment = f"timestamp:{int(datetime.now(UTC).timestamp())}\tfile:{night}.json\thashed"
    signature = bytes(key.sign(content, prehash=True, trusted_comment=comment))
    store.place.write(f"{FOLDER}/{night}.json", content)
    store.place.write(f"{FOLDER}/{night}.json.minisig", signature + b"\n")
    return signed


def signed_night(place: Place, night: str, key: Any) -> SignedNight:
    """What was signed of a night; raises UserError where there is no signature, or none by `key` of what is there."""
    where = f"{place.url}/{FOLDER}/{night}.json"
    try:
        content, signature = (place.read(f"{FOLDER}/{night}.json{end}") for end in ("", ".minisig"))
    except FileNotFoundError:
        raise mistake(where, "the night is not signed", "sign it: `enginebench results sign`") from None
    with _told(where, "name the key of whoever signed it, or have it signed anew"):
        key.verify(content, _minisign().Signature.from_bytes(signature))
    signed = from_json(SignedNight, content, where)
    if signed.night != night:
        raise mistake(where, f"is the signature of night {signed.night}", "have this night signed")
    return signed


def verify(store: Store, night: str, key: Any) -> tuple[str, ...]:
    """How a stored night is not what was signed, a line each; raises UserError where it is not signed by `key`."""
    signed = {one.trial: one for one in signed_night(store.place, night, key).trials}
    view = store.view()
    dropped = view.manifest.dropped.get(night, ())
    lines = []
    for trial in sorted({*signed, *view.trials(night)}):
        if trial not in signed:
            lines.append(f"trial {trial}: was not signed")
        elif trial not in view.trials(night):
            lines.append(f"trial {trial}: was signed, and is missing")
        else:
            try:
                found = digests.differences(signed[trial], _read(view, night, trial), dropped)
            except UserError as error:
                found = (str(error),)
            lines += [f"trial {trial}: {phrase}" for phrase in found]
    return tuple(lines)


def _read(view: View, night: str, trial: str) -> SignedTrial:
    """A stored trial's hashes; raises UserError where it cannot be read."""
    import pyarrow as pa

    try:
        return digests.of_view(view, night, trial)
    except (OSError, ValueError, pa.ArrowException) as error:
        words = " ".join(str(error).split())
        raise mistake(f"{view.place.url}: trial {trial}", f"cannot be read: {words}", "take a whole copy") from None


@contextmanager
def _told(place: str, remedy: str) -> Iterator[None]:
    """What minisign finds wrong, and a file that cannot be read, in one sentence."""
    try:
        yield
    except OSError as error:
        raise mistake(place, f"cannot be read: {error.strerror}", remedy) from None
    except _minisign().Error as error:
        raise mistake(place, str(error), remedy) from None


def _minisign() -> Any:
    try:
        import minisign
    except ImportError:
        raise mistake("signing", "needs py-minisign", "pip install 'enginebench[signing]'") from None
    return minisign
