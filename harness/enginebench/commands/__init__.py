"""What each command does: one function a command, options in, exit code out."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from enginebench import assets
from enginebench.commands.history import peak as peak
from enginebench.commands.history import reliability as reliability
from enginebench.errors import Mistake, mistake
from enginebench.report import console
from enginebench.store import Store, Unusable


def _cache(options: argparse.Namespace) -> Path:
    return options.cache or assets.cache()


def night(options: argparse.Namespace) -> int:
    """`enginebench night GRID`."""
    from enginebench import report
    from enginebench.analysis.lineage import recipe_notes
    from enginebench.analysis.points import summarise_points
    from enginebench.commands.pages import build_pages
    from enginebench.night import run_night
    from enginebench.progress import Progress

    screen = console()
    store = Store(options.store)
    done = run_night(
        assets.find(str(options.grid)),
        assets.find(str(options.site)),
        store,
        cache=_cache(options),
        progress=Progress(screen),
        again=options.again,
    )
    runs = store.runs(grid=done.planned.plan.grid)
    newest = runs[runs["night"] == runs["night"].max()]
    report.show_points(summarise_points(newest), screen, recipe_notes(runs, store.result, done.night))
    for line in done.failures:
        screen.print("failed", line, style="red", markup=False, highlight=False)
    pages = build_pages(options)
    screen.print(f"{done.measured} runs measured now; {len(runs)} of this grid in {store.url}", highlight=False)
    screen.print(f"Dashboard: {pages.resolve().as_uri()}", highlight=False, soft_wrap=True)
    return 1 if done.failures else 0


def plan(options: argparse.Namespace) -> int:
    """`enginebench plan GRID`."""
    from enginebench import report
    from enginebench.night import needs_of, plan_night

    today, store = f"{datetime.now(UTC):%Y-%m-%d}", Store(options.store)
    places = (assets.find(str(options.grid)), assets.find(str(options.site)), store)
    planned = plan_night(*places, night=today, cache=_cache(options))
    report.show_plan(planned, console())
    report.show_needs(planned.plan, needs_of(planned.plan, store), console())
    return 0


def run(options: argparse.Namespace) -> int:
    """`enginebench run job.json --out DIR`."""
    from enginebench.records import Attempt
    from enginebench.records.files import read
    from enginebench.trial import partial, run_trial, salvage

    attempt = read(Attempt, options.job)
    if partial(options.out).exists():
        saved = salvage(partial(options.out))
        if saved is None and partial(options.out).exists():
            raise mistake(
                str(options.out), "another process is measuring into it", "wait for it, or name another folder"
            )
        if saved:
            print(f"what a killed trial had measured is kept in {saved}", file=sys.stderr)
            if saved == options.out:
                saved.rename(saved.with_name(f"{saved.name}-interrupted"))
    if options.events:
        _end_with_stdin()
    result = run_trial(attempt, options.out, cache=_cache(options), listen=_events if options.events else _words)
    if not options.events:
        print(f"{result.status}: {len(result.runs)} runs in {options.out}")
    if result.failure is not None:
        print(f"{result.failure.failure_class}: {result.failure.message}", file=sys.stderr)
    return {"complete": 0, "failed": 1, "interrupted": 3}[result.status]


def reproduce(options: argparse.Namespace) -> int:
    """`enginebench reproduce TRIAL|RUN`."""
    from enginebench import report
    from enginebench import reproduce as again
    from enginebench.analysis.again import compare
    from enginebench.progress import STAGES

    screen, store = console(), Store(options.store)
    todo = again.order(store, options.what, _cache(options))
    report.show_order(todo, screen)
    if options.dry_run:
        return 0

    def listen(event: Mapping[str, object]) -> None:
        if event["event"] == "run":
            print(f"  run {int(str(event['position'])) + 1}/{len(todo.attempt.runs)} {event['point']}", flush=True)
        elif event["event"] in ("stage", "say"):
            print(f"  {STAGES[str(event['stage'])] if 'stage' in event else event['text']}", flush=True)

    result, failure = again.carry_out(todo, store, _cache(options), listen)
    if result is not None:
        screen.print(f"taken in as {result.trial}", highlight=False)
        report.show_differing(again.engine_differences(todo.recorded.engine, result.engine), screen)
        report.show_compared(compare(todo.recorded, result), screen)
    if failure:
        screen.print("failed", failure, style="red", markup=False, highlight=False)
    return 1 if failure else 0


def _end_with_stdin() -> None:
    """Whoever started us holds our standard input open; when it dies, however it dies, we end as if told to."""

    def watch() -> None:
        # The raw descriptor: a buffered read would hold the lock that the interpreter wants at its end.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _events(event: Mapping[str, object]) -> None:
    try:
        print(json.dumps(event), flush=True)
    except BrokenPipeError:
        # Nobody reads any more; the watch on standard input ends us.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _words(event: Mapping[str, object]) -> None:
    if event["event"] == "request":
        return
    print(" ".join(str(value) for value in event.values()), flush=True)


def bench(options: argparse.Namespace) -> int:
    """`enginebench bench URL`."""
    from enginebench.bench import bench

    return bench(options)


def results(options: argparse.Namespace) -> int:
    """`enginebench results ACTION`."""
    from enginebench.commands import stored

    try:
        return int(getattr(stored, f"{options.action}_")(options))
    except BrokenPipeError:
        raise
    except Exception as error:
        import pyarrow as pa

        if not isinstance(error, (OSError, pa.ArrowException)):
            raise
        # As a part that was removed by hand, a broken one, or a file that may not be written.
        words = " ".join(str(error).split())
        problem = f"a file cannot be read or written: {words}"
        raise Unusable(Mistake(place=options.store, problem=problem, remedy="bring it back, or mend it")) from error


def compare(options: argparse.Namespace) -> int:
    """`enginebench compare A B`."""
    from enginebench.commands import comparing

    return comparing.compare(options)


def noise(options: argparse.Namespace) -> int:
    """`enginebench noise`."""
    from enginebench.commands import comparing

    return comparing.noise(options)


def changes(options: argparse.Namespace) -> int:
    """`enginebench changes`: 1 if something got worse for sure."""
    from enginebench.commands import nights

    return nights.changes(options)


def convert(options: argparse.Namespace) -> int:
    """`enginebench convert inferencex FILE... --out DIR`."""
    from enginebench.convert import convert_inferencex

    done = convert_inferencex(options.files, options.out)
    print(done.summary())
    print(f"key by key in {options.out / 'report.md'}")
    return 0 if all(one.status() == "whole" for one in done.outcomes) else 1


def site(options: argparse.Namespace) -> int:
    """`enginebench site ACTION`."""
    from enginebench.commands import pages

    return int(getattr(pages, f"{options.action}_")(options))


def report(options: argparse.Namespace) -> int:
    """`enginebench report ACTION`."""
    from enginebench.commands import reporting

    return int(getattr(reporting, f"{options.action}_")(options))


def doctor(options: argparse.Namespace) -> int:
    """`enginebench doctor`."""
    from enginebench.doctor import diagnose

    return 0 if diagnose(_cache(options), console()) else 1


def calibrate(options: argparse.Namespace) -> int:
    """`enginebench calibrate`."""
    from enginebench import calibration, report

    wrong = [level for level in options.concurrency if level < 1]
    if wrong:
        raise mistake(f"--concurrency {wrong[0]}", "no number of requests in flight", "name 1 or more")
    store = Store(options.store)
    found = calibration.calibrate(options.concurrency, calibration.LONG)
    report.show_calibration(found, console())
    print(f"kept in {store.add_calibration(found)}")
    return 0 if all(level.exact() for level in found.levels) else 1


def metrics(options: argparse.Namespace) -> int:
    """`enginebench metrics`."""
    from enginebench.metrics import document

    print(document(), end="")
    return 0


def schema(options: argparse.Namespace) -> int:
    """`enginebench schema`."""
    from enginebench.schema import document, json_schema

    print(json_schema() if options.json else document(), end="")
    return 0
