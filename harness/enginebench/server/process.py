"""A server process under a guard: started, waited for, watched, and ended with all its descendants."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import psutil

from enginebench.errors import TrialError
from enginebench.records import record
from enginebench.server.failures import classify

_GUARD = Path(__file__).with_name("guard.py")
_POLL_S = 0.2
_HEALTH_TIMEOUT_S = 2.0
_KILL_MARGIN_S = 15.0
"""What the guard gets beyond the grace for its KILL; it gives up by itself before."""
_TAIL_LINES = 60
_TAIL_BYTES = 8192
_READ_BYTES = 1 << 20
"""How much of the log's end is read to tell why the server died."""


@record
class ServerCommand:
    """How to start one server and where it will answer."""

    argv: tuple[str, ...]
    """Command and arguments."""
    environment: Mapping[str, str]
    """Environment variables, set on top of the inherited ones."""
    url: str
    """Base URL, as `http://127.0.0.1:PORT`."""
    health_path: str = "/health"
    """Path that answers 200 once the server is ready."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A running server, as a context manager: ready inside the `with`, and nothing of it left after.

    Starting raises TrialError: `port_taken` if somebody listens at the URL already, `not_ready` after
    `ready_deadline_s` seconds, else what the log says the server died of, the moment it dies. `on_wait` is called with
    the seconds waited so far, about five times a second. The whole output goes to `log_path`, which is started anew.

    The engine runs under a guard (see guard.py), so that a trial killed with -9 leaves nothing running either.
    `alive`, `check` and `stop` belong to one thread; `pids` may be called from any.
    """

    def __init__(
        self,
        command: ServerCommand,
        log_path: Path,
        *,
        ready_deadline_s: float,
        on_wait: Callable[[float], None] | None = None,
        stop_grace_s: float = 15.0,
    ) -> None:
        self.command = command
        self.log_path = log_path
        self.exit_code: int | None = None
        """The server's exit code once it has ended, -S for a death by signal S; None while it runs or if unseen."""
        self._ready_deadline_s = ready_deadline_s
        self._on_wait = on_wait or (lambda _: None)
        self._stop_grace_s = stop_grace_s
        self._guard: subprocess.Popen[bytes] | None = None
        self._engine: int | None = None
        self._ended = False
        self._heard = b""
        self._start_error: str | None = None
        self._seen: list[psutil.Process] = []

    def __enter__(self) -> Server:
        self._refuse_taken_port()
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def alive(self) -> bool:
        """Whether the server's first process still runs; that it also answers is for a request to show."""
        self._hear()
        return not self._ended

    def check(self) -> None:
        """Raise TrialError with what the log says if the server has died."""
        if not self.alive():
            if self._start_error:
                raise TrialError("provision", f"cannot start {self.command.argv[0]}: {self._start_error}")
            failure_class, message = classify(self.exit_code, self._log_end(_READ_BYTES))
            raise TrialError(failure_class, message, log_tail=self._tail())

    def pids(self) -> tuple[int, ...]:
        """Process ids of the server and all its descendants, ascending; empty once it is gone."""
        if self._guard is None:
            return ()
        try:
            family = psutil.Process(self._guard.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return ()
        self._seen = family
        return tuple(sorted(process.pid for process in family))

    def stop(self) -> None:
        """TERM to the server's group, KILL after the grace to whatever of it is left; harmless when repeated."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        assert guard.stdout is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._seen = psutil.Process(guard.pid).children(recursive=True) or self._seen
        try:
            guard.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                guard.wait(self._stop_grace_s + _KILL_MARGIN_S)
        finally:
            # Only a guard that was killed, or a second Ctrl-C during the wait, leaves anything to do here.
            self._kill_what_is_left(guard)
            self._hear_from(guard.stdout.fileno())
            guard.stdout.close()

    def _refuse_taken_port(self) -> None:
        address = urlsplit(self.command.url)
        with socket.socket() as probe:
            # Without it a port that was in use a minute ago would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address.hostname or "127.0.0.1", address.port or 80))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise TrialError(
                        "port_taken", f"another process listens at {self.command.url} already; end it or pick a port"
                    ) from None

    def _start(self) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        # -I and -S: the guard must not read the engine's PYTHON* variables, nor any site-packages.
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), str(self._stop_grace_s)]
        with self.log_path.open("wb") as log:
            self._guard = subprocess.Popen(
                [*guard, *self.command.argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.command.environment},
                bufsize=0,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        os.set_blocking(self._guard.stdout.fileno(), False)

    def _wait_until_ready(self) -> None:
        assert self._guard is not None
        assert self._guard.stdout is not None
        begun = time.monotonic()
        answer = "no answer yet"
        while True:
            self.check()
            answer = self._ask_health()
            self.check()
            if answer == "200":
                return
            waited_s = time.monotonic() - begun
            self._on_wait(waited_s)
            if waited_s >= self._ready_deadline_s:
                raise TrialError(
                    "not_ready",
                    f"the server was not ready after {self._ready_deadline_s:g} s (last answer of "
                    f"{self.command.health_path}: {answer}); raise the deadline or read {self.log_path}",
                    log_tail=self._tail(),
                )
            # Waits for the guard's report rather than just for time to pass, so a crash is seen at once.
            select.select([self._guard.stdout], [], [], _POLL_S)

    def _ask_health(self) -> str:
        address = urlsplit(self.command.url)
        connection = http.client.HTTPConnection(
            address.hostname or "127.0.0.1", address.port or 80, timeout=_HEALTH_TIMEOUT_S
        )
        try:
            connection.request("GET", self.command.health_path)
            return str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()

    def _hear(self) -> None:
        if self._guard is not None and self._guard.stdout is not None:
            self._hear_from(self._guard.stdout.fileno())

    def _hear_from(self, pipe: int) -> None:
        """Take in what the guard has reported so far; its end without a report means it was killed."""
        while True:
            try:
                data = os.read(pipe, 4096)
            except BlockingIOError:
                break
            if not data:
                self._ended = True
                break
            self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            message = json.loads(line)
            self._engine = message.get("pid", self._engine)
            if "exit_code" in message:
                self._ended, self.exit_code = True, message["exit_code"]
            if "error" in message:
                self._ended, self._start_error = True, message["error"]

    def _kill_what_is_left(self, guard: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self._seen += psutil.Process(guard.pid).children(recursive=True)
        for process in self._seen:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()
        if guard.returncode != 0 and self._engine is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._engine, signal.SIGKILL)
        guard.kill()
        guard.wait()

    def _log_end(self, size: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - size))
            return log.read().decode(errors="replace")

    def _tail(self) -> str:
        return "\n".join(self._log_end(_TAIL_BYTES).splitlines()[-_TAIL_LINES:])
