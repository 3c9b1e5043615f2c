"""Sends prompts as the load says, and makes request records of what came back."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from enginebench import arrivals
from enginebench.load.asking import Api, request_bytes
from enginebench.load.exchange import Exchange
from enginebench.load.part import Carried, Part, carry_out
from enginebench.load.proof import proof
from enginebench.load.reading import Reading
from enginebench.load.shard import carry_out_side_by_side
from enginebench.load.sockets import Server
from enginebench.records import ClientProof, ClosedLoop, Load, Prompt, Request, record

_STREAMS_PER_PROCESS = 2048


@record
class Target:
    """Where requests go."""

    url: str
    """Base URL, `http://host:port`."""
    model: str
    """Model name as the server knows it."""
    api: Api
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
    processes: int | None = None,
) -> LoadOutcome:
    """Send every prompt once as `load` says and wait for all answers; a failure is a request's status, never raised.

    `extra` are further JSON fields of the body. `on_done` is called with the number of requests ended so far.
    `slot_offsets_ns`: when each slot of a closed loop sends its first request, ns after the start; null: all at once.
    `processes` share the load; null: as many as it takes. Raises UserError for a URL that leads nowhere.
    """
    closed = isinstance(load, ClosedLoop)
    server = Server(target.url)
    wire = [
        request_bytes(server.host, target.model, target.api, prompt, extra or {}, server.prefix) for prompt in prompts
    ]
    due_ns = None if isinstance(load, ClosedLoop) else arrivals.offsets_ns(load, len(prompts), seed)
    slots = list(slot_offsets_ns or [0] * load.concurrency)[: len(wire)] if isinstance(load, ClosedLoop) else []
    count = processes or _processes(len(slots) if closed else len(wire) // 4)
    count = max(1, min(count, len(slots) if closed else len(wire)))
    parts = [
        Part(
            url=target.url,
            requests=tuple(wire[index::count]),
            due_ns=None if due_ns is None else tuple(due_ns[index::count]),
            slot_offsets_ns=tuple(slots[index::count]),
            timeout_s=request_timeout_s,
        )
        for index in range(count)
    ]
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    if count == 1:
        carried = [carry_out(parts[0], begin=time.monotonic_ns, on_done=on_done)]
    else:
        carried = carry_out_side_by_side(parts, on_done)
    requests = _requests(carried, prompts, run)
    first = min(request.sent_ns for request in requests)
    return LoadOutcome(
        requests=requests,
        started_utc=started,
        duration_ns=max(request.end_ns for request in requests) - first,
        proof=proof(
            [one.watch for one in carried],
            requests,
            closed=closed,
            resent=sum(exchange.resent for one in carried for exchange in one.exchanges),
            cpu_s=sum(one.cpu_s for one in carried),
            clock_jump_ns=max(one.clock_jump_ns for one in carried),
        ),
    )


def _processes(in_flight: int) -> int:
    """One process for every so many requests in flight, as far as half of the cores go."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(math.ceil(in_flight / _STREAMS_PER_PROCESS), cores // 2))


def _requests(carried: Sequence[Carried], prompts: Sequence[Prompt], run: str) -> tuple[Request, ...]:
    """The records, in the order of the prompts: request i was the (i // n)-th of part i % n, of n."""
    requests: list[Request] = []
    begun_ns = min(one.begun_ns for one in carried)
    for index, prompt in enumerate(prompts):
        one, place = carried[index % len(carried)], index // len(carried)
        exchange, last_ns = one.exchanges[place], int(one.last_ns[place])
        by_its_bytes = exchange.broken is None and not exchange.until_closed and last_ns
        end_ns = last_ns if by_its_bytes else exchange.end_ns
        scheduled_ns = exchange.scheduled_ns
        if exchange.after >= 0:
            # The slot was free when the answer before had come, not when the client saw it.
            scheduled_ns = requests[exchange.after * len(carried) + index % len(carried)].end_ns + begun_ns
        requests.append(_request(one.readings[place], exchange, prompt, run, index, begun_ns, scheduled_ns, end_ns))
    return tuple(requests)


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
    # In place: the reading is not used again, and this is most of what a run keeps.
    events = found.event_ns
    since_start = np.asarray(events)
    since_start -= begun_ns
    return Request(
        run=run,
        index=index,
        scheduled_ns=scheduled_ns - begun_ns,
        sent_ns=exchange.sent_ns - begun_ns,
        first_token_ns=events[0] if events else None,
        last_token_ns=events[-1] if events else None,
        end_ns=end_ns - begun_ns,
        event_ns=events,
        event_tokens=found.event_tokens,
        shared_reads=found.shared_reads,
        seen=(*found.seen, "resent") if exchange.resent else found.seen,
        first_event_ns=None if found.first_event_ns is None else found.first_event_ns - begun_ns,
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
