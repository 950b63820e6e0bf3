"""Rows shared out among Python's threads, each with a matrix library held to one thread.

NumPy lets go of the interpreter's lock in loops and in products. A block of rows then stays in the
cache of one core through all that is done with it, where a threaded product would hand it around.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from accelml import threads
from accelml.blas import count_threads, one_thread_each

T = TypeVar("T")
R = TypeVar("R")

# Numbers read for which a thread is not worth while.
SMALL = 2**21
MOST_PARTS = 16


def in_parts(function: Callable[[int, int], R], shape: tuple[int, ...], align: int = 1) -> list[R]:
    """``function(start, stop)`` for parts of the rows, in their order.

    What the parts are depends on the shape alone, so that sums over them are the same whatever the
    number of threads.

    Parameters
    ----------
    function : callable
        Without effect on what another part uses.
    shape : tuple of int
        Of the rows: how many, and of how many numbers.
    align : int
        Parts begin at multiples of this many rows.
    """
    rows, columns = shape
    units = -(-rows // align)
    parts = max(1, min(MOST_PARTS, units, rows * columns // SMALL))
    bounds = [
        (align * (units * part // parts), min(rows, align * (units * (part + 1) // parts)))
        for part in range(parts)
    ]
    return side_by_side(lambda bound: function(*bound), bounds)


def side_by_side(function: Callable[[T], R], parts: Iterable[T]) -> list[R]:
    """``function(part)`` of every part, in their order, on as many threads as products have."""
    parts = list(parts)
    most = min(count_threads(), len(parts))
    if most <= 1:
        return [function(part) for part in parts]
    with one_thread_each():
        return threads.side_by_side(function, parts, most)
