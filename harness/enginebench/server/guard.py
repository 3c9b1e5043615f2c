"""The small process between a trial and its engine: when the trial goes, in whatever way, the engine goes too.

Run as a file (`python -I guard.py TRIAL_PID GRACE_S COMMAND...`), standard library only, so that it starts in
milliseconds and holds little memory. It keeps a pipe on stdin whose other end only the trial has: when that end closes
(the trial asks for the stop, ends, or is killed with -9), the engine and all its descendants get TERM, a grace
period, then KILL. It reports on stdout, one JSON object a line:

    {"pid": N}          the engine has started; N is also its process group and session
    {"error": "..."}    the engine could not be started
    {"exit_code": N}    the engine's first process has ended; -S stands for a death by signal S

and exits once no descendant is left. The engine's own output goes to the guard's stderr, which is the log.

On Linux the guard is a child subreaper, so descendants that left the group (setsid, double fork) stay its
descendants; and the engine gets KILL should the guard itself be killed. Elsewhere only the engine's process group
is ended, and a guard that was killed with -9 is made up for by the trial.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_LOOK_S = 1.0
"""How often the trial is looked for even if the pipe stays open: a forked copy of it may hold the pipe's other end."""
_LEFTOVER_GRACE_S = 5.0
"""What descendants get to end by themselves after the engine's first process has (they free shared memory)."""
_KILL_S = 10.0
"""How long KILL is repeated before giving up on processes the kernel does not let go of."""


def descendants(root: int) -> list[int]:
    """Process ids of all living descendants of process `root`, from /proc; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    zombies: set[int] = set()
    names = os.listdir("/proc") if _LINUX else []
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The command's name is in brackets and may hold anything, blanks and brackets included.
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        children.setdefault(int(parent), []).append(int(name))
        if state in (b"Z", b"X"):
            zombies.add(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            waiting.append(pid)
            if pid not in zombies:
                found.append(pid)
    return found


class Family:
    """The engine and everything that descends from it."""

    def __init__(self, engine: int) -> None:
        self.engine = engine
        self.exit_code: int | None = None
        """The engine's exit code once it has ended, -S for a death by signal S."""

    def reap(self) -> None:
        """Collect every child that has ended, adopted ones included; report the engine's end the moment it is seen."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.engine:
                self.exit_code = os.waitstatus_to_exitcode(status)
                report({"exit_code": self.exit_code})

    def living(self) -> bool:
        """Whether anything of the family is left."""
        self.reap()
        if _LINUX:
            return bool(descendants(os.getpid()))
        try:
            os.killpg(self.engine, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return self.exit_code is None
        return True

    def signal(self, number: int) -> None:
        """Send signal `number` to the engine's group at once, then to the descendants that are not in it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.engine, number)
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self.engine:
                    os.kill(pid, number)

    def end(self, grace_s: float) -> None:
        """TERM, up to `grace_s` seconds for all to end, then KILL until nothing is left."""
        self.signal(signal.SIGTERM)
        if not self._gone_within(grace_s, lambda: None):
            self._gone_within(_KILL_S, lambda: self.signal(signal.SIGKILL))
        # The last may have ended after it was last collected and before it was looked for.
        self.reap()

    def _gone_within(self, limit_s: float, each_time: Callable[[], None]) -> bool:
        deadline = time.monotonic() + limit_s
        while self.living():
            if time.monotonic() >= deadline:
                return False
            each_time()
            time.sleep(0.02)
        return True


def report(message: dict[str, object]) -> None:
    """One line to the trial, if there still is one."""
    with contextlib.suppress(OSError):
        os.write(1, (json.dumps(message) + "\n").encode())


def prctl(option: int, value: int) -> None:
    """Linux's prctl(option, value); nothing elsewhere."""
    if _LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def start(argv: list[str]) -> int:
    """Start the engine in a session of its own, output to the log; its process id."""
    guard = os.getpid()

    def die_with_the_guard() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)

    engine = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=2, stderr=2, start_new_session=True, preexec_fn=die_with_the_guard
    )
    # Family reaps; without this the interpreter would complain about a child that Popen did not wait for.
    engine.returncode = 0
    return engine.pid


def main(argv: list[str]) -> int:
    """Guard one engine until it is gone: `argv` is the trial's pid, the grace in seconds, the engine's command."""
    trial, grace_s, command = int(argv[0]), float(argv[1]), argv[2:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    asked_to_stop: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked_to_stop.append(number))
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        family = Family(start(command))
    except (OSError, subprocess.SubprocessError) as error:
        report({"error": f"{error}"})
        return 1
    report({"pid": family.engine})
    while family.exit_code is None and not asked_to_stop and os.getppid() == trial:
        readable, _, _ = select.select([0, wake_read], [], [], _LOOK_S)
        if 0 in readable:
            break
        if wake_read in readable:
            os.read(wake_read, 4096)
        family.reap()
    if family.exit_code is None:
        family.end(grace_s)
    else:
        family.end(min(grace_s, _LEFTOVER_GRACE_S))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
