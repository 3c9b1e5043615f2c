"""Serve a built dashboard on this machine."""

from __future__ import annotations

import functools
import http.server
from pathlib import Path


def serve(folder: Path, port: int) -> None:
    """Serve `folder` on 127.0.0.1:`port` until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", flush=True)
        server.serve_forever()
