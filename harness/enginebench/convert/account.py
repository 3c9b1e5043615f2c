"""What became of each key of a configuration file, and the account of it in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from enginebench.records import record

Status = Literal["whole", "in part", "not"]


@record
class Reason:
    """Why something is not carried over."""

    kind: str
    """What stands in the way, in words that are counted."""
    detail: str
    """Which one it is here."""

    def __str__(self) -> str:
        return f"{self.kind} ({self.detail})"


@record
class Outcome:
    """What became of one key of a file."""

    file: str
    """Name of the file."""
    key: str
    """The key."""
    place: str
    """File, with its folder, and line where it stands."""
    entries: int
    """What it holds of what can be carried over by itself: entries of a search space, or the key alone."""
    carried: int
    """How many of them were."""
    files: tuple[str, ...]
    """What was written for it, relative to the output folder."""
    held: tuple[tuple[Reason, ...], ...]
    """The reasons of each entry that was not carried over."""
    lost: tuple[str, ...]
    """What was dropped of that which was."""

    def status(self) -> Status:
        """Carried over whole, in part, or not at all."""
        if not self.carried:
            return "not"
        return "whole" if self.carried == self.entries and not self.lost else "in part"


@record
class Conversion:
    """What became of all files that were named."""

    outcomes: tuple[Outcome, ...]
    """One a key, in the files' order."""
    fields: Mapping[str, tuple[int, int]]
    """Field of a configuration to how often it stands in the files, and how often in what was carried over."""
    meanings: Mapping[str, str]
    """Field to what becomes of it."""
    beyond: tuple[str, ...]
    """What the files do not hold of what was measured."""

    def summary(self) -> str:
        """Counts by file and by reason, as Markdown."""
        parts = [_table(("file", "keys", "whole", "in part", "not", "entries", "carried over"), self._counts())]
        if any(one.held for one in self.outcomes):
            head = ("why entries are held back", "keys", "entries", "alone")
            parts.append(_table(head, self._reasons()))
            parts.append("`alone`: entries that nothing else holds back.\n")
        return "\n".join(parts)

    def document(self) -> str:
        """The whole account, as Markdown."""
        keys = [
            (
                f"`{one.key}`",
                one.place.rpartition("/")[2],
                one.status(),
                f"{one.carried} of {one.entries}",
                _files(one),
                _why(one),
            )
            for one in self.outcomes
        ]
        fields = [
            (
                f"`{name}`",
                str(total),
                str(carried),
                self.meanings.get(name, "not known here: what holds it is left out"),
            )
            for name, (total, carried) in sorted(self.fields.items())
        ]
        head = ("key", "at", "carried over", "entries", "into", "what not, and why")
        parts = ["# What was carried over\n", self.summary()]
        parts += ["## By reason\n", _table(("reason", "which", "entries", "alone"), self._details())]
        parts += ["## Not in the files\n", "".join(f"- {line}\n" for line in self.beyond)]
        parts += ["## By field\n", _table(("field", "times", "carried over", "becomes"), fields)]
        parts += ["## By key\n", _table(head, keys)]
        return "\n".join(parts)

    def _counts(self) -> Iterator[Sequence[str]]:
        for file in dict.fromkeys(one.file for one in self.outcomes):
            these = [one for one in self.outcomes if one.file == file]
            status = Counter(one.status() for one in these)
            sums = (sum(one.entries for one in these), sum(one.carried for one in these))
            yield file, *map(str, (len(these), status["whole"], status["in part"], status["not"], *sums))

    def _reasons(self) -> Iterator[Sequence[str]]:
        keys: Counter[str] = Counter()
        entries: Counter[str] = Counter()
        alone: Counter[str] = Counter()
        for one in self.outcomes:
            kinds = [{reason.kind for reason in entry} for entry in one.held]
            keys.update(set().union(*kinds))
            for these in kinds:
                entries.update(these)
                alone.update(these if len(these) == 1 else ())
        for kind, count in entries.most_common():
            yield kind, str(keys[kind]), str(count), str(alone[kind])

    def _details(self) -> Iterator[Sequence[str]]:
        held = [set(entry) for one in self.outcomes for entry in one.held]
        found = Counter(reason for entry in held for reason in entry)
        alone = Counter(reason for entry in held if len(entry) == 1 for reason in entry)
        for reason, count in sorted(found.items(), key=lambda item: (item[0].kind, -item[1], item[0].detail)):
            yield reason.kind, f"`{reason.detail}`", str(count), str(alone[reason])


def _at(one: Outcome) -> str:
    return one.place.rpartition("/")[2]


def _files(one: Outcome) -> str:
    return ", ".join(f"`{name}`" for name in one.files) or "–"


def _why(one: Outcome) -> str:
    reasons = dict.fromkeys(str(reason) for entry in one.held for reason in entry)
    return "; ".join([*reasons, *one.lost]) or "–"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
