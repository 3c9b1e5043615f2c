"""One request under way, and what is known of it without reading what came."""

from __future__ import annotations

from enginebench.records import RequestStatus


class Exchange:
    """A request from its send to its end; the loop fills it in."""

    __slots__ = ("after", "broken", "end_ns", "read_by", "reason", "resent", "scheduled_ns", "sent_ns", "until_closed")

    def __init__(self, scheduled_ns: int, after: int) -> None:
        self.scheduled_ns = scheduled_ns
        # Closed loop: the request whose end made room for this one; -1 for none.
        self.after = after
        self.sent_ns = 0
        self.end_ns = 0
        # Reads of the whole run until it ended: its own are all among them.
        self.read_by = 0
        self.broken: RequestStatus | None = None
        self.reason: str | None = None
        self.resent = False
        # Whether the end of the connection was the answer's.
        self.until_closed = False
