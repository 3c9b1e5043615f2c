"""Draws that are the same on any machine and Python: numpy promises PCG64's raw stream, not what it makes of it."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


class Draw:
    """A stream of draws fixed by what it is `of`: equal parts, equal stream."""

    def __init__(self, *of: str | int) -> None:
        key = "\0".join(map(str, of))
        self._raw = np.random.PCG64(int.from_bytes(hashlib.sha256(key.encode()).digest(), "big"))

    def below(self, limit: int, size: int) -> NDArray[np.int64]:
        """`size` numbers, uniform in [0, limit), independent."""
        # 2**64 is so much larger than any vocabulary that the remainder's bias is below 1e-14.
        return (self._raw.random_raw(size) % np.uint64(limit)).astype(np.int64)

    def distinct_below(self, limit: int, size: int) -> NDArray[np.int64]:
        """`size` numbers, uniform in [0, limit), no two equal while there are enough: `size` <= `limit`."""
        if size > limit:
            return self.below(limit, size)
        return np.argsort(self._raw.random_raw(limit), kind="stable")[:size].astype(np.int64)
