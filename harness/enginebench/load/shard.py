"""A process that carries out a part of a load: told and telling over its pipes."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from enginebench.load.part import Carried, Part, carry_out

_LENGTH = struct.Struct("<q")
_DELAY_NS = 50_000_000
"""From the last process being ready to the common start."""


def carry_out_side_by_side(parts: Sequence[Part], on_done: Callable[[int], None] | None) -> list[Carried]:
    """Carry out every part in a process of its own, all from one start.

    Raises RuntimeError if a process dies. None is left behind.
    """
    children: list[subprocess.Popen[bytes]] = []
    try:
        for _ in parts:
            # In a group of its own: Ctrl-C is for this process, which ends the others.
            words = [sys.executable, "-c", "from enginebench.load.shard import main; main()"]
            children.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0))
        for child, part in zip(children, parts, strict=True):
            _tell(child, part)
        for child in children:
            _expect(child, "ready")
        begun_ns = time.monotonic_ns() + _DELAY_NS
        for child in children:
            _tell(child, begun_ns)
        return _collect(children, on_done)
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                with contextlib.suppress(OSError):  # What one that died had not read is lost.
                    pipe.close()


def _collect(children: Sequence[subprocess.Popen[bytes]], on_done: Callable[[int], None] | None) -> list[Carried]:
    found: list[Any] = [None] * len(children)
    ended = [0] * len(children)
    heard = threading.Condition()

    def listen(index: int) -> None:
        while True:
            message = _get(children[index])
            with heard:
                if isinstance(message, int):
                    ended[index] = message
                else:
                    found[index] = message if message is not None else RuntimeError("a process of the load died")
                    if isinstance(message, Carried):
                        ended[index] = len(message.exchanges)
                heard.notify()
                if found[index] is not None:
                    return

    threads = [threading.Thread(target=listen, args=(index,), daemon=True) for index in range(len(children))]
    for thread in threads:
        thread.start()
    told = 0
    while True:
        with heard:
            while sum(ended) == told and None in found and not any(isinstance(one, Exception) for one in found):
                heard.wait()
            told, over = sum(ended), None not in found
        for one in found:
            if isinstance(one, Exception):
                raise one
        if on_done is not None and told:
            on_done(told)
        if over:
            return found


def _expect(child: subprocess.Popen[bytes], word: str) -> None:
    message = _get(child)
    if isinstance(message, Exception):
        raise message
    if message != word:
        raise RuntimeError("a process of the load died before it was ready")


def _tell(child: subprocess.Popen[bytes], value: object) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # That it died shows when it is listened to.
        _put(child.stdin, value)


def _put(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value)
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _get(child: subprocess.Popen[bytes]) -> Any:
    """The next thing a process says; null if it has ended."""
    assert child.stdout is not None
    return _read(child.stdout)


def _read(pipe: IO[bytes]) -> Any:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(head)[0]
    data = pipe.read(size)
    return pickle.loads(data) if len(data) == size else None


def main() -> None:
    """Take a part from standard input, carry it out, say what came."""
    part = _read(sys.stdin.buffer)
    told_ns = 0

    def begin() -> int:
        _put(sys.stdout.buffer, "ready")
        begun = _read(sys.stdin.buffer)
        if begun is None:
            os._exit(1)
        threading.Thread(target=end_with_parent, daemon=True).start()
        return int(begun)

    def end_with_parent() -> None:
        """Nothing more is written to this pipe; it ends when whoever started this process is gone."""
        os.read(sys.stdin.fileno(), 1)
        os._exit(1)

    def done(count: int) -> None:
        nonlocal told_ns
        now = time.monotonic_ns()
        if now - told_ns > 100_000_000:
            told_ns = now
            _put(sys.stdout.buffer, count)

    try:
        found: object = carry_out(part, begin=begin, on_done=done)
    except Exception as error:  # noqa: BLE001 - told to whoever started this process, who raises it
        found = error
    _put(sys.stdout.buffer, found)


if __name__ == "__main__":
    main()
