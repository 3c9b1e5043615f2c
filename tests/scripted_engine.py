"""An OpenAI-compatible server that answers by a script, with known timings: the ground truth of every metric.

By hand:    python tests/scripted_engine.py --port 8000 --script '{"ttft_ms": 100, "itl_ms": 10}'
            curl -N localhost:8000/v1/completions -d '{"prompt": [1, 2], "max_tokens": 8, "stream": true}'
            curl localhost:8000/record

It also takes the command lines of vLLM (`serve MODEL --host H --port P …`) and SGLang (`-m sglang.launch_server …`),
other flags ignored; the script then comes from $SCRIPTED_ENGINE, so that whole nights can be run on it. `/record` gives
what it saw and when it sent, in ns of the monotonic clock, which all processes of a machine share. Standard library.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field


@dataclass
class Script:
    """How to answer."""

    ttft_ms: float = 20.0
    """First token after the whole request was read."""
    itl_ms: float = 5.0
    """Each further token."""
    tokens_per_event: int = 1
    tokens_first: int | None = None
    """Tokens in the first event, when it differs."""
    role_first: bool = False
    """Send a chunk with the role and no text at once, as chat servers do."""
    stop_at: int | None = None
    """End after so many tokens, whatever was asked."""
    tokens_more: int = 0
    """Write so many tokens more than asked."""
    usage: bool = True
    cached_tokens: int | None = None
    prompt_tokens_more: int = 0
    """What the chat template adds, or by how much the server miscounts."""
    slots: int | None = None
    """Requests answered at a time; the others wait."""
    close: bool = False
    """Close the connection after each answer."""
    last_header: str | None = None
    """A header to end the headers with, as `Keep-Alive: timeout=5, max=100`."""
    content_length: bool = False
    """One body of known length instead of chunks."""
    dribble_bytes: int | None = None
    """Cut every write into pieces of this size."""
    http_error_at: list[int] = field(default_factory=list)
    """Requests (from 0, in order of arrival) that get a 500."""
    error_event_at: list[int] = field(default_factory=list)
    """Requests whose stream ends in an error event."""
    truncate_at: list[int] = field(default_factory=list)
    """Requests whose connection breaks in mid-stream."""
    stall_at: list[int] = field(default_factory=list)
    """Requests that stop for ever in mid-stream."""
    die_at: int | None = None
    """Request at which the server exits with 7."""
    ready_after: int = 0
    """Health checks answered 503 before it is ready."""
    crash_words: str | None = None
    """Print this and exit with 1 instead of serving."""
    canned_file: str | None = None
    """JSON for requests that ask for no stream: `answers`, prompt to text; `vocabulary`, the tokens' texts, for prompts
    that are ids; `logprobs`, ids joined by commas to what `prompt_logprobs` gives, a text not in it gets a 400."""
    wrong_from: int | None = None
    """Requests from which on every unstreamed answer is `wrong`."""
    pid_file: str | None = None
    """Where to write the process id."""
    metrics: str | None = None
    """The page `/metrics`; `{received}` and `{in_flight}` stand for the requests so far and those under way."""
    record_file: str | None = None
    """Where to write each exchange once it is over, a line of JSON, for when the server is gone."""


class Engine:
    """One scripted server."""

    def __init__(self, script: Script, model: str) -> None:
        self.script = script
        self.model = model
        self.record: list[dict[str, object]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.health_checks = 0
        self.slots = asyncio.Semaphore(script.slots or 1_000_000)
        self.canned = {"answers": {}, "logprobs": {}}
        if script.canned_file:
            with open(script.canned_file, encoding="utf-8") as file:
                self.canned = json.load(file)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self.exchange(reader, writer):
                pass
        writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; gives whether the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        received_ns = time.monotonic_ns()
        if method == "GET" and path == "/metrics" and self.script.metrics is not None:
            page = self.script.metrics.format(received=len(self.record), in_flight=self.in_flight).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
            return True
        if method == "GET":
            self.answer(writer, *self.page(path))
            return True
        return await self.complete(writer, json.loads(body), "chat" in path, received_ns)

    def page(self, path: str) -> tuple[int, object]:
        """Status and JSON of a GET."""
        if path == "/health":
            self.health_checks += 1
            return (200 if self.health_checks > self.script.ready_after else 503), {}
        pages: dict[str, object] = {
            "/version": {"version": "scripted-1"},
            "/server_info": {"version": "scripted-2", "tp_size": 1},
            "/v1/models": {"data": [{"id": self.model}]},
            "/record": {"requests": self.record, "most_in_flight": self.most_in_flight},
        }
        return (200, pages[path]) if path in pages else (404, {})

    def answer(self, writer: asyncio.StreamWriter, status: int, value: object) -> None:
        """A whole JSON response."""
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    async def complete(self, writer: asyncio.StreamWriter, asked: dict[str, object], chat: bool, received_ns: int):
        """Stream an answer as the script says."""
        script, index = self.script, len(self.record)
        seen: dict[str, object] = {"received_ns": received_ns, "event_ns": [], "asked": asked}
        self.record.append(seen)
        if script.die_at == index:
            os._exit(7)
        if index in script.http_error_at:
            self.answer(writer, 500, {"error": {"message": "scripted failure"}})
            return True
        if not asked.get("stream"):
            self.answer(writer, *self.whole(asked, index))
            return True
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            async with self.slots:
                return await self.stream(writer, asked, chat, index, seen)
        finally:
            self.in_flight -= 1
            if script.record_file:
                with open(script.record_file, "a", encoding="utf-8") as file:
                    file.write(json.dumps(seen) + "\n")

    def whole(self, asked: dict[str, object], index: int) -> tuple[int, object]:
        """Status and JSON of an answer that is not streamed, from the canned ones."""
        if "prompt_logprobs" in asked:
            rows = self.canned["logprobs"].get(",".join(map(str, asked["prompt"])))
            if rows is None:
                return 400, {"error": {"message": "no log-probabilities here"}}
            return 200, {"choices": [{"text": "", "prompt_logprobs": [None, *rows]}]}
        wrong = self.script.wrong_from is not None and index >= self.script.wrong_from
        prompt = asked["prompt"]
        if isinstance(prompt, list):
            # One prompt as token ids in a list of prompts, as lm-eval sends it.
            prompt = "".join(self.canned["vocabulary"][token] for token in prompt[0])
        text = "wrong" if wrong else self.canned["answers"].get(prompt, "unknown")
        return 200, {"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}

    async def stream(self, writer, asked, chat: bool, index: int, seen: dict[str, object]) -> bool:
        """The stream's events, each at its absolute time."""
        script = self.script
        begun_ns = time.monotonic_ns() if script.slots else seen["received_ns"]
        total = min(asked["max_tokens"] + script.tokens_more, script.stop_at or sys.maxsize)
        out = Body(writer, script)
        out.begin()
        if script.role_first:
            out.event(json.dumps({"choices": [{"delta": {"role": "assistant", "content": ""}, "index": 0}]}))
        sent = 0
        while sent < total:
            due_ns = begun_ns + round((script.ttft_ms + sent * script.itl_ms) * 1e6)
            await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
            if sent >= total // 2:
                if index in script.truncate_at:
                    return False
                if index in script.stall_at:
                    await asyncio.sleep(3600)
                if index in script.error_event_at:
                    out.event(json.dumps({"error": {"message": "scripted failure"}}))
                    out.end()
                    return not script.close
            size = script.tokens_per_event if sent or script.tokens_first is None else script.tokens_first
            count = min(size, total - sent)
            seen["event_ns"].append(time.monotonic_ns())
            out.event(json.dumps({"id": f"cmpl-{index}", "choices": [self.choice(" word" * count, chat)]}))
            sent += count
        last = {"index": 0, "finish_reason": "length", "delta": {}} if chat else {"text": "", "finish_reason": "length"}
        out.event(json.dumps({"choices": [last]}))
        if script.usage:
            out.event(json.dumps({"choices": [], "usage": self.usage(asked, total)}))
        out.event("[DONE]")
        out.end()
        await writer.drain()
        return not script.close

    @staticmethod
    def choice(text: str, chat: bool) -> dict[str, object]:
        """One token-bearing choice."""
        body = {"delta": {"content": text}} if chat else {"text": text}
        return {"index": 0, **body, "finish_reason": None}

    def usage(self, asked: dict[str, object], total: int) -> dict[str, object]:
        """The server's own count of tokens."""
        prompt = asked.get("prompt") or asked["messages"][0]["content"].split()
        count = len(prompt) + self.script.prompt_tokens_more
        used: dict[str, object] = {"prompt_tokens": count, "completion_tokens": total, "total_tokens": count + total}
        if self.script.cached_tokens is not None:
            used["prompt_tokens_details"] = {"cached_tokens": self.script.cached_tokens}
        return used


