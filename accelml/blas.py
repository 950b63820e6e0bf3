"""How many threads the matrix libraries beneath NumPy and SciPy have."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_held: dict[Any, int] = {}
_users = 0

# Orders of matrices that a library would wake its threads for, which then gain little or nothing
# by them. When they are done they wait in a busy loop, for some 25 ms, and other threads that are
# at work by then have to share the cores with them.
SMALL = range(32, 512)
# The same of Cholesky's decomposition, which SciPy does between products that are NumPy's: the
# threads of two libraries would be at work at once.
SMALL_CHOLESKY = range(32, 2048)


@functools.cache
def blas() -> tuple[Any, ...]:
    """The matrix libraries that are loaded."""
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def count_threads() -> int:
    """How many threads the user lets matrix products have."""
    now = _held or {library: library.get_num_threads() for library in blas()}
    return max(now.values(), default=1)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Hold matrix libraries to one thread; the last to leave puts back what the first found."""
    global _users
    with _lock:
        if _users == 0:
            _held.update({library: library.get_num_threads() for library in blas()})
            for library in _held:
                library.set_num_threads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for library, threads in _held.items():
                    library.set_num_threads(threads)
                _held.clear()


def one_thread_if_small(
    order: int, sizes: range = SMALL
) -> contextlib.AbstractContextManager[None]:
    """Hold matrix libraries to one thread for the decomposition of a small matrix."""
    return one_thread_each() if order in sizes else contextlib.nullcontext()
