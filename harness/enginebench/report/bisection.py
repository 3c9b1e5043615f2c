"""A bisection on a terminal and as Markdown: the end in a sentence, every step with its figures, what else differs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from enginebench.analysis.anytime import Found, Pair
from enginebench.analysis.bisect import MISS, Search, Step
from enginebench.bisection import Asked, Candidate, Outcome, PairSeen
from enginebench.metrics import METRICS
from enginebench.report import counted

_TITLES = ("step", "versions", "ratio", f"{100 * (1 - MISS):g} % interval", "p at most", "blocks", "found")
_VERDICTS: Mapping[str, str] = {
    "differ": "they differ",
    "alike": "no difference that matters",
    "changed": "changed already",
    "as before": "still as the first",
    "in part": "a part of it has changed already",
    "refuted": "they do not differ as the steps say",
    "open": "not known yet",
}
_KINDS: Mapping[str, str] = {"ends": "the two ends", "middle": "between them", "neighbours": "neighbours"}


def show_bisection(what: Asked, found: Outcome, screen: Console) -> None:
    """Everything of a bisection, as a table with lines around it."""
    screen.print(headline(what, found), highlight=False, markup=False, soft_wrap=True)
    table = Table()
    for name in _TITLES:
        table.add_column(name, justify="right" if name in ("ratio", "p at most", "blocks") else "left")
    for step in found.search.steps:
        table.add_row(*_cells(what, step, found.pairs))
    screen.print(table)
    for line in _foot(what, found):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)


def markdown(what: Asked, found: Outcome, command: str) -> str:
    """The same for an issue or a pull request; `command` is what made it."""
    rows = [_cells(what, step, found.pairs) for step in found.search.steps]
    lines = [f"### {_safe(headline(what, found))}", "", f"| {' | '.join(_TITLES)} |", f"|{'---|' * len(_TITLES)}"]
    lines += [f"| {' | '.join(map(_safe, row))} |" for row in rows]
    lines += [
        "",
        *(f"- {_safe(line)}" if not line.startswith(" ") else f"  - {_safe(line)}" for line in _foot(what, found)),
    ]
    lines += ["", "Made, and gone on with, by", "", f"    {command}"]
    if found.search.status == "named":
        seen = found.pairs[found.search.pair]
        names = [_name(what, version) for version in found.search.pair]
        lines += ["", "The same pair by itself, and one server start of each once more:", ""]
        arms = [f"comparison={seen.comparison},arm={name}" for name in names]
        lines += [f"    enginebench compare {arms[0]} {arms[1]}"]
        lines += [f"    enginebench reproduce {seen.trials[name]}" for name in names]
    return "\n".join(lines) + "\n"


def headline(what: Asked, found: Outcome) -> str:
    """The end in a sentence: `worse: output throughput … fell by 5.1 % from 0.30.0 to 0.31.0`."""
    search, metric = found.search, METRICS[found.metric]
    first, last = (_name(what, version) for version in search.pair)
    of = f"{metric.title} of {what.engine} on {what.curve}"
    if search.status == "alike":
        return f"nothing to bisect: {of} differs by less than {found.rule.margin * 100:g} % from {first} to {last}"
    if search.status == "named":
        ratio = search.steps[-1].found
        assert ratio is not None
        word = "worse" if found.worse() else "better"
        size = f"{_percent(ratio.log)} ({_percent(ratio.low)} to {_percent(ratio.high)})"
        return f"{word}: {of} changed by {size} from {first} to {last}"
    if search.status == "undecided":
        return f"undecided: {of}, between {first} and {last}: {search.why}"
    return f"under way: {of}, next {first} against {last}"


def step_line(what: Asked, search: Search, pairs: Mapping[Pair, PairSeen]) -> str:
    """The step at work in a line, for a log: who is measured against whom, and why."""
    step = search.steps[-1]
    low, high = (_name(what, version) for version in step.around)
    first, second = (_name(what, version) for version in search.pair)
    seen = pairs.get(search.pair)
    known = f", {counted(seen.blocks, 'block')} so far" if seen else ""
    return f"{_KINDS[step.kind]} ({low} … {high}): {first} against {second}{known}"


def candidates(found: Sequence[Candidate]) -> str:
    """The list of versions in a line, with their days: `0.30.0 (2026-09-22), 0.31.0`."""
    return ", ".join(one.version + (f" ({one.uploaded})" if one.uploaded else "") for one in found)


def _cells(what: Asked, step: Step, pairs: Mapping[Pair, PairSeen]) -> tuple[str, ...]:
    first, second = (_name(what, version) for version in step.pair)
    seen, found = pairs.get(step.pair), step.found
    used = f"{len(seen.logs)}" + (f" of {seen.blocks}" if seen.blocks > len(seen.logs) else "") if seen else "0"
    figures = ("–", "", "–") if found is None else (f"{math.exp(found.log):.4f}", _interval(found), f"{found.p:.2g}")
    return (_KINDS[step.kind], f"{first} → {second}", *figures, used, _VERDICTS[step.verdict])


def _foot(what: Asked, found: Outcome) -> Iterator[str]:
    search = found.search
    if search.share is not None:
        elsewhere = "; search the rest by itself for more" if search.share < 0.8 else ""
        yield f"It is {search.share * 100:.0f} % of what the two ends differ by{elsewhere}."
    if search.skipped:
        names = ", ".join(_name(what, version) for version in search.skipped)
        yield f"The change may also be in {names}, between them, which can't be measured."
    for version, why in sorted(found.unusable.items()):
        yield f"passed over {_name(what, version)}: {why}"
    if search.status == "named":
        yield "What else differs between the two:" if found.differs else "Nothing else that is recorded differs."
        yield from (f"  {line}" for line in found.differs)
    yield (
        f"{found.starts()} server starts. A ratio is of the second version to the first, from blocks of one start of "
        "each, in turns; its interval holds however often it was looked at."
    )


def _interval(found: Found) -> str:
    if math.isinf(found.half):
        return "needs more blocks"
    return f"[{math.exp(found.low):.4f}, {math.exp(found.high):.4f}]"


def _percent(log: float) -> str:
    return f"{math.expm1(log) * 100:+.2f} %"


def _name(what: Asked, version: int) -> str:
    return what.candidates[version].version


def _safe(text: str) -> str:
    """Text that ends no cell of a table and opens no tag."""
    return text.strip().replace("|", "\\|").replace("<", "&lt;")