class Body:
    """Writes a response's body, chunked or of one known length."""

    def __init__(self, writer: asyncio.StreamWriter, script: Script) -> None:
        self.writer = writer
        self.script = script
        self.kept = b""

    def begin(self) -> None:
        """The headers of a chunked response; one of known length waits for its end."""
        if not self.script.content_length:
            close = "Connection: close\r\n" if self.script.close else ""
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{close}Transfer-Encoding: chunked\r\n"
            head += f"{self.script.last_header}\r\n\r\n" if self.script.last_header else "\r\n"
            self.write(head.encode())

    def event(self, payload: str) -> None:
        """One server-sent event, in a chunk of its own."""
        data = f"data: {payload}\n\n".encode()
        if self.script.content_length:
            self.kept += data
        else:
            self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self) -> None:
        """The last chunk, or all that was kept."""
        if self.script.content_length:
            self.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.kept)}\r\n\r\n".encode() + self.kept)
        else:
            self.write(b"0\r\n\r\n")

    def write(self, data: bytes) -> None:
        """To the socket, in pieces if the script says so."""
        size = self.script.dribble_bytes or len(data)
        for at in range(0, len(data), size):
            self.writer.write(data[at : at + size])


async def serve(engine: Engine, host: str, port: int) -> None:
    """Serve until TERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = await asyncio.start_server(engine.connection, host, port, backlog=2048)
    print(f"listening on http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()
    server.close()


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("words", nargs="*", help="`serve MODEL`, as vLLM has it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--served-model-name", default="scripted")
    parser.add_argument("--script", default=os.environ.get("SCRIPTED_ENGINE", "{}"), help="Script as JSON")
    given, _ = parser.parse_known_args()
    script = Script(**json.loads(given.script))
    if script.pid_file:
        with open(script.pid_file, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
    if script.crash_words:
        print(script.crash_words, flush=True)
        return 1
    asyncio.run(serve(Engine(script, given.served_model_name), given.host, given.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
