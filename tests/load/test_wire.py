"""The wire: kernel times, TLS, IPv6, connections that close, long answers, several processes."""

from __future__ import annotations

import os
import socket
import ssl
import time

import pytest
import trustme

from enginebench.load import Target, measure
from enginebench.load.kept import BLOCK_BYTES, DID_NOT_WAIT, Kept
from enginebench.load.poll import poll
from enginebench.load.sockets import KERNEL_TIMES
from enginebench.load.wire import Wire
from enginebench.records import ClosedLoop, OpenLoop, Prompt
from raw_server import EVENT, HEAD, LAST, chunk, whole

MS = 1_000_000


def prompts(count, output=4):
    return [Prompt(token_ids=(index, index), text=None, input_tokens=2, output_tokens=output) for index in range(count)]


def send(url, some, load, *, timeout_s=20.0, **more):
    target = Target(url=url, model="m", api="completions")
    return measure(target, some, load, run="r", seed=1, request_timeout_s=timeout_s, **more)


def closed(concurrency):
    return ClosedLoop(kind="closed", concurrency=concurrency)


@pytest.mark.skipif(not KERNEL_TIMES, reason="this kernel gives no times")
def test_an_event_has_the_time_at_which_it_came_however_late_the_client_reads(serving):
    """The client sleeps in its callback when the first request ends; the second's bytes come meanwhile."""
    came = {}

    def answer(connection, number):
        if number == 1:
            time.sleep(0.05)
        came[number] = time.monotonic_ns()
        return whole(connection, number)

    def late(done):
        if done == 1:
            time.sleep(0.4)

    begun_ns = time.monotonic_ns()
    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(2), closed(2), on_done=late)
    second = max(outcome.requests, key=lambda request: request.first_token_ns)
    shift_ns = time.monotonic_ns() - begun_ns
    assert shift_ns >= 400 * MS
    assert second.first_token_ns - second.sent_ns < 200 * MS, "the kernel's time, not that of the read"
    assert outcome.proof.kernel_times
    assert outcome.proof.lag_max_ns > 200 * MS, "and the client says how late it was"


def test_a_late_client_is_found_out(serving):
    """While the client sleeps, all of an answer piles up: only the last event's time is sure."""

    def answer(connection, number):
        connection.sendall(HEAD + chunk(EVENT))
        for _ in range(10):
            time.sleep(0.02)
            connection.sendall(chunk(EVENT))
        connection.sendall(chunk(LAST) + b"0\r\n\r\n")
        return True

    def late(done):
        if done == 1:
            time.sleep(0.5)

    def first_is_quick(connection, number):
        return (whole if number == 0 else answer)(connection, number)

    outcome = send(f"http://127.0.0.1:{serving(first_is_quick).port}", prompts(2), closed(2), on_done=late)
    assert outcome.proof.unsure_events >= 10
    assert outcome.proof.client_bound()


def test_a_client_that_is_late_with_the_first_sends_is_found_out(serving, monkeypatch):
    """The first answer piles up while the second request is still to be sent."""
    send_one = Wire._send

    def slowly(self, index, *more):
        if index == 1:
            time.sleep(0.2)
        send_one(self, index, *more)

    def answer(connection, number):
        for part in (HEAD + chunk(EVENT), chunk(EVENT), chunk(LAST) + b"0\r\n\r\n"):
            connection.sendall(part)
            time.sleep(0.03)
        return True

    monkeypatch.setattr(Wire, "_send", slowly)
    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(2), closed(2))
    assert outcome.proof.ttft_error_share > 0.1
    assert outcome.proof.client_bound()


def test_an_end_that_comes_right_behind_the_last_event_leaves_it_unsure_by_no_more_than_a_turn(serving):
    def answer(connection, _):
        connection.sendall(HEAD)
        for part in (*[chunk(EVENT)] * 5, chunk(LAST), b"0\r\n\r\n"):
            time.sleep(0.02)
            connection.sendall(part)
        return True

    proof = send(f"http://127.0.0.1:{serving(answer).port}", prompts(6), closed(2)).proof
    assert proof.unsure_events >= 6, "LAST holds usage and [DONE]"
    assert proof.itl_error_share < 0.25


