"""What `enginebench bisect` does."""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from enginebench import assets, report
from enginebench.analysis.bisect import Rule
from enginebench.bisection import Asked, Unusable, asked, carry_out, listed
from enginebench.commands.comparing import metrics_of, share_of
from enginebench.errors import mistake
from enginebench.progress import STAGES
from enginebench.report import bisection as shown
from enginebench.store import Store

CODES = {"named": 0, "alike": 0, "undecided": 4}
"""How a search ended to the exit code; a pair that is named as worse: 1."""


def bisect(options: argparse.Namespace) -> int:
    """`enginebench bisect GRID`."""
    (metric,) = metrics_of([options.metric])
    rule = Rule(margin=share_of(options.margin, "--margin"), blocks_at_most=options.blocks)
    if rule.blocks_at_most < 4:
        raise mistake(f"--blocks {options.blocks}", "decides nothing", "allow 4 or more")
    if options.markdown and not options.markdown.absolute().parent.is_dir():
        raise mistake(str(options.markdown), f"no folder {options.markdown.parent}", "make it, or name another file")
    cache = options.cache or assets.cache()
    what = asked(
        assets.find(str(options.grid)),
        assets.find(str(options.site)),
        versions=listed(options.versions) if options.versions else (),
        span=options.range,
        pre=options.pre,
        where=options.where,
        cache=cache,
    )
    screen = report.console()

    def say(words: str) -> None:
        screen.print(words, highlight=False, markup=False, soft_wrap=True)

    _tell(what, rule, metric, say)
    if options.dry_run:
        return 0
    found = carry_out(what, Store(options.store), metric=metric, rule=rule, cache=cache, listen=_listener(what, say))
    shown.show_bisection(what, found, screen)
    if options.markdown:
        options.markdown.write_text(shown.markdown(what, found, _command(options)), encoding="utf-8")
    return 1 if found.worse() else CODES[found.search.status]


def _tell(what: Asked, rule: Rule, metric: str, say: Callable[[str], None]) -> None:
    count = len(what.candidates)
    say(f"{metric} of {what.engine} on {what.curve}")
    say(f"{count} versions: {shown.candidates(what.candidates)}")
    pairs = 2 + math.ceil(math.log2(count - 1)) if count > 2 else 1
    starts = 2 * rule.blocks_at_most * pairs
    try:
        each = what.seconds(0, say)
    except Unusable as reason:
        say(f"{what.candidates[0].version} will be passed over: {reason}")
        each = None
    time = "" if each is None else f", some {starts * each / 3600:.1f} h of {each:.0f} s each"
    first, last = what.candidates[0].version, what.candidates[-1].version
    say(f"First {first} against {last}. At most {pairs} pairs, {starts} server starts{time}; most end far sooner.")


def _listener(what: Asked, say: Callable[[str], None]) -> Callable[[Mapping[str, Any]], None]:
    """Tells events a line each."""

    def listen(event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "step":
            say(shown.step_line(what, event["search"], event["pairs"]))
        elif kind == "turn":
            say(f"  block {event['block'] + 1}: {event['arm']}")
        elif kind == "passed over":
            say(f"passed over {event['version']}: {event['why']}")
        elif kind in ("say", "failed"):
            say(f"    {event['text']}")
        elif kind == "stage" and event["stage"] in ("provision", "model"):
            say(f"    {STAGES[event['stage']]}")

    return listen


def _command(options: argparse.Namespace) -> str:
    """The words that ask for the same again."""
    words = ["enginebench", "bisect", str(options.grid)]
    words += ["--versions", options.versions] if options.versions else ["--range", options.range]
    words += ["--pre"] * options.pre
    for pair in options.where:
        words += ["--where", pair]
    words += ["--metric", options.metric, "--margin", options.margin, "--blocks", str(options.blocks)]
    return shlex.join([*words, "--site", str(options.site), "--store", str(options.store)])
