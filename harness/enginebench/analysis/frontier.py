"""The Pareto set of points."""

from __future__ import annotations

from collections.abc import Sequence


def frontier(points: Sequence[tuple[float, float]], *, x_higher: bool = True, y_higher: bool = True) -> tuple[int, ...]:
    """Indices, ascending, of the points (x, y) that no other point beats in one direction and equals or beats in both.

    `x_higher` and `y_higher` say which way is better. Equal points stay together.
    """
    signed = [(x if x_higher else -x, y if y_higher else -y) for x, y in points]
    return tuple(
        index
        for index, (x, y) in enumerate(signed)
        if not any(u >= x and v >= y and (u > x or v > y) for u, v in signed)
    )
