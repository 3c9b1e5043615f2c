"""MLPerf Inference's `mlperf_log_summary.txt`, which LoadGen writes of a performance run of any scenario.

Read against LoadGen 6.0.17 (loadgen/results.cc, logging.cc, test_settings_internal.cc). A latency runs from when the
query was due until the system under test, in the same process, reports it. VALID or INVALID, and why, stands in the
notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from enginebench.importers._source import PER_DEPLOYMENT, Source
from enginebench.records import ForeignPoint

_RESULTS, _PARAMETERS = "MLPerf Results Summary", "Test Parameters Used"
_PAIR = re.compile(r"(?:\* )?(.+?) *: +(.+)")
_END = re.compile(r"(No|\d+) errors? encountered.*", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(\.\d+|(?:\.\d+)?e[+-]?\d+)?")
_ATTRIBUTES = ("SUT name", "Scenario", "Mode")
_REPORTED = "from when the query was due until the system under test reports it; here a client sends and reads"
_BETWEEN = "between reports of the system under test, by the samples' own token counts; here a client reads the tokens"
_RANK = "of n samples the one after n * p, however few they are; here a percentile needs enough of them"
_LAST = "until the query issued last is done; here until the last to end"
_UNLIKE = {
    r"Completed samples per second": f"one sample less, {_LAST}",
    r"Scheduled samples per second": "how they were due, not how they were served",
    r"QPS w/ .*": "one query less, until the last is issued",
    r"QPS w/o .*": "1 / mean latency",
    r"TPS .*": f"over the time of issuing, or the sum of the latencies; {PER_DEPLOYMENT}",
    r"Completed tokens per second.*": f"{_LAST}; {PER_DEPLOYMENT}",
    r"Tokens per second.*": PER_DEPLOYMENT,
    r".*Early stopping .*": "a bound of 99 % confidence on the percentile, not the percentile",
    r"Per-query latency\..*": "of a query of several samples, until all are done",
    r".*percentile time to output token.*": f"{_RANK}; {_BETWEEN}",
    r".*percentile.*": f"{_RANK}; {_REPORTED}",
    r"Mean Time .*": _BETWEEN,
    r"Mean .*": _REPORTED,
}
"""Pattern of a figure to how it differs; the first that fits."""


class Mlperf:
    """See the module."""

    def read(self, path: Path) -> Iterator[ForeignPoint]:
        """The run in the file."""
        source = Source("mlperf", path, "LoadGen (mlperf_log_summary.txt)")
        lines = source.text().splitlines()
        ended = any(map(_END.fullmatch, lines))
        for part in (_RESULTS, _PARAMETERS):
            if part not in lines:
                raise source.wrong(f"has no `{part}`" + (": it is of an accuracy run" if ended else ""))
        if not ended:
            raise source.wrong("is cut off: it does not tell the errors encountered")
        split = lines.index(_PARAMETERS)
        (figures, words), (asked, more) = _told(lines[:split]), _told(lines[split:])
        source.expect(words, "SUT name", "Scenario", "Result is")
        said = {
            "said": {name: words[name] for name in _ATTRIBUTES if name in words} | asked,
            "engine": words["SUT name"],
            "concurrency": 1 if words["Scenario"].replace(" ", "") == "SingleStream" else None,
            # Elsewhere LoadGen makes it of a time or a rate that was expected.
            "rate_rps": asked.get("target_qps") if words["Scenario"] == "Server" else None,
        }
        notes = [f"{key}: {value}".rstrip(": ") for key, value in {**words, **more}.items() if key not in _ATTRIBUTES]
        same = {"Samples per second": ("requests_rps_whole_run", 1.0)}
        found = {name: [why for like, why in _UNLIKE.items() if re.fullmatch(like, name)] for name in figures}
        unlike = {name: why[0] for name, why in found.items() if why}
        yield source.point(0, said, figures, same, unlike, notes)


def _told(lines: Sequence[str]) -> tuple[dict[str, int | float], dict[str, str]]:
    """Numbers and words under their names; what stands under a heading is named after it, its text joined."""
    numbers: dict[str, int | float] = {}
    words: dict[str, str] = {}
    heading = ""
    for raw in lines:
        line, pair = raw.strip(), _PAIR.fullmatch(raw.strip())
        value = _NUMBER.fullmatch(pair[2]) if pair else None
        if pair and value:
            name = f"{heading}.{pair[1]}" if heading else pair[1]
            numbers[name] = int(pair[2]) if value[1] is None else float(pair[2])
        if not line or set(line) == {"="}:
            heading = ""
        elif line.endswith(":"):
            heading = line.rstrip(": ")
        elif heading and (value is None or line.startswith("*")):
            words[heading] = f"{words.get(heading, '')} {line}".strip()
        elif pair and value is None:
            words[pair[1]] = pair[2]
        elif not pair and raw == line and line not in (_RESULTS, _PARAMETERS, "Additional Stats"):
            words[line] = ""
    return numbers, words


IMPORTER = Mlperf()
