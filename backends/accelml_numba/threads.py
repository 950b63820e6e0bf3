"""Rows shared out among threads: compiled loops let go of the interpreter's lock.

Python's own threads, and not a parallel region of Numba's: such a region takes seven seconds to
compile instead of three, and its threads wait in a busy loop that a threaded BLAS, called next, has
to share the cores with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

from accelml.threads import side_by_side

R = TypeVar("R")

# Multiply-adds for which handing a part to a thread, some 50 µs, is not worth while.
SMALL = 1e7
# More than there are cores, so that a slow one does not hold up the others.
MOST_PARTS = 32


def in_parts(
    function: Callable[[int, int], R], rows: int, work: float, most: int = MOST_PARTS
) -> list[R]:
    """``function(start, stop)`` for parts of so many rows, in the order of the rows.

    What the parts are depends on the size of the problem alone, so that sums over them are the same
    whatever the number of threads.

    Parameters
    ----------
    function : callable
        Without effect on what another part uses; releases the interpreter's lock.
    rows : int
    work : float
        Multiply-adds in all.
    most : int
        The most parts, where each has a result that takes its time to add up.
    """
    parts = max(1, min(most, MOST_PARTS, rows, int(work / SMALL)))
    bounds = [(rows * part // parts, rows * (part + 1) // parts) for part in range(parts)]
    return side_by_side(lambda bound: function(*bound), bounds, numba.get_num_threads())
