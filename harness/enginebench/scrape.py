"""What an engine tells of itself: its Prometheus page, read into the same fields whatever the engine.

While the load runs a thread of the telemetry process reads the page once a second; before and after each run the trial
itself reads it, so that counters are told for that run exactly. Nothing here fails a trial: a page that can't be read
gives no sample.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from enginebench.engines import MetricsPage
from enginebench.records import EngineSample, plain

INTERVAL_S = 1.0
"""Between readings: rare, for a page is rendered by the engine's own server process."""
TIMEOUT_S = 2.0
"""Longest wait for a page."""
_AVERAGED = frozenset({"kv_cache_share", "acceptance_share"})
"""Fields that replicas share in, not add to."""


def parse(text: str, page: MetricsPage, t_ns: int) -> EngineSample:
    """The sample that a page's text is; a field none of whose samples stand there is null.

    A counter that is declared but has no sample yet has counted nothing.
    """
    wanted = {name: field for field, names in page.samples.items() for name in names}
    # Only lines that are wanted: nine tenths of a page are histograms, and one odd line elsewhere must not spoil it.
    lines = [line for line in text.splitlines() if line.split("{")[0].split(" ")[0] in wanted]
    values: dict[str, list[float]] = defaultdict(list)
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["#", "TYPE"] and words[-1] == "counter" and words[2] in wanted:
            values[wanted[words[2]]].append(0.0)
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            # An engine writes NaN where it has nothing to tell, as a share of nothing.
            values[wanted[sample.name]] += [sample.value] if math.isfinite(sample.value) else []
    told = {field: sum(found) / (len(found) if field in _AVERAGED else 1) for field, found in values.items() if found}
    return EngineSample(t_ns=t_ns, **told)


def take(url: str, page: MetricsPage) -> EngineSample | None:
    """The page as it is now; null if it can't be read."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    t_ns = time.time_ns()
    try:
        with opener.open(url + page.path, timeout=TIMEOUT_S) as answer:
            text = answer.read().decode(errors="replace")
        return parse(text, page, t_ns)
    except (OSError, ValueError, http.client.HTTPException):
        return None


def append(path: Path, sample: EngineSample | None) -> None:
    """Add a sample to the file that read() reads; several processes may."""
    if sample is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(sample), separators=(",", ":")) + "\n")


def read(path: Path) -> list[EngineSample]:
    """All whole samples of a file by time; empty without a file."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return sorted((EngineSample(**json.loads(line)) for line in lines), key=lambda sample: sample.t_ns)


class Watcher:
    """A thread that appends a sample to `path` every second until stop()."""

    def __init__(self, url: str, page: MetricsPage, path: Path) -> None:
        self._source = (url, page)
        self._path = path
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End, after a reading under way."""
        self._stopped.set()
        self._thread.join(TIMEOUT_S + 1)

    def _watch(self) -> None:
        begun_s, tick = time.monotonic(), 0
        while not self._stopped.wait(max(0.0, begun_s + tick * INTERVAL_S - time.monotonic())):
            append(self._path, take(*self._source))
            tick = max(tick + 1, int((time.monotonic() - begun_s) / INTERVAL_S))
