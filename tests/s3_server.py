"""An S3 server on loopback for tests: moto's, with faults between it and its client when asked for.

Run as a program it prints its URL. A share of the requests fails: with a 500 before anything is done, with a 500 after
it was done (the client cannot know), or without an answer in time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ERROR = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>An internal error.</Message></Error>'
HANG_S = 3.0
"""Longer than READ_TIMEOUT_S: the client gives up first."""
READ_TIMEOUT_S = 1.5
RETRIES = {"max_attempts": 8, "mode": "standard"}


class Faulty:
    """A WSGI application with faults."""

    def __init__(self, application: Callable[..., Iterable[bytes]], share: float, seed: int) -> None:
        self.application, self.share = application, share
        self.random = random.Random(seed)
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self.lock:
            drawn = self.random.random()
        kind = int(drawn / self.share * 3) if self.share and drawn < self.share else None
        if kind == 0:
            # What the client sends has to be read all the same; the application reads it itself, and only once.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return self._error(start)
        # S3 decides and writes in one; moto looks and then writes.
        with self.lock:
            answer = list(self.application(environ, start if kind is None else _quiet))
        if kind == 1:
            return self._error(start)
        if kind == 2:
            time.sleep(HANG_S)
            return self._error(start)
        return answer

    def _error(self, start: Callable[..., Any]) -> Iterable[bytes]:
        start("500 Internal Server Error", [("Content-Type", "application/xml"), ("Content-Length", str(len(ERROR)))])
        return [ERROR]


def _quiet(*_: Any) -> Callable[[bytes], None]:
    return lambda _: None


@contextmanager
def serving(share: float = 0.0, seed: int = 1) -> Iterator[dict[str, str]]:
    """Runs a server with a bucket `bench`; gives the environment in which clients find it."""
    argv = [sys.executable, __file__, "--share", str(share), "--seed", str(seed)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            assert url, "the server did not start"
            yield client(url)
        finally:
            server.kill()


def client(url: str) -> dict[str, str]:
    """The environment in which clients find a server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "FSSPEC_S3": json.dumps({"config_kwargs": {"read_timeout": READ_TIMEOUT_S, "retries": RETRIES}}),
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--share", type=float, default=0.0)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    # Beside this file lies a module of the name of a package that moto needs.
    sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    faulty = Faulty(DomainDispatcherApplication(create_backend_app), 0.0, asked.seed)
    server = make_server("127.0.0.1", 0, faulty, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.port}"
    boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="bench")
    faulty.share = asked.share
    print(url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
