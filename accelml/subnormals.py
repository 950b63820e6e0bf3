"""Numbers too small for their exponent, with which some processors compute many times as slowly."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import platform
import sys
from collections.abc import Iterator
from typing import Any

# Of MXCSR, the register that rules vector arithmetic on x86: subnormal results are zero (bit 15),
# and so are subnormal operands (bit 6).
TO_ZERO = 0x8040


class _Environment(ctypes.Structure):
    """``fenv_t`` of the C libraries of Linux on x86-64."""

    _fields_ = [("x87", ctypes.c_uint8 * 28), ("mxcsr", ctypes.c_uint32)]


@contextlib.contextmanager
def subnormals_as_zero() -> Iterator[None]:
    """Let this thread compute with zero in place of subnormal numbers.

    Below 1.2e-38 in float32, and 2.2e-308 in float64. XLA computes so always. A mean that decays,
    of a gradient that has become zero, ends among them and stays there for good. Where the C
    library has no way to ask for this, on systems other than Linux on x86-64, nothing happens.
    """
    library = _library()
    if library is None:
        yield
        return
    before = _set(library, 0, TO_ZERO)
    try:
        yield
    finally:
        _set(library, TO_ZERO, before & TO_ZERO)


@functools.cache
def _library() -> Any:
    """The C library, where its environment is the one above."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.maxsize < 2**32:
        return None
    try:
        library = ctypes.CDLL(None)
        return library if library.fegetenv and library.fesetenv else None
    except (OSError, AttributeError):
        return None


def _set(library: Any, off: int, on: int) -> int:
    """Clear and set bits of MXCSR, and return what it was."""
    environment = _Environment()
    library.fegetenv(ctypes.byref(environment))
    before: int = environment.mxcsr
    environment.mxcsr = (before & ~off) | on
    library.fesetenv(ctypes.byref(environment))
    return before
