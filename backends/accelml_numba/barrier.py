"""A place where threads wait for each other within compiled code, for less than a microsecond."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from accelml_numba.compilation import compiled

Integers = np.ndarray[Any, Any]

# What lets another thread have the core is named so in the C library of everything but Windows.
CAN_WAIT = hasattr(os, "sched_yield")
# Looks before another thread may have the core: it is worth while only where one has been taken.
SPINS = 20_000


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """The address of an entry of a vector of integers."""
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, arguments[0])
    return cgutils.get_item_pointer(context, builder, kind, array, [arguments[1]], wraparound=False)


@intrinsic
def add_one(typing: Any, counts: Any, i: Any) -> Any:
    """Add one where others may do so at the same time, and return what was there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature, arguments)
        return builder.atomic_rmw("add", place, ir.IntType(64)(1), "seq_cst")

    return types.int64(counts, types.intp), generate


@intrinsic
def look(typing: Any, counts: Any, i: Any) -> Any:
    """What others have last stored there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature, arguments)
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(counts, types.intp), generate


@intrinsic
def give_way(typing: Any) -> Any:
    """Let another thread have the core."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if CAN_WAIT:
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


@compiled
def wait_for_all(arrived: Integers, parties: int, times: int) -> bool:
    """Return when all have come here for the ``times``-th time; whether they have.

    Parameters
    ----------
    arrived : ndarray of shape (2,) of int64
        Shared; zero at first. Where the second is set, nobody waits any longer.
    parties : int
    times : int
        1, 2, 3, … at each thread.
    """
    add_one(arrived, 0)
    spins = 0
    while look(arrived, 0) < parties * times:
        if look(arrived, 1) != 0:
            return False
        spins += 1
        if spins > SPINS:
            give_way()
    return True


def together(function: Callable[[int, Integers], None], parties: int) -> None:
    """``function(number, arrived)`` of each number below ``parties``, in threads that may wait.

    Not in those of a pool: each must have a thread of its own, or all would wait for ever. Ctrl-C,
    or an error in one of them, ends the waiting of all.
    """
    arrived: Integers = np.zeros(2, np.int64)
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            function(number, arrived)
        except BaseException as error:
            errors.append(error)
            arrived[1] = 1

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(parties)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        if any(thread.is_alive() for thread in threads):
            arrived[1] = 1
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    if errors:
        raise errors[0]
