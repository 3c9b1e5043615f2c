"""A server that runs already, or does not, on the loopback interface."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from enginebench.errors import TrialError
from enginebench.provision import prepare
from enginebench.provision.endpoint import serving_pids
from enginebench.records import EndpointProvision
from enginebench.server import free_port


@pytest.fixture
def server():
    """A server that knows `/v1/models` only; `paths` is what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            one.paths.append(self.path)
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    one = HTTPServer(("127.0.0.1", 0), Handler)
    one.paths = []
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def prepared(url, cache):
    return prepare(EndpointProvision(kind="endpoint", url=url), cache, print)


@pytest.mark.parametrize("end", ["", "/"])
def test_a_server_that_lists_its_models_is_ready(server, cache, end):
    url = f"http://127.0.0.1:{server.server_port}"
    ready = prepared(url + end, cache)
    assert ready.url == url
    assert (ready.executable, ready.python, ready.lock_hash) == (None, None, None)
    assert server.paths == ["/v1/models"]


def test_a_proxy_of_the_environment_is_not_asked(server, cache, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    prepared(f"http://127.0.0.1:{server.server_port}", cache)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/elsewhere", "http://127.0.0.1:{free}", "127.0.0.1:{port}"])
def test_a_url_that_does_not_answer_is_named_with_the_remedy(server, cache, url):
    url = url.format(port=server.server_port, free=free_port())
    with pytest.raises(TrialError) as caught:
        prepared(url, cache)
    assert caught.value.failure_class == "provision"
    assert str(caught.value).startswith(f"{url}/v1/models does not answer (")
    assert str(caught.value).endswith("start the server first")


def test_https_is_refused_with_the_remedy(cache):
    with pytest.raises(TrialError, match="only http:// can be measured; name the server's own port"):
        prepared("https://example.invalid", cache)


def test_who_serves_a_url_of_this_machine_is_found(server):
    assert serving_pids(f"http://127.0.0.1:{server.server_port}") == (os.getpid(),)
    assert serving_pids(f"http://127.0.0.1:{free_port()}") == ()
    assert serving_pids(f"http://192.0.2.1:{server.server_port}") == (), "a port of the same number elsewhere"
