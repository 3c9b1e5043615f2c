"""A server that answers over plain sockets, byte by byte as a test wants it."""

from __future__ import annotations

import socket
import threading

EVENT = b'data: {"choices": [{"text": " w", "finish_reason": null}]}\n\n'
LAST = (
    b'data: {"choices": [{"text": " w", "finish_reason": "length"}], "usage": {"completion_tokens": 2}}\n\n'
    b"data: [DONE]\n\n"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def asked(connection):
    """One whole request."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


class Serving:
    """A thread that answers every connection by `answer(connection, n)`, n counting requests; true keeps it open."""

    def __init__(self, answer, *, family=socket.AF_INET, context=None):
        self.answer, self.context = answer, context
        self.listener = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.requests = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            while asked(connection):
                self.requests += 1
                if not self.answer(connection, self.requests - 1):
                    break
        except OSError:
            pass
        connection.close()


def whole(connection, _):
    connection.sendall(HEAD + chunk(EVENT))
    connection.sendall(chunk(LAST) + b"0\r\n\r\n")
    return True
