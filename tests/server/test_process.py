"""Real processes: a small HTTP server that can crash, hang, ignore TERM, and hide descendants."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from enginebench.errors import TrialError
from enginebench.server import Server, ServerCommand, free_port

SERVE = """
import os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

port, folder = int(sys.argv[1]), sys.argv[2]
options = sys.argv[3:]

def leave(name, pid):
    with open(f"{folder}/{name}.tmp", "w") as file:
        file.write(str(pid))
    os.rename(f"{folder}/{name}.tmp", f"{folder}/{name}")

SLEEP = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

if "stubborn" in options:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "setsid" in options:
    # A double fork with sessions of their own, the way daemons leave their parents.
    if os.fork() == 0:
        os.setsid()
        stray = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
        leave("stray", stray.pid)
        os._exit(0)
if "worker" in options:
    leave("worker", subprocess.Popen([sys.executable, "-c", SLEEP]).pid)
leave("engine", os.getpid())
print("starting", flush=True)
begun = time.monotonic()
asked = 0

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        ready = "never" not in options and asked > 2
        self.send_response(200 if self.path == "/health" and ready else 503)
        self.end_headers()
        if "die" in options and ready:
            print("RuntimeError: died after it was ready", flush=True)
            os._exit(7)
    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


class Scene:
    """One server script's folder, its port and what it left there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "logs" / "server.log"
        self.port = free_port()
        self.script = folder / "serve.py"
        self.script.write_text(SERVE)

    def command(self, *options: str) -> ServerCommand:
        argv = (sys.executable, str(self.script), str(self.port), str(self.folder), *options)
        return ServerCommand(argv=argv, environment={"MARK": "1"}, url=f"http://127.0.0.1:{self.port}")

    def server(self, *options: str, ready_deadline_s: float = 20, stop_grace_s: float = 5) -> Server:
        return Server(self.command(*options), self.log, ready_deadline_s=ready_deadline_s, stop_grace_s=stop_grace_s)

    def pid(self, name: str) -> int:
        wait_for((self.folder / name).exists)
        return int((self.folder / name).read_text())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def wait_for(condition: Callable[[], bool], limit_s: float = 15) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_ready_inside_and_gone_after(scene: Scene) -> None:
    waits: list[float] = []
    with Server(scene.command("worker"), scene.log, ready_deadline_s=20, on_wait=waits.append) as server:
        assert server.alive()
        server.check()
        engine, worker = scene.pid("engine"), scene.pid("worker")
        assert server.pids() == tuple(sorted((engine, worker)))
        assert waits == sorted(waits)
        assert len(waits) >= 2
        os.kill(worker, signal.SIGKILL)
        server.stop()
    assert gone(engine)
    assert not server.alive()
    assert server.pids() == ()
    assert server.exit_code == -signal.SIGTERM
    assert scene.log.read_text() == "starting\n"
    server.stop()


def test_the_environment_is_the_inherited_one_plus_the_commands(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "yes")
    with scene.server() as server:
        environment = psutil.Process(server.pids()[0]).environ()
    assert (environment["INHERITED"], environment["MARK"]) == ("yes", "1")


def test_a_proxy_in_the_environment_is_not_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with scene.server() as server:
        assert server.alive()


def test_a_crash_during_the_start_is_seen_at_once(scene: Scene) -> None:
    begun = time.monotonic()
    program = "import sys; print('noise ' * 5); raise RuntimeError('no such kernel')"
    command = ServerCommand(argv=(sys.executable, "-c", program), environment={}, url=f"http://127.0.0.1:{scene.port}")
    with pytest.raises(TrialError) as caught, Server(command, scene.log, ready_deadline_s=600):
        pass
    assert time.monotonic() - begun < 10
    assert caught.value.failure_class == "crashed"
    assert "exit code 1: RuntimeError: no such kernel" in str(caught.value)
    assert "noise" in caught.value.log_tail
    assert "noise" in scene.log.read_text()


def test_a_crash_after_the_start_is_told_by_check(scene: Scene) -> None:
    with pytest.raises(TrialError, match="died after it was ready") as caught, scene.server("die") as server:  # noqa: PT012
        wait_for(lambda: not server.alive())
        assert server.exit_code == 7
        server.check()
    assert caught.value.failure_class == "crashed"


def test_what_a_crashed_server_leaves_is_ended(scene: Scene) -> None:
    with scene.server("worker", stop_grace_s=0.3) as server:
        worker = scene.pid("worker")
        os.kill(scene.pid("engine"), signal.SIGKILL)
        wait_for(lambda: not server.alive())
    assert gone(worker)


def test_the_deadline_is_a_class_of_its_own_and_ends_the_server(scene: Scene) -> None:
    with pytest.raises(TrialError, match=r"not ready after 1 s.*503") as caught:
        scene.server("never", ready_deadline_s=1).__enter__()
    assert caught.value.failure_class == "not_ready"
    assert caught.value.log_tail == "starting"
    assert gone(scene.pid("engine"))


def test_a_command_that_does_not_exist(scene: Scene) -> None:
    command = ServerCommand(argv=("/no/such/engine",), environment={}, url=f"http://127.0.0.1:{scene.port}")
    with pytest.raises(TrialError, match="cannot start /no/such/engine") as caught:
        Server(command, scene.log, ready_deadline_s=600).__enter__()
    assert caught.value.failure_class == "provision"


def test_a_taken_port_is_refused_rather_than_a_foreign_server_measured(scene: Scene) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", scene.port))
        foreign.listen()
        with pytest.raises(TrialError) as caught:
            scene.server().__enter__()
    assert caught.value.failure_class == "port_taken"
    assert not (scene.folder / "engine").exists()


def test_who_ignores_term_is_killed_after_the_grace(scene: Scene) -> None:
    with scene.server("stubborn", stop_grace_s=0.3) as server:
        engine = scene.pid("engine")
    assert gone(engine)
    assert server.exit_code == -signal.SIGKILL


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="subreapers are Linux's")
def test_a_descendant_that_left_the_group_is_found(scene: Scene) -> None:
    with scene.server("setsid", stop_grace_s=0.3) as server:
        stray = scene.pid("stray")
        wait_for(lambda: stray in server.pids())
    assert gone(stray)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_in_the_body_ends_the_server(scene: Scene, interruption: type[BaseException]) -> None:
    with pytest.raises(interruption), scene.server():
        raise interruption
    assert gone(scene.pid("engine"))


def test_an_interruption_during_the_start_ends_the_server(scene: Scene) -> None:
    def interrupt(_: float) -> None:
        if (scene.folder / "engine").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Server(scene.command("never"), scene.log, ready_deadline_s=20, on_wait=interrupt).__enter__()
    assert gone(scene.pid("engine"))


TRIAL = """
import sys, time
from pathlib import Path
from enginebench.server import Server, ServerCommand

