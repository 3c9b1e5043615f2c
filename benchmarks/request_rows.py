"""What a row of requests takes by how its columns are coded, and how fast rows are written, read, hashed and joined.

python benchmarks/request_rows.py [requests.parquet] [--rows 200000] [--tokens 128]

Rows are drawn from those of a real trial: its times to first token and its gaps, each smeared by a kernel as wide as
such samples call for (Silverman), so that no gap is there twice; 16 slots of a closed loop, 256 requests a run.
"""

from __future__ import annotations

import argparse
import heapq
import io
import itertools
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from enginebench import tables
from enginebench.records import Request
from enginebench.store import parts
from enginebench.store.place import Place

SAMPLE = Path(__file__).parents[1] / "tests" / "tables" / "samples" / "requests-1-first.parquet"
SLOTS, RUN = 16, 256
TRIAL = "9d8d5305-20261124T163233-df02"
DELTA, SPLIT = "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"


def drawn(path: Path, count: int, tokens: int) -> list[Request]:
    """So many requests of `tokens` tokens each, like those in `path`."""
    real = tables.read_table(path, "requests").to_pylist()
    gaps = np.concatenate([np.diff(row["event_ns"]) for row in real])
    firsts = np.array([row["first_token_ns"] - row["sent_ns"] for row in real])
    late = np.array([row["sent_ns"] - row["scheduled_ns"] for row in real])
    spread = min(gaps.std(), np.subtract(*np.percentile(gaps, [75, 25])) / 1.34)
    width = 0.9 * spread * len(gaps) ** -0.2
    random = np.random.default_rng(0)
    found: list[Request] = []
    while len(found) < count:
        run = f"{TRIAL}.{len(found) // RUN % 20}.{len(found) // RUN // 20}"
        slots = [(slot * 50_000_000, slot) for slot in range(SLOTS)]
        for index in range(min(RUN, count - len(found))):
            due_ns, slot = heapq.heappop(slots)
            sent_ns = due_ns + int(random.choice(late) * random.uniform(0.9, 1.1))
            first_ns = sent_ns + int(random.choice(firsts) + random.normal(0, width))
            more = np.maximum(random.choice(gaps, tokens - 1) + random.normal(0, width, tokens - 1), 1)
            times = first_ns + np.concatenate([[0], np.cumsum(more)]).astype(np.int64)
            end_ns = int(times[-1]) + int(random.integers(20_000, 90_000))
            heapq.heappush(slots, (end_ns, slot))
            found.append(_request(run, index, due_ns, sent_ns, array("q", times.tobytes()), end_ns, random))
    return found


def _request(run: str, index: int, due_ns: int, sent_ns: int, times: array[int], end_ns: int, random: Any) -> Request:
    return Request(
        run=run,
        index=index,
        scheduled_ns=due_ns,
        sent_ns=sent_ns,
        first_token_ns=times[0],
        last_token_ns=times[-1],
        end_ns=end_ns,
        event_ns=times,
        input_tokens=1024,
        output_tokens=len(times),
        asked_output_tokens=len(times),
        usage_input_tokens=1024,
        cached_tokens=0,
        status="ok",
        http_status=200,
        error=None,
        first_chars=int(random.integers(1, 9)),
        output_chars=int(random.normal(4.3 * len(times), 30)),
        event_tokens=array("i", [1] * len(times)),
        shared_reads=int(random.poisson(0.3)),
        seen=("shared_read", "token_ids"),
        first_event_ns=times[0],
    )


def relative(table: pa.Table) -> pa.Table:
    """The same with each time since the one before it in the request's life, each event's since the event before."""
    life = ("scheduled_ns", "sent_ns", "first_event_ns", "first_token_ns", "last_token_ns", "end_ns")
    since = {name: pc.subtract(table[name], table[before]) for before, name in itertools.pairwise(life)}
    if tables.files.has_event_times(table):
        lists = table["event_ns"].combine_chunks()
        gaps = np.diff(lists.flatten().to_numpy(), prepend=0)
        gaps[lists.offsets.to_numpy()[:-1]] = 0
        since["event_ns"] = pa.ListArray.from_arrays(lists.offsets, pa.array(gaps), type=lists.type)
    for name, column in since.items():
        table = table.set_column(table.column_names.index(name), table.schema.field(name), column)
    return table


