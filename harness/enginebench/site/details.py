"""What went on inside a trial, as the page of one run loads it: distributions, telemetry over time, the log's end.

All of a night's tables are read at once, some 5 ms a trial; trial by trial a compacted table takes 26 ms, four minutes
for 10,000 trials. A night whose trials are the same, and of which retention has dropped no more, keeps the pieces of
the earlier build: no trial ever changes, and no correction changes what is told here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enginebench.records import Result, content_hash
from enginebench.site.chunks import Chunks, number, shard
from enginebench.store import Store

TOGETHER = 5
"""Trials in a piece, about: one is some 20 kB."""
BINS_A_DECADE = 20
"""Bins of a histogram between 1 and 10 ns, 10 and 100 ns, …: each is 12 % wide."""
SAMPLES = 200
"""Most samples over time that a page gets."""
LOG_LINES, LOG_CHARS, LINE_CHARS = 80, 12_000, 400
"""Most of a log's end: lines, characters of all of them, characters of one."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
"""Colours and other orders to a terminal."""
_REQUESTS = ("run", "sent_ns", "first_token_ns", "status", "event_ns")
_TELEMETRY = ("t_ns", "device", "power_w", "utilisation", "memory_bytes", "temperature_c", "cpu_busy_cores")
_ENGINE = {"requests_running": 1.0, "requests_waiting": 1.0, "kv_cache_share": 100.0}
"""What the engine tells, to the factor to what people read."""
Floats = NDArray[np.float64]