def test_ipv6(serving):
    server = serving(whole, family=socket.AF_INET6)
    outcome = send(f"http://[::1]:{server.port}", prompts(3), closed(2))
    assert [request.status for request in outcome.requests] == ["ok"] * 3


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.mark.parametrize("load", [closed(2), OpenLoop(kind="open", rate_rps=100.0)], ids=["closed", "open"])
def test_tls(serving, authority, load, monkeypatch, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = serving(whole, context=context)
    # Longer than a TLS record and than a socket's buffer.
    long = Prompt(token_ids=tuple(range(400_000)), text=None, input_tokens=400_000, output_tokens=2)
    outcome = send(f"https://127.0.0.1:{server.port}", [*prompts(5), long], load)
    assert [request.status for request in outcome.requests] == ["ok"] * 6
    assert [len(request.event_ns) for request in outcome.requests] == [2] * 6


def test_a_certificate_that_nobody_vouches_for_is_a_status(serving, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    outcome = send(f"https://127.0.0.1:{serving(whole, context=context).port}", prompts(2), closed(1))
    assert [request.status for request in outcome.requests] == ["connection"] * 2
    assert all("certificate" in request.error for request in outcome.requests)


def test_connections_are_kept(serving):
    server = serving(whole)
    outcome = send(f"http://127.0.0.1:{server.port}", prompts(12), closed(3))
    assert [request.status for request in outcome.requests] == ["ok"] * 12
    assert server.connections == 3
    assert outcome.proof.resent_requests == 0


def test_a_request_on_a_connection_that_the_server_had_closed_is_sent_again_and_said_to_be(serving):
    """The server reads the second request of a connection and closes without a word."""
    seen = set()

    def closing(connection, number):
        again = connection in seen
        seen.add(connection)
        return False if again else whole(connection, number)

    outcome = send(f"http://127.0.0.1:{serving(closing).port}", prompts(3), closed(1))
    assert [request.status for request in outcome.requests] == ["ok"] * 3
    assert outcome.proof.resent_requests == 2
    assert ["resent" in request.seen for request in outcome.requests] == [False, True, True]


def test_a_server_that_closes_every_fresh_connection_is_not_asked_for_ever(serving):
    server = serving(lambda *_: False)
    outcome = send(f"http://127.0.0.1:{server.port}", prompts(4), closed(2))
    assert [request.status for request in outcome.requests] == ["connection"] * 4
    assert server.requests <= 8


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 11])
def test_the_end_is_seen_however_the_last_bytes_are_cut(serving, size):
    def cut(connection, _):
        data = HEAD + chunk(EVENT) + chunk(LAST) + b"0\r\n\r\n"
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(data[:-22])
        for at in range(len(data) - 22, len(data), size):
            connection.sendall(data[at : at + size])
        return True

    begun = time.monotonic()
    outcome = send(f"http://127.0.0.1:{serving(cut).port}", prompts(4), closed(2), timeout_s=5)
    assert [request.status for request in outcome.requests] == ["ok"] * 4
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("end", [b"0\r\nX-Time: 1\r\nY: 2\r\n\r\n", b"000;a=b\r\n\r\n"], ids=["trailers", "extension"])
def test_other_ends_of_a_chunked_body(serving, end):
    def answer(connection, _):
        connection.sendall(HEAD + chunk(EVENT) + chunk(LAST) + end)
        return True

    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(2), closed(1), timeout_s=5)
    assert [request.status for request in outcome.requests] == ["ok"] * 2


def test_events_whose_lines_end_in_both_characters_are_no_end(serving):
    def answer(connection, _):
        for part in (HEAD, *(chunk(EVENT.replace(b"\n", b"\r\n")) for _ in range(3)), chunk(LAST) + b"0\r\n\r\n"):
            connection.sendall(part)
            time.sleep(0.002)
        return True

    (request,) = send(f"http://127.0.0.1:{serving(answer).port}", prompts(1), closed(1), timeout_s=5).requests
    assert request.status == "ok"
    assert len(request.event_ns) == 4


def test_a_body_that_ends_with_its_connection(serving):
    def answer(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + EVENT + LAST)
        return False

    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(3), closed(2), timeout_s=5)
    assert [request.status for request in outcome.requests] == ["ok"] * 3


