"""The loads of a grid, traces read in; what cannot be is told with line, value and remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from enginebench.config.documents import Document, Location
from enginebench.config.schema import Loads, Rate
from enginebench.errors import Mistake, mistake
from enginebench.records import ClosedLoop, Load, OpenLoop, Process, Replay, Steps

_ONE_OF = ("rate_rps", "steps", "replay")


def loads_of(loads: Loads, folder: Path | None = None) -> tuple[Load, ...]:
    """Every load in the grid's order; traces lie relative to `folder`. Expects what load_mistakes() finds no fault in,
    but for the traces' contents: raises UserError naming the file and line.
    """
    closed = [
        ClosedLoop(kind="closed", concurrency=value, start=loads.start, ramp_s=loads.ramp_s)
        for value in loads.concurrency
    ]
    opened = [OpenLoop(kind="open", rate_rps=value) for value in loads.rate_rps]
    return (*closed, *opened, *(_load(rate, folder or Path()) for rate in loads.rates))


def _load(rate: Rate, folder: Path) -> Load:
    process = _process(rate)
    if rate.replay is not None:
        return _replay(rate, folder / rate.replay)
    if rate.steps is not None:
        return Steps(kind="steps", segments=rate.steps, arrivals=process, burstiness=rate.burstiness)
    assert rate.rate_rps is not None
    return OpenLoop(kind="open", rate_rps=rate.rate_rps, arrivals=process, burstiness=rate.burstiness)


def _process(rate: Rate) -> Process:
    return rate.arrivals or ("poisson" if rate.burstiness is None else "gamma")


def load_mistakes(loads: Loads, document: Document) -> Iterator[Mistake]:
    """What is wrong with a grid's loads taken together."""
    at: Location = ("loads",)
    if not (loads.concurrency or loads.rate_rps or loads.rates):
        remedy = "list `concurrency`, `rate_rps` or `rates`"
        yield Mistake(place=document.place(at), problem="`loads` is empty", remedy=remedy)
    if loads.ramp_s is not None and loads.start == "convoy":
        yield Mistake(
            place=document.place((*at, "ramp_s")),
            problem=f"`loads.ramp_s` is {loads.ramp_s:g}, and `loads.start` is a convoy",
            remedy="keep one of them: a convoy starts all slots at once",
        )
    for index, rate in enumerate(loads.rates):
        yield from _rate_mistakes(rate, document, (*at, "rates", index))


def _rate_mistakes(rate: Rate, document: Document, at: Location) -> Iterator[Mistake]:
    key = ".".join(map(str, at))
    given = [name for name in _ONE_OF if getattr(rate, name) is not None]

    def wrong(problem: str, remedy: str, *inner: str) -> Mistake:
        return Mistake(place=document.place((*at, *inner)), problem=f"`{key}` {problem}", remedy=remedy)

    if len(given) != 1:
        yield wrong(f"has {' and '.join(given) or 'no rate'}", "give one of `rate_rps`, `steps` and `replay`")
        return
    (what,) = given
    if rate.burstiness is not None and _process(rate) != "gamma":
        yield wrong(f"has a burstiness, and its arrivals are {rate.arrivals}", "take it out, or gamma", "burstiness")
    if rate.arrivals == "gamma" and rate.burstiness is None:
        yield wrong("is gamma without a burstiness", "add `burstiness:`, less than 1 for bursts", "arrivals")
    for name in ("arrivals", "burstiness") if what == "replay" else ("speed", "first"):
        if getattr(rate, name) is not None:
            kind = "a trace has times of its own" if what == "replay" else "it is for a trace"
            yield wrong(f"has `{name}` beside `{what}`", f"take it out: {kind}", name)
    if rate.replay is not None and not (path := document.path.parent / rate.replay).is_file():
        yield wrong(f"names `{rate.replay}`", f"there is no file {path}: write a path relative to the grid", "replay")
    if rate.steps is not None and (expected := sum(item.requests for item in rate.steps)) < 2:
        yield wrong(f"comes to {expected:g} requests in all its steps", "raise a rate or a duration", "steps")


def doubles(loads: tuple[Load, ...], listed: Loads, document: Document) -> Iterator[Mistake]:
    """Entries of `rates` that are a load which stands there already; `loads` is what loads_of() gave for `listed`."""
    before = len(loads) - len(listed.rates)
    for index, load in enumerate(loads[before:]):
        if load in loads[: before + index]:
            yield Mistake(
                place=document.place(("loads", "rates", index)),
                problem=f"`loads.rates.{index}` is `{load.label()}`, which stands there already",
                remedy="keep one of them",
            )


def _replay(rate: Rate, path: Path) -> Replay:
    """The trace at `path`, its times counted from the first."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise mistake(str(path), f"the trace cannot be read ({error})", "name a text file") from None
    times: list[float] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        time_s = _time_s(line, f"{path}:{number}")
        if times and time_s < times[-1]:
            raise mistake(f"{path}:{number}", f"{time_s:g} s comes after {times[-1]:g} s", "sort the trace by time")
        times.append(time_s)
        if len(times) == rate.first:
            break
    if len(times) < 2 or times[0] == times[-1]:
        raise mistake(str(path), f"the trace has {len(times)} requests at one time", "name one that takes some time")
    scale_ns = 1e9 / (rate.speed or 1.0)
    return Replay(
        kind="replay", name=path.stem, offsets_ns=tuple(round((time - times[0]) * scale_ns) for time in times)
    )


def _time_s(line: str, place: str) -> float:
    """Seconds of one line: a number, or JSON with `timestamp` in ms as in the Mooncake traces (FAST 2025)."""
    try:
        told = json.loads(line)
        time_s = float(told["timestamp"]) / 1e3 if isinstance(told, dict) else float(told)
    except (ValueError, KeyError, TypeError):
        raise mistake(
            place, f"no time in `{line.strip()[:40]}`", "write seconds, or JSON with `timestamp` in ms"
        ) from None
    if not 0 <= time_s < 1e9:
        raise mistake(place, f"the time is {time_s:g} s", "write seconds since the trace's beginning")
    return float(time_s)
