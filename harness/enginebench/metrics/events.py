"""The token-bearing events of many requests as arrays: a million of them without a list. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from enginebench.records import Request

Times = NDArray[np.int64]


class Events:
    """All events of `requests`, one request's after the other's."""

    def __init__(self, requests: Sequence[Request]) -> None:
        each = [np.asarray(request.event_ns, dtype=np.int64) for request in requests]
        self.counts = np.array([len(times) for times in each], dtype=np.int64)
        """Events of each request."""
        self.times_ns: Times = np.concatenate(each) if each else np.array([], dtype=np.int64)
        """Arrival of every event, ns since the run's start."""
        self._requests = requests
        self._ends = np.cumsum(self.counts)

    def inside(self, window: tuple[int, int]) -> Times:
        """Events of each request that came in the window: after its begin, up to its end."""
        hits = (self.times_ns > window[0]) & (self.times_ns <= window[1])
        total = np.concatenate([[0], np.cumsum(hits)])
        return np.asarray(total[self._ends] - total[self._ends - self.counts])

    def gaps_ns(self) -> NDArray[np.float64]:
        """Times between consecutive events of a request, over all requests."""
        return self._later(np.diff(self.times_ns)).astype(float)

    def token_gaps_ns(self) -> NDArray[np.float64] | None:
        """The same for every token: an event of k tokens that came d after the one before it counts k times d / k.

        Null where it is not known how many tokens each event held.
        """
        each = [getattr(request, "event_tokens", None) for request in self._requests]
        if not all(
            tokens is not None and len(tokens) == count for tokens, count in zip(each, self.counts, strict=True)
        ):
            return None
        tokens = np.concatenate([np.asarray(of, dtype=np.int64) for of in each]) if each else np.array([], np.int64)
        held = self._later(tokens[1:])
        gaps_ns = self.gaps_ns()
        return np.repeat(gaps_ns / np.maximum(held, 1), held)

    def _later(self, pairs: Times) -> Times:
        """Of values for every two neighbours in the array those whose two events are of one request."""
        last = np.unique(self._ends[self.counts > 0])[:-1] - 1
        return np.delete(pairs, last)