def test_what_came_is_kept_on_disk_beyond_a_block_and_comes_back_the_same():
    kept = Kept(kernel_times=False)
    written = b""
    for number in range(700):
        data = bytes([number % 251]) * 5000
        kept.begin_turn(number * 10, DID_NOT_WAIT)
        kept.room[kept.at : kept.at + len(data)] = data
        kept.at += len(data)
        kept.request.append(number % 7)
        kept.lengths.append(len(data))
        kept.done_ns.append(number * 10 + 5)
        written += data
        if kept.at > BLOCK_BYTES - 10_000:
            kept.spill()
            assert not kept.at
    windows = list(kept.windows())
    kept.close()
    assert b"".join(window.data for window in windows) == written
    assert [int(one) for window in windows for one in window.request] == [number % 7 for number in range(700)]
    assert [int(one) for window in windows for one in window.came_ns] == [number * 10 + 5 for number in range(700)]


def test_long_answers_go_to_disk_and_are_read_whole(serving):
    """Some 20 MB over two streams: many blocks, several windows."""
    event = b'data: {"choices": [{"text": "' + b"w" * 4000 + b'", "finish_reason": null}]}\n\n'

    def answer(connection, _):
        connection.sendall(HEAD)
        for _ in range(1250):
            connection.sendall(chunk(event))
        connection.sendall(chunk(LAST) + b"0\r\n\r\n")
        return True

    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(4), closed(2))
    assert [len(request.event_ns) for request in outcome.requests] == [1251] * 4
    assert all(list(request.event_ns) == sorted(request.event_ns) for request in outcome.requests)


@pytest.mark.parametrize("load", [closed(5), OpenLoop(kind="open", rate_rps=200.0)], ids=["closed", "open"])
def test_several_processes_give_the_records_of_one(scripted, load):
    engine = scripted(ttft_ms=20, itl_ms=2)
    some = prompts(17, output=6)
    told = []
    shared = send(engine.url, some, load, processes=3, on_done=told.append)
    assert shared.proof.processes == 3
    assert [request.index for request in shared.requests] == list(range(17))
    assert [request.status for request in shared.requests] == ["ok"] * 17
    assert [request.output_tokens for request in shared.requests] == [6] * 17
    assert told == sorted(told)
    seen = {tuple(one["asked"]["prompt"]): one for one in engine.record()["requests"]}
    # All clocks are the machine's: what lies between two requests here lies between them at the server.
    base = shared.requests[0].sent_ns - seen[(0, 0)]["received_ns"]
    for request in shared.requests:
        apart_ns = request.sent_ns - seen[(request.index, request.index)]["received_ns"] - base
        assert abs(apart_ns) < 50 * MS
    alone = send(engine.url, some, load, processes=1)
    if isinstance(load, OpenLoop):
        assert [r.scheduled_ns for r in shared.requests] == [r.scheduled_ns for r in alone.requests]


@pytest.mark.parametrize("wait_ms", [0.3, 4.3, 9.1])
def test_a_wait_is_not_rounded_to_whole_ms(wait_ms):
    """epoll's own is, upwards: an open loop would send 0.5 ms late on average."""
    watched = poll()
    late_ns = []
    for _ in range(20):
        due_ns = time.monotonic_ns() + round(wait_ms * MS)
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            watched.wait(left_ns / 1e9)
        late_ns.append(time.monotonic_ns() - due_ns)
    watched.close()
    assert min(late_ns) < 0.6 * MS


def test_an_open_loop_sends_when_it_is_due_and_not_before(scripted):
    engine = scripted(ttft_ms=1, itl_ms=1)
    outcome = send(engine.url, prompts(100, output=2), OpenLoop(kind="open", rate_rps=400.0))
    assert all(request.sent_ns >= request.scheduled_ns for request in outcome.requests)
    last = outcome.requests[-1]
    assert last.sent_ns - last.scheduled_ns < 250 * MS, "lateness does not add up"


def test_nothing_is_left_open(serving):
    server = serving(whole)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        send(f"http://127.0.0.1:{server.port}", prompts(4), closed(2))
        send(f"http://127.0.0.1:{server.port}", prompts(4), closed(2), processes=2)
    # The serving threads are in this process too, and end when they see the connections closed.
    deadline = time.monotonic() + 5
    while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) <= before
