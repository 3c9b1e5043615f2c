"""A foreign file and what all importers do with it: read JSON, tell what is wrong, keep numbers as given."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from enginebench.errors import UserError, mistake
from enginebench.importers._rows import Refused, each, rows
from enginebench.records import ForeignPoint, SameAs

MS = 1e6
"""From ms to ns."""
S = 1e9
"""From s to ns."""
INTERPOLATED = "interpolated between two samples, however few; here a percentile is a sample, and needs enough of them"
Said = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From an object of the file to ForeignPoint's fields."""
Judged = Callable[[Mapping[str, Any]], tuple[dict[str, tuple[str, float]], dict[str, str]]]
"""From an object of the file to the figures that are metrics of ours, with factors, and to how others differ."""
PER_DEPLOYMENT = "of the whole deployment; here it is per accelerator, and the file does not say how many"


class Source:
    """A file of one tool; raises UserError if it can't be read."""

    def __init__(self, tool: str, path: Path, makes: str) -> None:
        self.tool, self.path = tool, path
        self._makes = makes
        """How the tool is told to write such a file."""
        try:
            self.content = path.read_bytes()
        except OSError as error:
            raise mistake(str(path), f"cannot be read: {error.strerror}", "name an existing file") from None

    def wrong(self, what: str) -> UserError:
        """The error that the file is not what this importer reads."""
        return mistake(str(self.path), what, f"name a file written by {self._makes}, or another tool by --as")

    def text(self) -> str:
        """The file's text; raises UserError where it holds none."""
        try:
            text = self.content.decode()
        except UnicodeDecodeError:
            raise self.wrong("is no text: not UTF-8") from None
        if not text.strip():
            raise self.wrong("is empty")
        return text

    def documents(self) -> Sequence[Mapping[str, Any]]:
        """The JSON objects in the file, one or one a line."""
        text = self.text()
        try:
            found = [json.loads(text)]
        except ValueError:
            found = list(self._lines(text))
        if not all(isinstance(one, dict) for one in found):
            raise self.wrong("holds JSON, but no object")
        return found

    def document(self) -> Mapping[str, Any]:
        """The only JSON object in the file."""
        first, *more = self.documents()
        if more:
            raise self.wrong(f"holds {1 + len(more)} JSON objects, where {self.tool} writes one")
        return first

    def _lines(self, text: str) -> Iterator[Any]:
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                if line.strip():
                    yield json.loads(line)
            except ValueError as error:
                raise self.wrong(f"line {number} is no JSON ({error})") from None

    def expect(self, document: Mapping[str, Any], *keys: str) -> None:
        """Raise UserError unless the object has all of `keys`."""
        missing = [key for key in keys if key not in document]
        if missing:
            raise self.wrong(f"has no `{missing[0]}`, which every file of {self.tool} has")

    def runs(
        self, *keys: str, settings: Container[str], said: Said, judged: Judged
    ) -> Iterator[ForeignPoint | Refused]:
        """A point for each JSON object, all of which have `keys`: its figures stand at its top, among `settings`.

        For the files of vLLM's client and of those that come from it: `p99_ttft_ms` is a statistic, then what it is of.
        """

        def point(place: int, one: Mapping[str, Any]) -> ForeignPoint:
            self.expect(one, *keys)
            figures = {name: value for name, value in one.items() if name not in settings}
            same, unlike = judged(one)
            percentiles = interpolated(figures.keys() - same.keys(), lambda name: name.partition("_")[0])
            return self.point(place, said(one), figures, same, percentiles | unlike)

        yield from each(rows(self), point)

    def point(
        self,
        place: int,
        said: Mapping[str, Any],
        figures: Mapping[str, Any],
        same: Mapping[str, tuple[str, float]],
        unlike: Mapping[str, str],
        notes: Sequence[str] = (),
    ) -> ForeignPoint:
        """The point of this file; `said` holds ForeignPoint's other fields, those left out are null."""
        kept, infinite = finite(figures)
        # A mean latency of no sample is written as 0 by some.
        void = [name for name, (metric, _) in same.items() if metric.endswith("_ns") and kept.get(name) == 0]
        zeros = tuple(f"`{name}` is 0, which is the tool's word for no sample" for name in void)
        known = {name for name, value in kept.items() if value is not None and name not in void}
        return ForeignPoint(
            tool=self.tool,
            tool_version=said.get("tool_version"),
            file=self.path.name,
            file_sha256=hashlib.sha256(self.content).hexdigest(),
            place=place,
            date=said.get("date"),
            model=said.get("model"),
            engine=said.get("engine"),
            concurrency=number(said.get("concurrency")),
            rate_rps=number(said.get("rate_rps")),
            input_tokens=number(said.get("input_tokens")),
            output_tokens=number(said.get("output_tokens")),
            completed_requests=said.get("completed_requests"),
            failed_requests=said.get("failed_requests"),
            said=said.get("said", {}),
            figures=kept,
            same_as={
                name: SameAs(metric=metric, factor=factor) for name, (metric, factor) in same.items() if name in known
            },
            unlike={name: unlike[name] for name in kept if name in unlike},
            notes=(*notes, *infinite, *zeros),
        )


def counted_tokens(one: Mapping[str, Any], kind: str) -> float | None:
    """Mean `input` or `output` tokens of a completed request in a file of vLLM's client or of one from it."""
    total = one.get(f"total_{kind}_tokens")
    return total / one["completed"] if one["completed"] and total is not None else None


def number(value: Any) -> int | float | None:
    """`value` if it is a finite number; null for all else, also for `inf` in words."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def finite(figures: Mapping[str, Any]) -> tuple[dict[str, int | float | None], tuple[str, ...]]:
    """The numbers among `figures` as given, those not finite as null with a note each."""
    kept = {
        name: value for name, value in figures.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
    notes = tuple(f"`{name}` is {value} in the file" for name, value in kept.items() if not math.isfinite(value))
    return {name: number(value) for name, value in kept.items()}, notes


def interpolated(names: Iterable[str], statistic: Callable[[str], str]) -> dict[str, str]:
    """Those of `names` whose statistic, as `p99` or `median`, is a percentile, to why it is none of ours."""
    found = {name: statistic(name) for name in names}
    return {
        name: INTERPOLATED
        for name, word in found.items()
        if word == "median" or (word[:1] == "p" and word[1:].replace(".", "").isdecimal())
    }


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects with their names joined by dots; lists are left out."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            found |= flat(item, f"{prefix}{key}.")
        elif not isinstance(item, list):
            found[f"{prefix}{key}"] = item
    return found
