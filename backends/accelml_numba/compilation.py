"""How kernels are compiled: cached on disk where that is possible."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


# Not "reassoc": sums in another order lose the digits that the formulas are written to keep.
FAST = {"contract", "nsz"}


def compiled(function: F) -> F:
    """Compile at the first call, and keep the machine code on disk for the next process.

    Serial: these loops stand between matrix products, and a parallel region that takes turns with
    a threaded BLAS costs ten times what it saves.
    """
    return _compile(function, FAST)


def compiled_sums(function: F) -> F:
    """The same for dot products, which are summed in lanes, as a BLAS does."""
    return _compile(function, FAST | {"reassoc"})


def _compile(function: F, fast: set[str]) -> F:
    options = {"nogil": True, "error_model": "numpy", "fastmath": fast}
    try:
        kernel: F = numba.njit(cache=True, **options)(function)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        warnings.warn(
            f"Numba finds no folder to keep its compiled kernels in ({error}); they are compiled "
            "anew in every process. Set NUMBA_CACHE_DIR to a folder that can be written.",
            stacklevel=3,
        )
        kernel = numba.njit(**options)(function)
    return kernel


def locked(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array that a kernel only reads, as one that cannot be written to.

    To Numba these are two types, and the same kernel would be compiled for each that a user has:
    memory maps and pandas' columns cannot be written to, nor can one number for all rows.
    """
    view = x.view()
    view.flags.writeable = False
    return view


def locked_row(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same of little beside X, one number after another: a layout is another type, too."""
    return locked(np.ascontiguousarray(x))
