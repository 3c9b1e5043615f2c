"""CPU time to read a stream, a table of kinds of stream × events a feed: what the client spends after a run.

python benchmarks/reading_speed.py [--events 20000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from enginebench.load.reading import Reader

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
NAMES = {"id": "cmpl-9f3b6c1e0a7d4f52", "created": 1760000000, "model": "SmolLM2-135M-Instruct", "object": "text"}


def chunk(event: bytes, end: bytes = b"\n\n") -> bytes:
    body = b"data: " + event + end
    return b"%x\r\n%b\r\n" % (len(body), body)


def streams(count: int) -> dict[str, list[bytes]]:
    """Kind of stream to its chunks, a token each."""

    def events(choice, **more) -> list[bytes]:
        made = []
        for n in range(count):
            value = NAMES | {"choices": [{"index": 0, **choice(n), "logprobs": None, "finish_reason": None}]}
            made.append(json.dumps(value | {key: what(n) for key, what in more.items()}).encode())
        return made

    def text(n: int) -> dict[str, object]:
        return {"text": f" w{n % 1000}", "stop_reason": None}

    plain = events(text)
    usage = {"usage": lambda n: {"prompt_tokens": 9, "total_tokens": n + 10, "completion_tokens": n + 1}}
    return {
        "completions": [chunk(event) for event in plain],
        "chat": [chunk(event) for event in events(lambda n: {"delta": {"content": f" w{n % 1000}"}})],
        "not ASCII": [chunk(event.replace(b" w", "é".encode())) for event in plain],
        "token ids": [chunk(event) for event in events(lambda n: {**text(n), "token_ids": [n]})],
        "usage each": [chunk(event) for event in events(text, **usage)],
        "CR LF (exact path)": [chunk(event, b"\r\n\r\n") for event in plain],
    }


def cpu_us(chunks: list[bytes], per_feed: int, rounds: int) -> float:
    """Least CPU time an event, µs, over the rounds."""
    feeds = []
    for at in range(0, len(chunks), per_feed):
        reads = chunks[at : at + per_feed]
        ends = np.cumsum([len(read) for read in reads], dtype=np.int64)
        feeds.append((b"".join(reads), ends, np.arange(at, at + len(reads), dtype=np.int64)))
    best = float("inf")
    for _ in range(rounds):
        reader = Reader()
        reader.feed(HEAD, np.array([len(HEAD)]), np.array([0]))
        begun = time.process_time()
        for data, ends, times_ns in feeds:
            reader.feed(data, ends, times_ns)
        best = min(best, time.process_time() - begun)
        assert len(reader.close("truncated", "the end").event_ns) == len(chunks)
    return best / len(chunks) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print("| stream | bytes an event | 1 a feed | 50 a feed | 128 a feed |\n|---|---|---|---|---|")
    for name, chunks in streams(asked.events).items():
        times = [f"{cpu_us(chunks, per_feed, asked.rounds):.2f} µs" for per_feed in (1, 50, 128)]
        print(f"| {name} | {sum(map(len, chunks)) / len(chunks):.0f} | {' | '.join(times)} |")


if __name__ == "__main__":
    main()
