"""Questions put to a server: the order of the answers, how many at a time, and everything that can go wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from enginebench.quality.ask import Question, ask


class Server(ThreadingHTTPServer):
    """Answers `/echo` with what it was sent, after a while; `/broken` with no JSON; `/status/N` with that status."""

    daemon_threads = True
    now = most = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server: Server = self.server
            server.now += 1
            server.most = max(server.most, server.now)
            time.sleep(0.02)
            server.now -= 1
            status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status") else 200
            body = b"{" if self.path == "/broken" else body
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server(("127.0.0.1", 0), Server.Handler)
    thread = threading.Thread(target=one.serve_forever)
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_answers_come_in_the_order_of_the_questions_so_many_at_a_time(server, concurrency):
    questions = [Question(path="/echo", body={"n": index}) for index in range(12)]
    answers = ask(url(server), questions, concurrency=concurrency, timeout_s=10)
    assert [one.value for one in answers] == [{"n": index} for index in range(12)]
    assert all((one.http_status, one.error) == (200, None) for one in answers)
    assert server.most == concurrency


def test_what_goes_wrong_is_told_and_not_raised(server):
    questions = [Question(path=path, body={"why": "so"}) for path in ("/status/400", "/broken", "/status/500", "/echo")]
    refused, broken, failed, good = ask(url(server), questions, concurrency=2, timeout_s=10)
    assert (refused.http_status, refused.error) == (400, 'HTTP 400: {"why": "so"}')
    assert (failed.http_status, failed.value) == (500, None)
    assert broken.error.startswith("JSONDecodeError")
    assert good.value == {"why": "so"}


def test_a_server_that_is_gone_gives_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (answer,) = ask(f"http://127.0.0.1:{port}", [Question(path="/", body={})], concurrency=1, timeout_s=5)
    assert (answer.value, answer.http_status) == (None, None)
    assert "ConnectionRefusedError" in answer.error


def test_nothing_asked_is_nothing_answered(server):
    assert ask(url(server), [], concurrency=1, timeout_s=5) == ()
