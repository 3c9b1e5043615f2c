"""A real engine made slower by a known factor: a server before it that gives back every byte later.

What the engine answers after s seconds comes after s × the factor, so that of a request sent alone every latency is the
engine's own × the factor, exactly, whatever that is. For closed loops of one request in flight: of more, the others run
faster while one is held back. An engine that waits for a held back client rests meanwhile, and a rested machine may be
faster: the good one is to rest as long, which REST says, before it takes the next request, as a share of the last one.

    python tests/stretched_engine.py FACTOR REST ENGINE [ARGUMENTS…]

starts llama.cpp as enginebench does, whose last argument is JSON with `port`, on another port, and serves in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence


class Stretched:
    """The server in front."""

    def __init__(self, factor: float, rest: float, port: int) -> None:
        self.factor = factor
        self.rest = rest
        self.port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side closes it."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            # The engine does not listen yet: nor do we.
            writer.close()
            return
        clock = asyncio.get_running_loop()
        asked_s = ended_s = clock.time()

        async def forth() -> None:
            nonlocal asked_s, ended_s
            while piece := await reader.read(1 << 16):
                # A request that comes in several pieces has had no answer yet, so no rest is between them.
                await asyncio.sleep(ended_s + self.rest * (ended_s - asked_s) - clock.time())
                asked_s = ended_s = clock.time()
                inner_writer.write(piece)
                await inner_writer.drain()
            inner_writer.write_eof()

        arrived: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def listen() -> None:
            nonlocal ended_s
            piece = b"-"
            while piece:
                piece = await inner_reader.read(1 << 16)
                ended_s = clock.time()
                arrived.put_nowait((asked_s + (ended_s - asked_s) * self.factor, piece))

        async def back() -> None:
            while True:
                due_s, piece = await arrived.get()
                await asyncio.sleep(due_s - clock.time())
                if not piece:
                    return
                writer.write(piece)
                await writer.drain()

        ends = [asyncio.ensure_future(one()) for one in (forth, listen, back)]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await ends[-1]
        for one in ends:
            one.cancel()
        inner_writer.close()
        writer.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def main(factor: float, rest: float, words: Sequence[str]) -> int:
    """Run the engine and serve before it; gives the engine's exit code."""
    settings = json.loads(words[-1])
    inner = free_port()
    engine = await asyncio.create_subprocess_exec(*words[:-1], json.dumps({**settings, "port": inner}))
    clock = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        clock.add_signal_handler(name, engine.terminate)
    server = await asyncio.start_server(Stretched(factor, rest, inner).serve, "127.0.0.1", settings["port"])
    async with server:
        code = await engine.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    os.environ["PYTHONUNBUFFERED"] = "1"
    sys.exit(asyncio.run(main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])))
