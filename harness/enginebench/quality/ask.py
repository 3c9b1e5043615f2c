"""Put questions to a server, so many at a time; not timed, so threads do."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from enginebench.records import record


@record
class Question:
    """One POST."""

    path: str
    """Path under the server's URL."""
    body: Mapping[str, object]
    """What is sent, as JSON."""


@record
class Answer:
    """What came back."""

    value: Any
    """The JSON of an answer with status 200; null otherwise."""
    http_status: int | None
    """HTTP status; null if no whole answer came."""
    error: str | None
    """What went wrong, in one line; null if nothing did."""


def ask(url: str, questions: Sequence[Question], *, concurrency: int, timeout_s: float) -> tuple[Answer, ...]:
    """The server's answers in the order of the questions; a failure is an answer with an error, never raised."""
    pool = ThreadPoolExecutor(max_workers=concurrency)
    try:
        return tuple(pool.map(lambda question: _one(url, question, timeout_s), questions))
    finally:
        # A signal must not wait for questions that nobody put yet.
        pool.shutdown(wait=False, cancel_futures=True)


def _one(url: str, question: Question, timeout_s: float) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout_s)
    status = None
    try:
        connection.request(
            "POST",
            question.path,
            json.dumps(question.body),
            {"Content-Type": "application/json", "Connection": "close"},
        )
        response = connection.getresponse()
        data = response.read()
        status = response.status
        if status == 200:
            return Answer(value=json.loads(data), http_status=status, error=None)
        error = f"HTTP {status}: {' '.join(data.decode(errors='replace').split())[:200]}"
    except (OSError, http.client.HTTPException, ValueError) as problem:
        error = f"{type(problem).__name__}: {problem}"
    finally:
        connection.close()
    return Answer(value=None, http_status=status, error=error)
