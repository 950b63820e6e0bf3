"""CuPy: NumPy's interface on an NVIDIA GPU, with CUDA kernels where fusing pays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend, Status
from accelml_cupy import graphs, launch, loops, precision
from accelml_cupy.diagnosis import diagnose

CUDA, CUDA_MANAGED = 2, 13  # kinds of device in DLPack
SMALL = 2**16  # bytes; below, a launch costs more than sending a few more of them


class CupyBackend(Backend):
    """CuPy arrays on one GPU, computed in the order of its current stream.

    ``scan`` is the base class's: CuPy stacks more than eight outputs in a single launch, where
    writing each into its place would cost a launch a step. The memory pool is left as the user has
    it.
    """

    name = "cupy"
    array_types = ("cupy.ndarray",)

    @classmethod
    def status(cls) -> Status:
        """Whether there is a driver, a GPU and a compiler; asked once a process."""
        return diagnose()

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        import array_api_compat.cupy as xp
        import cupy

        import accelml_cupy.overrides  # noqa: F401  (registers them)

        self.cupy: Any = cupy
        self.xp = xp
        self.number = int(self.device.partition(":")[2])

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """Bring an array to this GPU.

        What is here already is not copied, whichever library it belongs to, unless its type
        changes. CuPy's own arrays may come from another GPU; those of other libraries may not.
        """
        with self.cupy.cuda.Device(self.number):
            if isinstance(x, (self.cupy.ndarray, list, tuple)):
                return self.cupy.asarray(x, dtype=dtype)
            if not isinstance(x, np.ndarray):
                x = self._view(x)
            if isinstance(x, np.ndarray):
                x = self.cupy.asarray(convert_if_smaller(x, dtype))
            return x if dtype is None else x.astype(dtype, copy=False)

    def _view(self, x: Any) -> Array:
        """An array of another library as one of CuPy's, or of NumPy's where it is on the host."""
        if hasattr(x, "__dlpack_device__"):
            kind, number = map(int, x.__dlpack_device__())
            if kind == CUDA_MANAGED or (kind == CUDA and number == self.number):
                return self.cupy.from_dlpack(x)
            if kind == CUDA:
                raise ValueError(
                    f"a {type(x).__module__}.{type(x).__qualname__} on gpu:{number} cannot be used "
                    f"on {self.device}; move it there first, or choose device='gpu:{number}'"
                )
        elif hasattr(x, "__cuda_array_interface__"):
            return self.cupy.asarray(x)
        return np.asarray(x)

    def to_numpy(self, x: Array) -> np.ndarray[Any, Any]:
        """Bring an array to the host, once the GPU has computed it."""
        host: np.ndarray[Any, Any] = self.cupy.asnumpy(x)
        return host

    def device_of(self, x: Array) -> str:
        """The GPU that holds ``x``."""
        return f"gpu:{x.device.id}"

    def while_loop(
        self,
        step: Callable[[Tree], Tree],
        done: Callable[[Tree], Array],
        state: Tree,
        max_iter: int | Array,
        check_every: int = 1,
    ) -> Tree:
        """The loop of :func:`accelml_cupy.loops.while_loop`, masked between two looks."""
        return loops.while_loop(self.xp, step, done, state, max_iter, check_every)

    @contextlib.contextmanager
    def context(self) -> Iterator[None]:
        """On this GPU, with float32 products at full precision."""
        from cupy._core import _routines_linalg

        with self.cupy.cuda.Device(self.number), precision.full_precision(_routines_linalg):
            yield

    def synchronize(self) -> None:
        """Wait for the current stream of this GPU."""
        with self.cupy.cuda.Device(self.number):
            self.cupy.cuda.get_current_stream().synchronize()

    def launch(
        self,
        source: launch.Source,
        kernel: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: tuple[Any, ...],
    ) -> None:
        """Launch one of this package's CUDA kernels on the current stream."""
        launch.device_function(source, kernel)(grid, block, arguments)

    def repeat(self, work: Callable[[], None], times: int) -> None:
        """Do the same launches so many times: :func:`accelml_cupy.graphs.repeat`."""
        graphs.repeat(self.cupy, work, times)

    def address(self, x: Array) -> int:
        """Where on the device the elements of ``x`` begin."""
        pointer: int = x.data.ptr
        return pointer


def convert_if_smaller(x: np.ndarray[Any, Any], dtype: Any) -> np.ndarray[Any, Any]:
    """Change the type on the host, unless that makes a large array larger to send."""
    if dtype is None:
        return x
    wanted = np.dtype(dtype)
    grows = wanted.itemsize > x.dtype.itemsize and x.nbytes > SMALL
    return x if grows else x.astype(wanted, copy=False)
