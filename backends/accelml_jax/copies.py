"""Copies of NumPy's arrays that XLA shares the memory of, and the memory that is kept for them."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
from typing import Any

import numpy as np

from accelml.threads import side_by_side

# What XLA can compute with where it lies begins at a multiple of this many bytes.
ALIGNMENT = 64
# Smaller arrays JAX copies as fast.
LARGE = 2**20


def aligned(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A large array, or a copy that XLA can share the memory of.

    JAX would make that copy itself, but into small pages, the first touch of each of which costs
    more than to fill it; NumPy asks the system for huge ones.
    """
    if x.nbytes < LARGE or (x.ctypes.data % ALIGNMENT == 0 and x.flags.c_contiguous):
        return x
    buffer = room_for(x.nbytes + ALIGNMENT)
    start = -buffer.ctypes.data % ALIGNMENT
    copy: np.ndarray[Any, Any] = buffer[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    _fill(copy, x)
    return copy


# Memory of the last copies, the oldest first, and how many bytes of it at most. The next fit of as
# many rows finds pages there, once nobody else holds them; to get new ones from the system can take
# several times as long as to fill them, and most where it has to ask a hypervisor.
_rooms: list[np.ndarray[Any, Any]] = []
_lock = threading.RLock()  # a finaliser may want room, too
MOST_KEPT = 2**29


def references(rooms: list[Any]) -> list[int]:
    """How often each of them is referred to, from anywhere."""
    return [sys.getrefcount(rooms[place]) for place in range(len(rooms))]


(ALONE,) = references([object()])


def room_for(size: int) -> np.ndarray[Any, Any]:
    """So many bytes, or up to twice as many: some that nobody else holds, or new ones.

    Whatever shares an array's memory refers to the array that owns it; JAX does so until the last
    program that reads it has ended.
    """
    for generation in range(2):
        if not any(fits(size, room) for room in list(_rooms)):
            break
        gc.collect(generation)  # JAX lets go of what it no longer needs when this runs
        with _lock:
            for place, count in enumerate(references(_rooms)):
                if count == ALONE and fits(size, _rooms[place]):
                    return _rooms[place]
    room = np.empty(size, np.uint8)
    if size <= MOST_KEPT:
        with _lock:
            _rooms.append(room)
            while sum(room.nbytes for room in _rooms) > MOST_KEPT:
                del _rooms[0]
    return room


def release() -> None:
    """Give the memory that is kept for the next copies back to the system."""
    with _lock:
        _rooms.clear()


def fits(size: int, room: np.ndarray[Any, Any]) -> bool:
    """Whether so many bytes fill at least half of the room."""
    return size <= room.nbytes <= 2 * size


# Bytes of a part that is worth a thread, and the threads that fill the memory's bandwidth.
PART, MOST_THREADS = 2**23, 4


def _fill(copy: np.ndarray[Any, Any], x: np.ndarray[Any, Any]) -> None:
    """Copy rows on several threads: half of the time is that of the first touch of each page."""
    parts = min(len(x), x.nbytes // PART) if x.ndim else 0
    threads = min(os.cpu_count() or 1, MOST_THREADS, parts)
    if threads <= 1:
        copy[...] = x
        return
    bounds = np.linspace(0, len(x), parts + 1, dtype=int)

    def copy_part(part: tuple[int, int]) -> None:
        np.copyto(copy[slice(*part)], x[slice(*part)])

    side_by_side(copy_part, itertools.pairwise(bounds), threads)