def codings(table: pa.Table) -> Iterator[tuple[str, pa.Table, dict[str, Any]]]:
    """Name, table and pyarrow's options of every way that was weighed."""
    integers = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    times = [name for name in integers if name.endswith("_ns")]
    events = ["event_ns.list.element", "event_tokens.list.element"]
    rest = [name for name in table.column_names if name not in integers] + ["seen.list.element"]

    def coded(how: dict[str, str], level: int = 3) -> dict[str, Any]:
        words = [name for name in (*rest, *integers, *events) if name not in how]
        return {"compression": "zstd", "compression_level": level, "use_dictionary": words, "column_encoding": how}

    delta = dict.fromkeys(integers, DELTA)
    yield "version 1: dictionaries, zstd 1", table, {"compression": "zstd"}
    plain = [name for name in (*integers, *rest, *events) if name not in (*times, events[0])]
    for level in (3, 9):
        options = {"compression": "zstd", "compression_level": level, "use_dictionary": plain}
        yield f"times plain, zstd {level}", table, options
    for level in (1, 3, 9):
        yield f"integers delta, events delta, zstd {level}", table, coded(delta | {events[0]: DELTA}, level)
        yield f"integers delta, events split, zstd {level}", table, coded(delta | {events[0]: SPLIT}, level)
    yield "times and events split, zstd 3", table, coded(dict.fromkeys([*times, events[0]], SPLIT))
    yield "relative: integers delta, events delta, zstd 3", relative(table), coded(delta | {events[0]: DELTA})
    yield "relative: times and events split, zstd 3", relative(table), coded(dict.fromkeys([*times, events[0]], SPLIT))
    yield "as written", table, tables.files.write_options(table.schema, event_times=tables.files.has_event_times(table))


def fastest_s(work: Callable[[], object], rounds: int = 3) -> float:
    """Shortest of a few rounds, s."""
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took)


def sizes(requests: list[Request]) -> None:
    """Print bytes a row by coding."""
    for chunk_times in (False, True):
        few, all_rows = 1000, len(requests) if not chunk_times else len(requests) // 4
        whole = tables.requests_table(requests[:all_rows], chunk_times=chunk_times)
        what = "with" if chunk_times else "without"
        print(f"\n| {what} chunk times | B/row, {few:,} rows | B/row, {all_rows:,} rows", end=" ")
        print("| rows/s written | rows/s read |\n|---|---|---|---|---|")
        for name, table, options in codings(whole):
            small, large = io.BytesIO(), io.BytesIO()
            pq.write_table(table.slice(0, few), small, **options)
            write_s = fastest_s(lambda t=table, o=options: pq.write_table(t, io.BytesIO(), **o), 2)
            pq.write_table(table, large, **options)
            read_s = fastest_s(lambda f=large: pq.read_table(f, use_threads=False), 2)
            each = small.tell() / few, large.tell() / all_rows
            print(
                f"| {name} | {each[0]:.1f} | {each[1]:.1f} | {all_rows / write_s:,.0f} | {all_rows / read_s:,.0f} |",
                flush=True,
            )


def speeds(requests: list[Request], folder: Path) -> None:
    """Print rows a second of each step, one thread."""
    path = folder / "request_rows.parquet"
    print("\n| step | without chunk times, rows/s | with |\n|---|---|---|")
    rows: dict[str, list[float]] = {}
    for chunk_times, some in ((False, requests), (True, requests[: len(requests) // 4])):
        table = tables.requests_table(some, chunk_times=chunk_times)
        whole = table.add_column(0, "trial", pa.array([f"{n // 1000:05}" for n in range(len(some))]))
        trials = [whole.slice(n * 1000, 1000) for n in range(len(some) // 1000)]
        steps: dict[str, Callable[[], object]] = {
            "Request objects to a Parquet file": lambda: tables.write_requests(some, path, chunk_times=chunk_times),  # noqa: B023
            "Parquet file to a table": lambda: tables.read_table(path, "requests"),
            "digest": lambda: tables.content_digest(table),  # noqa: B023
            "trials of 1,000 rows into one file": lambda: parts.write(trials, trials[0].schema, path),  # noqa: B023
        }
        for name, step in steps.items():
            rows.setdefault(name, []).append(len(some) / fastest_s(step))
        one = {"trial": f"{len(trials) // 2:05}"}
        one_s = fastest_s(lambda: parts.select(Place(folder), [path.name], where=one))  # noqa: B023
        rows.setdefault("one trial of 1,000 rows out of that file, ms", []).append(one_s * 1000)
    for name, (without, with_) in rows.items():
        print(f"| {name} | {without:,.0f} | {with_:,.0f} |")
    path.unlink()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("like", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--folder", type=Path, default=Path("."))
    asked = parser.parse_args()
    pa.set_cpu_count(1)
    requests = drawn(asked.like, asked.rows, asked.tokens)
    sizes(requests)
    speeds(requests, asked.folder)


if __name__ == "__main__":
    main()
