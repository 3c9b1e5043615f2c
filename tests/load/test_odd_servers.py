"""Servers that answer early, in other framings or not at all, and a client without files: every request still ends."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
import trustme

from enginebench.load import Target, measure, wire
from enginebench.load.poll import _Selector
from enginebench.records import ClosedLoop, Prompt
from raw_server import EVENT, HEAD, LAST, chunk, whole

MS = 1_000_000
LONG = Prompt(token_ids=tuple(range(1_500_000)), text=None, input_tokens=1_500_000, output_tokens=2)
"""Some 10 MB: more than the sockets between hold."""


def prompts(count):
    return [Prompt(token_ids=(index, index), text=None, input_tokens=2, output_tokens=2) for index in range(count)]


def send(url, some, concurrency, *, timeout_s=5.0, **more):
    target = Target(url=url, model="m", api="completions")
    load = ClosedLoop(kind="closed", concurrency=concurrency)
    return measure(target, some, load, run="r", seed=1, request_timeout_s=timeout_s, **more)


def statuses(outcome):
    return [request.status for request in outcome.requests]


class Early:
    """Answers each connection once its first bytes came, without reading on."""

    def __init__(self, response, *, hang_up):
        self.response, self.hang_up = response, hang_up
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        if connection.recv(1000):
            connection.sendall(self.response)
            if self.hang_up:
                connection.close()  # with bytes unread: a reset

    def close(self):
        for one in (self.listener, *self.connections):
            one.close()


@pytest.mark.parametrize("_", range(5))
def test_a_refusal_that_comes_before_the_request_is_sent_is_read(_):
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo long"
    with closing(Early(refused, hang_up=True)) as server:
        outcome = send(server.url, [LONG, LONG], 1)
    assert statuses(outcome) == ["http_error"] * 2
    assert all("413: too long" in request.error for request in outcome.requests)


def test_a_connection_with_half_a_request_on_it_is_not_used_again():
    """The next request would be read as the rest of the one before."""
    with closing(Early(HEAD + chunk(EVENT) + chunk(LAST) + b"0\r\n\r\n", hang_up=False)) as server:
        outcome = send(server.url, [LONG, *prompts(1)], 1)
    assert statuses(outcome) == ["ok"] * 2
    assert len(server.connections) == 2


@pytest.mark.parametrize("first", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])
@pytest.mark.parametrize("pause_s", [0, 0.02])
def test_an_informational_head_is_not_the_answers(serving, first, pause_s):
    def answer(connection, number):
        connection.sendall(first)
        time.sleep(pause_s)
        connection.sendall(first)
        return whole(connection, number)

    server = serving(answer)
    outcome = send(f"http://127.0.0.1:{server.port}", prompts(3), 1)
    assert statuses(outcome) == ["ok"] * 3
    assert server.connections == 1


def test_a_request_that_was_taken_is_not_sent_again_where_no_answer_follows(serving):
    def answer(connection, _):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    server = serving(answer)
    assert statuses(send(f"http://127.0.0.1:{server.port}", prompts(2), 1)) == ["connection"] * 2
    assert server.requests == 2


@pytest.mark.parametrize("head", [b"204 No Content\r\n", b"304 Not Modified\r\n", b"500 Oh\r\nContent-Length: 0\r\n"])
def test_a_response_without_a_body_is_over_with_its_head(serving, head):
    def answer(connection, _):
        connection.sendall(b"HTTP/1.1 " + head + b"\r\n")
        return True

    server = serving(answer)
    outcome = send(f"http://127.0.0.1:{server.port}", prompts(3), 1)
    assert statuses(outcome) == ["http_error"] * 3
    assert server.connections == 1


@pytest.mark.parametrize("said", [b"Connection:close\r\n", b"connection: Keep-Alive, Close\r\n"])
def test_a_connection_that_the_server_says_it_closes_is_not_kept(serving, said):
    def answer(connection, _):
        connection.sendall(HEAD.replace(b"\r\n\r\n", b"\r\n" + said + b"\r\n") + chunk(LAST) + b"0\r\n\r\n")
        time.sleep(0.02)
        return False

    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(3), 1)
    assert statuses(outcome) == ["ok"] * 3
    assert outcome.proof.resent_requests == 0


@pytest.mark.parametrize("end", [b"0000000\r\n\r\n", b"0\r\nX: 1\r\n\r\n", b"0;a=b\r\n\r\n"])
def test_an_unusual_end_may_come_by_itself(serving, end):
    def answer(connection, _):
        connection.sendall(HEAD)
        connection.sendall(chunk(EVENT) + chunk(LAST))
        time.sleep(0.02)
        connection.sendall(end)
        return True

    begun = time.monotonic()
    assert statuses(send(f"http://127.0.0.1:{serving(answer).port}", prompts(2), 1)) == ["ok"] * 2
    assert time.monotonic() - begun < 4


def test_bytes_and_the_end_of_the_connection_may_come_together(serving):
    def answer(connection, _):
        connection.sendall(HEAD + chunk(EVENT) + chunk(LAST) + b"0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        return True

    server = serving(answer)
    outcome = send(f"http://127.0.0.1:{server.port}", prompts(6), 2)
    assert statuses(outcome) == ["ok"] * 6


def test_a_slot_whose_turn_comes_when_all_is_sent_sends_nothing(serving):
    """Slot 1 would begin while the last request is under way."""

    def answer(connection, number):
        time.sleep(0.1 if number else 0)
        return whole(connection, number)

    server = serving(answer)
    outcome = send(f"http://127.0.0.1:{server.port}", prompts(2), 2, slot_offsets_ns=[0, 50 * MS])
    assert statuses(outcome) == ["ok"] * 2
    assert [request.scheduled_ns for request in outcome.requests] == [0, outcome.requests[0].end_ns]


def test_the_slot_of_a_request_that_is_given_up_is_filled_at_once(serving):
    def answer(connection, number):
        if number == 0:
            time.sleep(1)
        return whole(connection, number)

    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(2), 1, timeout_s=0.2)
    assert statuses(outcome) == ["timeout", "ok"]
    assert outcome.requests[1].sent_ns - outcome.requests[0].end_ns < 500 * MS


def test_an_answer_that_ends_with_its_connection_keeps_its_slot_until_then(serving):
    def answer(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + EVENT + LAST)
        time.sleep(0.1)
        return False

    outcome = send(f"http://127.0.0.1:{serving(answer).port}", prompts(3), 1)
    assert statuses(outcome) == ["ok"] * 3
    assert all(request.end_ns - request.last_token_ns > 90 * MS for request in outcome.requests)
    assert outcome.proof.throughput_error_share < 0.5


FEW_FILES = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, int(sys.argv[2])))
from enginebench.load import Target, measure
from enginebench.records import ClosedLoop, Prompt
prompts = [Prompt(token_ids=(1,), text=None, input_tokens=1, output_tokens=2)] * 60
target = Target(url=sys.argv[1], model="m", api="completions")
load = ClosedLoop(kind="closed", concurrency=60)
outcome = measure(target, prompts, load, run="r", seed=1, request_timeout_s=10)
print(json.dumps([[request.status, request.error] for request in outcome.requests]))
"""


