"""The same launches many times over, as a CUDA graph that the device repeats."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

# A graph costs about as much to make as so many rounds of separate launches.
WORTHWHILE = 8


def repeat(cupy: Any, work: Callable[[], None], times: int) -> None:
    """Do ``work`` so many times, in the order of the current stream.

    Parameters
    ----------
    cupy : module
    work : callable
        Nothing but launches of kernels of our own, on arrays that are there already: what it does
        on the host happens once, and CuPy captures neither cuBLAS nor memory that is to be given
        back. It must have run before, so that its kernels are loaded.
    times : int
        Where there are few, or nothing can be captured, the launches are made one by one, with the
        same result.
    """
    graph = captured(cupy, work) if times >= WORTHWHILE else None
    again = work if graph is None else graph.launch
    for _ in range(times):
        again()


def captured(cupy: Any, work: Callable[[], None]) -> Any:
    """The launches of ``work`` as a ``cupy.cuda.Graph``, none of them made; None if that fails."""
    refusals = (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError)
    # The default stream cannot be captured. The graph runs on the current stream all the same.
    stream = cupy.cuda.Stream(non_blocking=True)
    try:
        with stream:
            stream.begin_capture()
            try:
                work()
            except BaseException:
                with contextlib.suppress(*refusals):
                    stream.end_capture()
                raise
            return stream.end_capture()
    except (*refusals, NotImplementedError):
        return None
