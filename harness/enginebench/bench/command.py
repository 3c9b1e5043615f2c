"""`enginebench bench URL` from its options to its exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from enginebench.analysis.limit import Found
from enginebench.bench import endpoint, prompts, shown, written
from enginebench.bench.finding import Search
from enginebench.bench.measuring import BenchRun, Session, load_of, nothing_but_failures
from enginebench.bench.options import Settings, settings
from enginebench.load import Target
from enginebench.records import Stop


def bench(options: argparse.Namespace) -> int:
    """Measure the server at a URL, show and write what came; 0 done, 1 no request ended well, 3 interrupted.

    Raises UserError for bad input, and where no such server or model is.
    """
    asked = settings(options)
    line = shown.StatusLine()
    model = endpoint.find_model(asked.url, asked.model)
    found = prompts.vocabulary(asked.tokenizer, model)
    target = Target(url=asked.url, model=model, api=asked.workload.api)
    session = Session(asked, target, prompts.Prompts(asked.workload, found), show=line.show, say=line.say)
    search = Search(session) if asked.find else None
    stop: Stop | None = None
    limit: Found | None = None
    interrupted = False
    try:
        session.first_request()
        if search is not None:
            limit = search.find()
        else:
            how = load_of(asked)
            session.warm_up(how)
            stop = session.repeat(how)
    except KeyboardInterrupt:
        interrupted = True
        limit = search.so_far() if search is not None else None
    finally:
        line.clear()
    runs = _at_limit(session.runs, search, limit) if search is not None else session.runs
    told = written.result(asked, model, runs, every=session.runs, stop=stop, found=limit, interrupted=interrupted)
    return _end(asked, session, runs, told, stop, limit, interrupted)


def _at_limit(runs: Sequence[BenchRun], search: Search, limit: Found | None) -> list[BenchRun]:
    """The runs at the highest level that passed: what the search has to show."""
    if limit is None or limit.highest_passed is None:
        return []
    return [runs[index] for index in search.runs_at[limit.highest_passed]]


def _end(
    asked: Settings,
    session: Session,
    runs: Sequence[BenchRun],
    told: dict[str, Any],
    stop: Stop | None,
    limit: Found | None,
    interrupted: bool,
) -> int:
    if limit is not None and asked.find and asked.objective:
        print(shown.limit(limit, asked.find, asked.objective.name))
    failed = nothing_but_failures(session.runs) if session.runs else None
    if runs and not failed:
        print(shown.summary(told, runs, stop))
    if asked.json_path is not None and session.runs:
        rows = written.write(told, session.runs, asked.json_path, chunk_times=asked.detailed)
        print(f"results in {asked.json_path}, requests in {rows}")
    if interrupted:
        kept = f"{len(session.runs)} finished runs are kept" if session.runs else "no run was finished"
        session.say(f"interrupted; {kept}")
        return 3
    if failed:
        session.say(f"{asked.url}: {failed}; see the server's log")
        return 1
    return 0