@pytest.mark.parametrize("hard", [1000, 40])
def test_the_limit_of_open_files_is_raised_or_said(serving, hard):
    def answer(connection, number):
        time.sleep(0.2)
        return whole(connection, number)

    url = f"http://127.0.0.1:{serving(answer).port}"
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES, url, str(hard)], capture_output=True, text=True, check=False, timeout=60
    )
    found = json.loads(done.stdout or "[]")
    assert len(found) == 60, done.stderr
    if hard == 1000:
        assert [status for status, _ in found] == ["ok"] * 60
    else:
        assert {status for status, _ in found} == {"ok", "connection"}
        assert all("Too many open files" in error for status, error in found if status == "connection")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
def test_a_tls_connection_made_under_the_clock_sends_its_request_once_hands_are_shaken(
    serving, monkeypatch, tmp_path, version
):
    """The server's last word of the handshake is the last thing it says by itself."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.num_tickets = 0
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    def answer(connection, number):
        whole(connection, number)
        return False

    server = serving(answer, context=context)
    outcome = send(f"https://127.0.0.1:{server.port}", prompts(3), 1)
    assert statuses(outcome) == ["ok"] * 3
    assert max(request.end_ns - request.sent_ns for request in outcome.requests) < 3_000 * MS


def test_where_there_is_neither_epoll_nor_kernel_times_a_run_goes_the_same_way(serving, monkeypatch):
    monkeypatch.setattr(wire, "poll", _Selector)
    monkeypatch.setattr(wire, "KERNEL_TIMES", False)
    monkeypatch.setattr(wire, "STAMP_SPACE", 0)

    def answer(connection, number):
        whole(connection, number)
        return number % 3 != 2

    server = serving(answer)
    outcome = send(f"http://127.0.0.1:{server.port}", [*prompts(8), LONG], 3)
    assert statuses(outcome) == ["ok"] * 9
    assert not outcome.proof.kernel_times
    assert outcome.proof.unsure_events == outcome.proof.events == 18
    assert all(r.sent_ns < r.first_token_ns <= r.last_token_ns <= r.end_ns for r in outcome.requests)
