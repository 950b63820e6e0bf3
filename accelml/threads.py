"""Parts of a piece of work side by side: on the caller's thread, and on others that help it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_pools: dict[int, ThreadPoolExecutor] = {}

# A forked process has the pool but none of its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)


def side_by_side(function: Callable[[T], R], parts: Iterable[T], threads: int) -> list[R]:
    """``function(part)`` of every part, in their order, on so many threads.

    The caller's thread is one of them: it need not wait for a thread to wake up.

    Parameters
    ----------
    function : callable
        Without effect on what another part uses; called in the context of the caller, who may have
        said there which warnings to leave out. It should release the interpreter's lock.
    parts : iterable
    threads : int
        The most threads; no more are used than there are parts.

    Raises
    ------
    BaseException
        What ``function`` raises, once no thread is at work any longer; parts that have not been
        begun by then are left out.
    """
    parts = list(parts)
    threads = min(threads, len(parts))
    if threads <= 1:
        return [function(part) for part in parts]
    results: list[Any] = [None] * len(parts)
    waiting = deque(range(len(parts)))

    def work() -> None:
        while True:
            try:
                number = waiting.popleft()
            except IndexError:
                return
            results[number] = function(parts[number])

    helpers = threads - 1
    if helpers not in _pools:
        _pools[helpers] = ThreadPoolExecutor(helpers, "accelml")
    pool = _pools[helpers]
    called = [pool.submit(copy_context().run, work) for _ in range(helpers)]
    try:
        work()
    finally:
        waiting.clear()
        # One that has not woken up by now has nothing left to do.
        helped = [each for each in called if not each.cancel()]
        wait(helped)
    for each in helped:
        each.result()
    return results
