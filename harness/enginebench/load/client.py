"""Sends prompts as the load says, and makes request records of what came back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from enginebench import arrivals
from enginebench.load.kept import Kept
from enginebench.load.proof import Watch
from enginebench.load.reading import Reader, Reading
from enginebench.load.sockets import Server
from enginebench.load.wire import Exchange, Wire
from enginebench.records import ClientProof, ClosedLoop, Load, Prompt, Request, record

_PATHS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}


@record
class Target:
    """Where requests go."""

    url: str
    """Base URL, `http://host:port`."""
    model: str
    """Model name as the server knows it."""
    api: Literal["completions", "chat"]
    """Endpoint."""


@record
class LoadOutcome:
    """What a run gave."""

    requests: tuple[Request, ...]
    """Every request, in the order of the prompts."""
    started_utc: str
    """ISO 8601 time of the start."""
    duration_ns: int
    """First send to last end."""
    proof: ClientProof
    """What the client tells of itself."""


def measure(
    target: Target,
    prompts: Sequence[Prompt],
    load: Load,
    *,
    run: str,
    seed: int,
    request_timeout_s: float,
    extra: Mapping[str, object] | None = None,
    on_done: Callable[[int], None] | None = None,
    slot_offsets_ns: Sequence[int] | None = None,
) -> LoadOutcome:
    """Send every prompt once as `load` says and wait for all answers; a failure is a request's status, never raised.

    `extra` are further JSON fields of the body. `on_done` is called with the number of requests ended so far.
    `slot_offsets_ns`: when each slot of a closed loop sends its first request, ns after the start; null: all at once.
    Raises UserError for a URL that leads nowhere.
    """
    server = Server(target.url)
    closed = isinstance(load, ClosedLoop)
    wire = Wire(
        server,
        [_bytes(server, target, prompt, extra or {}) for prompt in prompts],
        due_ns=None if isinstance(load, ClosedLoop) else arrivals.offsets_ns(load, len(prompts), seed),
        slot_offsets_ns=(slot_offsets_ns or [0] * load.concurrency) if isinstance(load, ClosedLoop) else (),
        timeout_s=request_timeout_s,
        on_done=on_done,
    )
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    exchanges = wire.run()
    watch = Watch(wire.kept.kernel_times)
    readings, last_ns = _read(wire.kept, exchanges, watch)
    requests: list[Request] = []
    for index, (exchange, prompt, reading) in enumerate(zip(exchanges, prompts, readings, strict=True)):
        end_ns = int(last_ns[index]) if exchange.broken is None and last_ns[index] else exchange.end_ns
        before = requests[exchange.after].end_ns + wire.begun_ns if exchange.after >= 0 else exchange.scheduled_ns
        requests.append(_request(reading, exchange, prompt, run, index, wire.begun_ns, before, end_ns))
    first = min(request.sent_ns for request in requests)
    return LoadOutcome(
        requests=tuple(requests),
        started_utc=started,
        duration_ns=max(request.end_ns for request in requests) - first,
        proof=watch.proof(
            requests,
            closed=closed,
            resent=sum(exchange.resent for exchange in exchanges),
            cpu_s=wire.cpu_s,
            processes=1,
            clock_jump_ns=wire.kept.clock_jump_ns(),
        ),
    )


def _read(kept: Kept, exchanges: Sequence[Exchange], watch: Watch) -> tuple[list[Reading], np.ndarray]:
    """What each exchange's bytes say, and the arrival of its last ones, ns of the monotonic clock; 0 for none."""
    readers = [Reader() for _ in exchanges]
    last_ns = np.zeros(len(exchanges), dtype=np.int64)
    for window in kept.windows():
        order = np.argsort(window.request, kind="stable")
        owners, begins = np.unique(window.request[order], return_index=True)
        begins = np.append(begins, len(order))
        starts = np.concatenate(([0], window.ends[:-1]))
        watch.reads(window.lag_ns)
        for owner, begin, end in zip(owners.tolist(), begins[:-1].tolist(), begins[1:].tolist(), strict=True):
            mine = order[begin:end]
            pieces = zip(starts[mine].tolist(), window.ends[mine].tolist(), strict=True)
            data = b"".join([window.data[at:to] for at, to in pieces])
            came_ns = window.came_ns[mine]
            reader = readers[owner]
            known = len(reader.event_ns)
            reader.feed(data, np.cumsum(window.ends[mine] - starts[mine]), came_ns)
            new = np.array(reader.event_ns[known:], dtype=np.int64)
            watch.events(owner, known == 0, new, came_ns, window.earliest_ns[mine])
            last_ns[owner] = came_ns[-1]
    return [reader.close(one.broken, one.reason) for reader, one in zip(readers, exchanges, strict=True)], last_ns


def _bytes(server: Server, target: Target, prompt: Prompt, extra: Mapping[str, object]) -> bytes:
    asked: dict[str, object] = {"model": target.model}
    if target.api == "completions":
        asked["prompt"] = prompt.token_ids if prompt.token_ids is not None else prompt.text
    else:
        asked["messages"] = [{"role": "user", "content": prompt.text}]
    asked |= {
        "max_tokens": prompt.output_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        **extra,
    }
    body = json.dumps(asked).encode()
    head = (
        f"POST {server.prefix}{_PATHS[target.api]} HTTP/1.1\r\nHost: {server.host}\r\n"
        f"Content-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _request(
    found: Reading,
    exchange: Exchange,
    prompt: Prompt,
    run: str,
    index: int,
    begun_ns: int,
    scheduled_ns: int,
    end_ns: int,
) -> Request:
    events = array("q", (np.frombuffer(found.event_ns, dtype=np.int64) - begun_ns).tobytes())
    return Request(
        run=run,
        index=index,
        scheduled_ns=scheduled_ns - begun_ns,
        sent_ns=exchange.sent_ns - begun_ns,
        first_token_ns=events[0] if events else None,
        last_token_ns=events[-1] if events else None,
        end_ns=end_ns - begun_ns,
        event_ns=events,
        first_chars=found.first_chars,
        output_chars=found.output_chars,
        input_tokens=prompt.input_tokens,
        output_tokens=found.output_tokens,
        asked_output_tokens=prompt.output_tokens,
        usage_input_tokens=found.input_tokens,
        cached_tokens=found.cached_tokens,
        status=found.status,
        http_status=found.http_status,
        error=found.error,
    )
