"""What `enginebench compare A B --run GRID` does: both measured in turn, and judged after every block."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enginebench import assets
from enginebench.commands.comparing import NOISY, Asked
from enginebench.errors import mistake
from enginebench.progress import STAGES
from enginebench.store import Store

if TYPE_CHECKING:
    from rich.console import Console

    from enginebench.analysis.compare import Comparison
    from enginebench.analysis.looks import Looks
    from enginebench.interleave import Chosen

BLOCKS = "3..10"
"""Fewest and most blocks unless others are asked for."""
SITE = Path("runners/local.yaml")


def compare(options: argparse.Namespace) -> int:
    """`enginebench compare A B --run GRID`."""
    from enginebench import interleave, report
    from enginebench.night import plan_night

    asked, looks, screen = Asked(options, NOISY), _looks(options.blocks or BLOCKS), report.console()
    store, cache = Store(options.store), options.cache or assets.cache()
    places = assets.find(str(options.run)), assets.find(str(options.site or SITE))
    planned = plan_night(*places, store, night=f"{datetime.now(UTC):%Y-%m-%d}", cache=cache, again=True)
    chosen = interleave.choose(planned.due.attempts, asked.a, asked.b)
    seconds = {id_: planned.seconds[id_] for arm in chosen.arms for id_ in (one.job.id for one in arm.attempts)}
    _show_chosen(chosen, looks, sum(seconds.values()), screen)
    told = Told(store, asked, chosen, looks, screen)
    done = interleave.carry_out(
        chosen.arms, store, blocks=looks.most, cache=cache, listen=told.event, settled=told.settled, again=options.again
    )
    for line in done.failures:
        screen.print("failed", line, style="red", markup=False, highlight=False)
    found = told.found(done.comparison)
    code = asked.tell(found) if found is not None else 4
    words = f"{done.measured} runs measured now; all of it in {store.url} with comparison={done.comparison}"
    screen.print(words, markup=False, highlight=False, soft_wrap=True)
    return 1 if done.lost else code


def _looks(words: str) -> Looks:
    from enginebench.analysis.looks import Looks

    least, dots, most = words.partition("..")
    ends = [end for end in (least, most if dots else least) if end.isdecimal()]
    if len(ends) < 2 or not 2 <= int(ends[0]) <= int(ends[1]) <= 100:
        raise mistake(f"--blocks {words}", "is no number of blocks from 2 to 100", f"write it as {BLOCKS}, or as 6")
    return Looks(least=int(ends[0]), most=int(ends[1]))


def _show_chosen(chosen: Chosen, looks: Looks, block_s: float, screen: Console) -> None:
    """What is about to be measured."""
    lines = []
    for lane in chosen.lanes:
        lines += [f"A: {lane.words[0]}", f"B: {lane.words[1]}"]
    count = str(looks.most) if looks.least == looks.most else f"{looks.least} to {looks.most}"
    lines += [*chosen.alone, f"{count} blocks of A and B in turn, about {block_s / 60:.1f} min each"]
    for line in lines:
        screen.print(line, markup=False, highlight=False, soft_wrap=True)


class Told:
    """Follows a comparison while it is measured: tells how far it is, and what is decided."""

    def __init__(self, store: Store, asked: Asked, chosen: Chosen, looks: Looks, screen: Console) -> None:
        self._store = store
        self._asked = asked
        self._chosen = chosen
        self._looks = looks
        self._screen = screen
        self._runs = 0
        self._shown = ""

    def found(self, comparison: str) -> Comparison | None:
        """What is known of it now; null while one arm has no run."""
        from enginebench.analysis import paired

        runs = self._store.runs(comparison=comparison)
        if set(runs["arm"]) != {"A", "B"}:
            return None
        asked = self._asked
        found = paired.compare(runs, asked.a, asked.b, looks=self._looks, metrics=asked.metrics, margin=asked.margin)
        return replace(found, notes=(*found.notes, *self._chosen.alone))

    def settled(self, comparison: str) -> Set[int]:
        """The lanes of which every curve has its verdict; none where all blocks are measured whatever is found."""
        from enginebench.analysis.paired import decided
        from enginebench.report.comparison import counted

        if self._looks.least == self._looks.most:
            return frozenset()
        found = self.found(comparison)
        if found is None:
            return frozenset()
        so_far = f"so far: curves {counted(found.curves)}", f"points {counted(found.points)}"
        words = "; ".join([*so_far, *found.left_out])
        if words != self._shown:
            self._say(words)
        self._shown = words
        lanes = enumerate(self._chosen.lanes)
        return frozenset(index for index, lane in lanes if decided(found, tuple(lane.curves), self._looks))

    def event(self, event: Mapping[str, Any]) -> None:
        """Take one event of the comparison or of its trial at work."""
        kind = event["event"]
        if kind == "comparison":
            words = "goes on" if event["goes_on"] else "begins"
            saved = f", {event['salvaged']} runs of a killed process taken in" if event["salvaged"] else ""
            self._say(f"comparison {event['name']} {words}{saved}")
        elif kind == "turn":
            self._runs = len(event["attempt"].runs)
            words = self._chosen.lanes[event["lane"]].words["AB".index(event["arm"])]
            self._say(f"block {event['block'] + 1} of at most {self._looks.most}, {event['arm']}: {words}")
        elif kind == "run":
            self._say(f"  run {event['position'] + 1}/{self._runs} {event['point']}")
        elif kind in ("stage", "say"):
            self._say(f"  {STAGES[event['stage']] if kind == 'stage' else event['text']}")

    def _say(self, words: str) -> None:
        self._screen.print(words, markup=False, highlight=False, soft_wrap=True)
