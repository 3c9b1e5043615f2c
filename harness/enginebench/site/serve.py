"""Serve the dashboard on this machine: built anew as results arrive, with what is being measured now."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from pathlib import Path
from typing import Any

from enginebench.errors import UserError
from enginebench.site.build import STAMP, build
from enginebench.site.live import live
from enginebench.store import Store
from enginebench.store.place import ASIDE

EVERY_S = 2.0
"""Time between two looks at a store in a folder."""
EVERY_REMOTE_S = 30.0
"""The same at an object store, where each look is paid for."""

_BESIDE = ("invalidations", "calibrations", "foreign")


class Dashboard:
    """The dashboard of `store` in `folder`, kept up with it. `work` holds the folders of trials under way."""

    def __init__(self, store: Store, folder: Path, work: Path) -> None:
        self.store, self.folder, self.work = store, folder, work
        self._built: tuple[frozenset[str], ...] = ()

    def refresh(self) -> bool:
        """Build anew if anything was stored since the last time; gives whether it was. Raises UserError."""
        state = fingerprint(self.store)
        if state == self._built:
            return False
        build(self.store, self.folder)
        self._built = state
        return True

    def stamp(self) -> dict[str, Any]:
        """When the data was built, and what is measured now."""
        built = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
        return {**built, "serving": True, "live": live(self.work)}

    def keep_up(self, ended: threading.Event) -> None:
        """Look again and again until `ended`; what cannot be built now is told once and tried again."""
        told = ""
        every_s = EVERY_S if self.store.local is not None else EVERY_REMOTE_S
        while not ended.wait(every_s):
            try:
                self.refresh()
                told = ""
            except (UserError, OSError, ValueError) as error:
                if str(error) != told:
                    told = str(error)
                    print(f"not built anew: {told}", flush=True)


def fingerprint(store: Store) -> tuple[frozenset[str], ...]:
    """Something that is another once a trial, a correction, a calibration or another tool's file came in."""
    beside = (one.name for folder in _BESIDE for one in store.place.find(folder) if ASIDE not in one.name)
    return frozenset(store.view().all()), frozenset(beside)


class Server(http.server.ThreadingHTTPServer):
    """Serves a Dashboard on 127.0.0.1; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, dashboard: Dashboard, port: int) -> None:
        self.dashboard = dashboard
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: Server

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, directory=str(arguments[2].dashboard.folder))

    def do_GET(self) -> None:
        """A file of the dashboard, or the stamp of now."""
        self._wait()
        if self.path.partition("?")[0] == f"/{STAMP}":
            content = json.dumps(self.server.dashboard.stamp()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        super().do_GET()

    def _wait(self) -> None:
        """A build puts its folder in the old one's place by two renames; between them there is none."""
        for _ in range(200):
            if self.server.dashboard.folder.exists():
                return
            time.sleep(0.01)

    def end_headers(self) -> None:
        """Nothing is kept by the browser: what lies under a name changes with the next build."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: a page asks every other second."""


def serve(dashboard: Dashboard, port: int) -> None:
    """Build and serve until Ctrl-C."""
    dashboard.refresh()
    ended = threading.Event()
    keeper = threading.Thread(target=dashboard.keep_up, args=(ended,), daemon=True)
    with Server(dashboard, port) as server, contextlib.suppress(KeyboardInterrupt):
        print(f"{server.url}/ (Ctrl-C ends it)", flush=True)
        keeper.start()
        server.serve_forever()
    ended.set()
