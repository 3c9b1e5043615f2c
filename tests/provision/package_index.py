"""A package index on the loopback interface that remembers what it was asked and can hold an answer back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

JSON = "application/vnd.pypi.simple.v1+json"


class Index:
    """Serves the wheels in `folder`: `/simple/<name>/` lists them, `/files/<wheel>` gives one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        """Paths that were asked for, in order."""
        self.held = ""
        """What a path ends with that is answered only after `let_go` is set."""
        self.reached = threading.Event()
        """Set as soon as such a path was asked for."""
        self.let_go = threading.Event()
        self.uploaded: dict[str, str] = {}
        """Wheel to when it came, `2026-11-24T01:02:03Z`; with any, lists are JSON for those who take it."""
        self.url = ""

    def answer(self, path: str, form: str) -> bytes | None:
        """The body for `path`, a list in this form; null for what is not there."""
        self.requests.append(path)
        if self.held and path.endswith(self.held):
            self.reached.set()
            self.let_go.wait(60)
        _, kind, name, *_ = [*path.split("/"), ""]
        if kind == "files":
            return (self.folder / name).read_bytes()
        start = f"{name.replace('-', '_')}-"
        wheels = [wheel.name for wheel in self.folder.glob("*.whl") if wheel.name.startswith(start)]
        if wheels and form == JSON:
            files = [
                {"filename": one, "url": f"/files/{one}", "hashes": {}, "upload-time": self.uploaded.get(one)}
                for one in wheels
            ]
            return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()
        links = "".join(f'<a href="/files/{wheel}">{wheel}</a>' for wheel in wheels)
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode() if wheels else None


@contextmanager
def serving(folder: Path) -> Iterator[Index]:
    """An index over `folder`, until the end of the block."""
    index = Index(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            takes = JSON in self.headers.get("Accept", "") and index.uploaded
            listed = JSON if takes else "text/html"
            body = index.answer(self.path, listed)
            try:
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", listed if "/simple/" in self.path else "application/zip")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")
            except (BrokenPipeError, ConnectionResetError):
                # Who asked was killed.
                pass

        def do_HEAD(self) -> None:
            self.send_error(405)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    index.url = f"http://127.0.0.1:{server.server_port}/simple/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield index
    finally:
        index.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
