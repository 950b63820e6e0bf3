"""float32 products at full precision, whatever the process has asked CuPy for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class FullPrecision:
    """Turns TF32 off while anyone is inside, and on again when the last one leaves.

    CuPy keeps the setting for the whole process (``CUPY_TF32=1`` turns it on), so entries are
    counted: of two fits in two threads, the first to end must not turn it on under the other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    @contextlib.contextmanager
    def __call__(self, linalg: Any) -> Iterator[None]:
        """Hold full precision.

        Parameters
        ----------
        linalg : module
            ``cupy._core._routines_linalg``, which holds the setting.
        """
        with self._lock:
            if self._inside == 0:
                self._before = linalg.get_compute_type("float32")
                if self._before == linalg.COMPUTE_TYPE_TF32:
                    linalg.set_compute_type("float32", linalg.COMPUTE_TYPE_DEFAULT)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0 and self._before == linalg.COMPUTE_TYPE_TF32:
                    linalg.set_compute_type("float32", self._before)


full_precision = FullPrecision()
