"""Rows shared out among threads: compiled loops let go of the interpreter's lock.

Python's own threads, and not a parallel region of Numba's: such a region takes seven seconds to
compile instead of three, and its threads wait in a busy loop that a threaded BLAS, called next, has
to share the cores with.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba

R = TypeVar("R")

# Multiply-adds for which handing a part to a thread, some 50 µs, is not worth while.
SMALL = 1e7
# More than there are cores, so that a slow one does not hold up the others.
MOST_PARTS = 32

_pools: dict[int, ThreadPoolExecutor] = {}

# A forked process has the pool but none of its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)


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
    threads = min(numba.get_num_threads(), parts)
    if threads == 1:
        return [function(*bound) for bound in bounds]
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, "accelml-numba")
    futures: list[Any] = [_pools[threads].submit(function, *bound) for bound in bounds]
    return [future.result() for future in futures]
