"""The guard's own bookkeeping, where a moment decides."""

from __future__ import annotations

import os
import subprocess
import sys

from enginebench.server import guard

STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: None)
print("ready", flush=True)
sys.stdin.read()
sys.exit(7)
"""


def test_an_end_between_collecting_and_looking_is_reported_all_the_same(monkeypatch, capfd):
    command = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as engine:
        assert engine.stdout.readline() == b"ready\n"
        looks = []

        def look(root: int) -> list[int]:
            looks.append(root)
            if len(looks) > 1:  # the first comes with TERM; by the next the engine has ended, uncollected
                engine.stdin.close()
                os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOWAIT)
            return []

        monkeypatch.setattr(guard, "descendants", look)
        monkeypatch.setattr(guard, "_LINUX", True)
        family = guard.Family(engine.pid)
        family.end(grace_s=5)
        engine.returncode = family.exit_code
    assert family.exit_code == 7
    assert '{"exit_code": 7}' in capfd.readouterr().out