port, folder = sys.argv[1:3]
argv = (sys.executable, f"{folder}/serve.py", port, folder, "setsid", "worker", "stubborn")
command = ServerCommand(argv=argv, environment={}, url=f"http://127.0.0.1:{port}")
with Server(command, Path(folder) / "log", ready_deadline_s=20, stop_grace_s=0.3) as server:
    if "fork" in sys.argv:
        import os
        if os.fork() == 0:
            # A copy of the trial that holds the guard's pipe open.
            Path(folder, "copy").write_text(str(os.getpid()))
            time.sleep(60)
    Path(folder, "ready").write_text("0")
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "options"), [(signal.SIGKILL, ()), (signal.SIGINT, ()), (signal.SIGKILL, ("fork",))]
)
def test_a_trial_that_is_ended_leaves_nothing(scene: Scene, number: signal.Signals, options: tuple[str, ...]) -> None:
    source = Path(__file__).resolve().parents[2] / "harness"
    trial = subprocess.Popen(
        [sys.executable, "-c", TRIAL, str(scene.port), str(scene.folder), *options],
        env={**os.environ, "PYTHONPATH": str(source)},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for((scene.folder / "ready").exists)
        pids = [scene.pid(name) for name in ("engine", "worker", "stray")]
        assert not any(gone(pid) for pid in pids)
        trial.send_signal(number)
        trial.wait(20)
        wait_for(lambda: all(gone(pid) for pid in pids))
    finally:
        trial.kill()
        trial.wait()
        if options:
            os.kill(scene.pid("copy"), signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the parent-death signal is Linux's")
def test_a_guard_that_is_killed_takes_the_engine_along(scene: Scene) -> None:
    with scene.server("worker") as server:
        engine, worker = scene.pid("engine"), scene.pid("worker")
        guard = psutil.Process(engine).parent()
        assert guard is not None
        guard.kill()
        wait_for(lambda: gone(engine))
        with pytest.raises(TrialError, match="ended unseen"):
            server.check()
    wait_for(lambda: gone(worker))


def test_free_ports_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
