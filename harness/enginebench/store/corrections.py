"""Invalidations of trials and runs, and their withdrawals: a file each, made once, never changed.

`invalidations/<id>.json`, and beside it `<id>.withdrawn.json` once it is taken back. They come over what results say
where those are read, so that compaction, signatures and copies know nothing of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enginebench.errors import mistake
from enginebench.records import Invalidation, Withdrawal, record
from enginebench.records.files import from_json, to_json
from enginebench.store.place import Place
from enginebench.store.view import FILE_NAME

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "invalidations"
_WITHDRAWN = ".withdrawn.json"


@record
class Correction:
    """An invalidation and what became of it."""

    invalidation: Invalidation
    withdrawal: Withdrawal | None
    """Null: it holds."""


class Corrections:
    """All of a place; what was read once is not read again, for it never changes."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._known: dict[str, Invalidation | Withdrawal] = {}

    def all(self) -> tuple[Correction, ...]:
        """Every invalidation, oldest first; raises UserError naming a file that can't be read."""
        for name in self.place.names(FOLDER):
            if name.endswith(".json") and name not in self._known:
                kind: type[Invalidation | Withdrawal] = Withdrawal if name.endswith(_WITHDRAWN) else Invalidation
                where = f"{FOLDER}/{name}"
                self._known[name] = from_json(kind, self.place.read(where), f"{self.place.url}/{where}")
        withdrawn = {one.invalidation: one for one in self._known.values() if isinstance(one, Withdrawal)}
        found = [one for one in self._known.values() if isinstance(one, Invalidation)]
        return tuple(
            Correction(invalidation=one, withdrawal=withdrawn.get(one.id))
            for one in sorted(found, key=lambda one: (one.made_utc, one.id))
        )

    def holding(self) -> Mapping[str, str]:
        """Trial or run to why it does not count, several reasons joined by `; `."""
        words: dict[str, list[str]] = {}
        for one in self.all():
            if one.withdrawal is None and one.invalidation.words() not in words.setdefault(one.invalidation.what, []):
                words[one.invalidation.what].append(one.invalidation.words())
        return {what: "; ".join(reasons) for what, reasons in words.items()}

    def invalidate(self, what: str, *, reason: str, author: str) -> Invalidation:
        """Say that a trial or run, which is stored, does not count."""
        now = datetime.now(UTC)
        made = Invalidation(
            id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
            what=what,
            reason=_said("--reason", reason),
            author=_said("--author", author),
            made_utc=now.isoformat(timespec="milliseconds"),
        )
        self._make(f"{made.id}.json", made)
        return made

    def withdraw(self, identity: str, *, reason: str, author: str) -> Withdrawal:
        """Take an invalidation back; raises UserError for an unknown one and one that is taken back already."""
        known = {one.invalidation.id: one for one in self.all()}
        if identity not in known:
            raise mistake(self.place.url, f"no invalidation `{identity}`", "see `enginebench results list`")
        made = Withdrawal(
            invalidation=identity,
            reason=_said("--reason", reason),
            author=_said("--author", author),
            made_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        if known[identity].withdrawal is not None or not self._make(f"{identity}{_WITHDRAWN}", made):
            raise mistake(
                self.place.url,
                f"the invalidation {identity} is withdrawn already",
                "invalidate the trial or run anew if it does not count after all",
            )
        return made

    def add(self, others: Iterable[Correction]) -> int:
        """Take in another place's; gives how many records were not here."""
        new = 0
        self.all()
        for one in others:
            identity = one.invalidation.id
            if not FILE_NAME.fullmatch(identity):
                raise mistake(f"invalidation `{identity}`", "cannot name a file", "take one that enginebench wrote")
            new += self._make(f"{identity}.json", one.invalidation)
            if one.withdrawal is not None:
                new += self._make(f"{identity}{_WITHDRAWN}", one.withdrawal)
        return new

    def _make(self, name: str, made: Invalidation | Withdrawal) -> bool:
        """Write a record; whether it was this writer's to write."""
        where, content = f"{FOLDER}/{name}", to_json(made).encode()
        if name in self._known:
            return False
        # An object store may have taken it though its answer was lost.
        return self.place.create(where, content) or self.place.read(where) == content


def overlay(runs: pd.DataFrame, holding: Mapping[str, str]) -> Sequence[str]:
    """Why each row of `runs` (with `trial` and `run`) does not count; empty where it does."""
    if not holding:
        return [""] * len(runs)
    return [
        "; ".join(dict.fromkeys(holding[one] for one in pair if one in holding))
        for pair in zip(runs["trial"], runs["run"], strict=True)
    ]


def _said(option: str, words: str) -> str:
    """`words` in one line; raises UserError where nothing is said."""
    text = " ".join(words.split())
    if not text:
        raise mistake(f"{option} `{words}`", "says nothing", "write it in words")
    return text