def write_details(store: Store, chunks: Chunks, night: str, results: Sequence[Result]) -> int:
    """Make `details/<night>/<shard>` of a night's trials; gives the number of shards, told as `shard` tells."""
    count = -(-len(results) // TOGETHER)
    name = f"details/{night}"
    made_of = _made_of(results, store.dropped(night))
    if chunks.keep(name, made_of):
        return count
    found = of_night(store, night, {one.trial for one in results})
    pieces: list[dict[str, Any]] = [{} for _ in range(count)]
    for trial, one in found.items():
        pieces[shard(trial, count)][trial] = one
    for place, piece in enumerate(pieces):
        chunks.write(f"{name}/{place}", piece)
    chunks.kept_next(name, made_of)
    return count


def _made_of(results: Sequence[Result], dropped: frozenset[str]) -> str:
    """Hash of all that the pieces of a night come from: its trials, what was dropped of them, and this file."""
    code = sha256(Path(__file__).read_bytes()).hexdigest()
    return content_hash([sorted(one.trial for one in results), sorted(dropped), code])


def of_night(store: Store, night: str, trials: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Trial to `distributions` (run to `ttft` and `itl`), `telemetry`, `engine` and `log`, each null where there is
    none, and `lack`: why."""
    dropped = store.dropped(night)
    found: dict[str, dict[str, Any]] = {
        trial: {"distributions": None, "telemetry": None, "engine": None, "log": None, "lack": {}}
        for trial in sorted(trials)
    }
    for trial, table in store.night_tables(night, "requests", _REQUESTS):
        if trial in found:
            found[trial]["distributions"] = distributions(table, chunks_dropped="chunk_times" in dropped)
    for trial, table in store.night_tables(night, "telemetry", _TELEMETRY):
        if trial in found:
            found[trial]["telemetry"] = telemetry(_columns(table, _TELEMETRY))
    for trial, table in store.night_tables(night, "engine", ("t_ns", *_ENGINE)):
        if trial in found:
            found[trial]["engine"] = told(_columns(table, ("t_ns", *_ENGINE)))
    for trial, content in store.night_logs(night):
        if trial in found:
            found[trial]["log"] = log_end(content)
    for one in found.values():
        one["lack"] = _lack(one, dropped)
    return found


def _lack(one: Mapping[str, Any], dropped: frozenset[str]) -> dict[str, str]:
    """Why each part that is null is."""
    names = {
        "distributions": ("requests", "the trial left no row of a request"),
        "telemetry": ("telemetry", "the trial left no sample of an accelerator or the machine"),
        "engine": ("engine", "the engine told nothing of itself while the load ran"),
        "log": ("logs", "the trial left no log of a server: enginebench started none, or it never began"),
    }
    return {
        part: f"retention has dropped the {what} of this night" if what in dropped else otherwise
        for part, (what, otherwise) in names.items()
        if one[part] is None
    }


def distributions(table: Any, *, chunks_dropped: bool = False) -> dict[str, Any] | None:
    """Run to the histograms of TTFT and of gaps between events, of requests that ended well; null where the table,
    pyarrow's of requests, has no row."""
    import pyarrow.compute as pc

    table = table.filter(pc.equal(table["status"], "ok"))
    if not len(table):
        return None
    coded = pc.dictionary_encode(table["run"]).combine_chunks()
    runs, codes = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
    ttft_ns = _floats(table["first_token_ns"]) - _floats(table["sent_ns"])
    gaps_ns, of_request = (
        _gaps(table["event_ns"].combine_chunks()) if "event_ns" in table.column_names else (None, None)
    )
    found: dict[str, Any] = {}
    for code, run in enumerate(runs):
        one: dict[str, Any] = {"ttft": histogram(ttft_ns[codes == code]), "itl": None, "itl_lack": ""}
        if gaps_ns is None or of_request is None:
            kept = "retention has dropped" if chunks_dropped else "its grid did not ask to keep"
            one["itl_lack"] = f"{kept} the times of events"
        else:
            one["itl"] = histogram(gaps_ns[codes[of_request] == code])
        found[run] = one
    return found


def _gaps(events: Any) -> tuple[Floats | None, NDArray[np.int64] | None]:
    """Gaps between consecutive events of a list a request, and each one's request; nulls where no list is kept."""
    import pyarrow.compute as pc

    if events.null_count == len(events):
        return None, None
    lengths = np.nan_to_num(_floats(pc.list_value_length(events))).astype(np.int64)
    request = np.repeat(np.arange(len(lengths)), lengths)
    times_ns = events.flatten().to_numpy(zero_copy_only=False)
    same = request[1:] == request[:-1]
    return np.diff(times_ns)[same].astype(np.float64), request[1:][same]


def histogram(values_ns: Floats) -> dict[str, Any] | None:
    """`n` values in logarithmic bins: bin i of `counts` is from 10^((`first` + i) / 20) ns to the next, upper edge out.
    Values of 0, as of events that came in one read, are `zeros`. Null where there is no value."""
    known = values_ns[~np.isnan(values_ns)]
    if not len(known):
        return None
    above = known[known > 0]
    if not len(above):
        return {"n": len(known), "zeros": len(known), "first": 0, "counts": []}
    bins = np.floor(np.log10(above) * BINS_A_DECADE).astype(np.int64)
    first = int(bins.min())
    return {
        "n": len(known),
        "zeros": len(known) - len(above),
        "first": first,
        "counts": np.bincount(bins - first).tolist(),
    }


def telemetry(columns: Mapping[str, Floats]) -> dict[str, Any] | None:
    """At most SAMPLES over time: `t_s` since `began_ns`; `power_w` and `memory_gb` of all `devices` together,
    `utilisation_pct` their mean, `temperature_c` the hottest; `busy_cores` of the machine. What no sample tells is left
    out; null where there is no sample."""
    if not len(columns["t_ns"]):
        return None
    times = _Times(columns["t_ns"])
    device = columns["device"]
    names = np.unique(device[~np.isnan(device)])
    series: dict[str, Floats] = {"busy_cores": times.means(columns["cpu_busy_cores"])}
    for name, shown, scale, hottest in (
        ("power_w", "power_w", 1.0, False),
        ("memory_bytes", "memory_gb", 1e-9, False),
        ("utilisation", "utilisation_pct", 100.0, False),
        ("temperature_c", "temperature_c", 1.0, True),
    ):
        each = [times.means(np.where(device == one, columns[name], np.nan)) * scale for one in names]
        telling = [one for one in each if not np.isnan(one).all()]
        if not telling:
            continue
        count = len(telling) if name in ("power_w", "memory_bytes") else 1
        # The mean of those that tell at a moment, times all of them: one sample that is late is no dip.
        series[shown] = np.fmax.reduce(telling) if hottest else _mean(np.array(telling)) * count
    return {"devices": len(names), **times.document(series)}


def told(columns: Mapping[str, Floats]) -> dict[str, Any] | None:
    """What the engine told of itself, at most SAMPLES over time, as `telemetry`; null where it told nothing."""
    if not len(columns["t_ns"]):
        return None
    times = _Times(columns["t_ns"])
    series = {name: times.means(columns[name]) * scale for name, scale in _ENGINE.items()}
    found = times.document({name.replace("kv_cache_share", "kv_cache_pct"): one for name, one in series.items()})
    return found if len(found) > 2 else None


class _Times:
    """Times of samples, those that follow one another put together so that at most SAMPLES are left."""

    def __init__(self, t_ns: Floats) -> None:
        ticks, codes = np.unique(t_ns, return_inverse=True)
        self.count = min(SAMPLES, len(ticks))
        self._of_row = codes * self.count // len(ticks)
        self.began_ns = int(ticks[0])
        self.t_s = _grouped(ticks - ticks[0], np.arange(len(ticks)) * self.count // len(ticks), self.count) / 1e9

    def means(self, values: Floats) -> Floats:
        """The mean of each group of samples, NaN where none tells."""
        return _grouped(values, self._of_row, self.count)

    def document(self, series: Mapping[str, Floats]) -> dict[str, Any]:
        """The series that tell anything, by name, with their times."""
        kept = {name: one for name, one in series.items() if not np.isnan(one).all()}
        shown = {name: [number(value) for value in one.tolist()] for name, one in kept.items()}
        return {"began_ns": self.began_ns, "t_s": [round(value, 2) for value in self.t_s.tolist()], **shown}


def _grouped(values: Floats, groups: NDArray[np.int64], count: int) -> Floats:
    known = ~np.isnan(values)
    sums = np.bincount(groups[known], values[known], count).astype(np.float64)
    return _ratio(sums, np.bincount(groups[known], minlength=count).astype(np.float64))


def _mean(rows: Floats) -> Floats:
    sums: Floats = np.nansum(rows, axis=0)
    return _ratio(sums, (~np.isnan(rows)).sum(axis=0).astype(np.float64))


def _ratio(sums: Floats, counts: Floats) -> Floats:
    found: Floats = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=found, where=counts > 0)
    return found


def log_end(content: bytes) -> dict[str, Any]:
    """`lines`: the last of a log, as text without orders to a terminal; `of`: how many lines it has."""
    # Of a log of gigabytes only the end is decoded.
    lines = content[-8 * LOG_CHARS :].decode("utf-8", "replace").rstrip("\n").split("\n")
    kept: list[str] = []
    left = LOG_CHARS
    for line in reversed(lines[-LOG_LINES:]):
        plain = _ANSI.sub("", line.rpartition("\r")[2] or line)[:LINE_CHARS]
        left -= len(plain) + 1
        if left < 0:
            break
        kept.append(plain)
    return {"lines": kept[::-1], "of": content.count(b"\n") + (not content.endswith(b"\n") and bool(content))}


def _columns(table: Any, names: Sequence[str]) -> dict[str, Floats]:
    """Columns of numbers; one that the table lacks is NaN."""
    lacking = np.full(len(table), np.nan)
    return {name: _floats(table[name]) if name in table.column_names else lacking for name in names}


def _floats(column: Any) -> Floats:
    """A column of numbers, null as NaN. A time since the epoch is so good to a quarter of a microsecond."""
    values: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return values
