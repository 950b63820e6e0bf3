"""JAX: the same bodies traced once and compiled by XLA, on the CPU or on a GPU."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend, F, Status
from accelml.threads import side_by_side


class JaxBackend(Backend):
    """JAX arrays on one device; every kernel is jitted, every loop is a ``lax`` loop."""

    name = "jax"
    array_types = ("jaxlib._jax.ArrayImpl", "jaxlib.xla_extension.ArrayImpl")
    _compiled: ClassVar[dict[tuple[Any, tuple[str, ...]], Any]] = {}

    @classmethod
    def status(cls) -> Status:
        """Import JAX, which initialises the devices, and list them."""
        if importlib.util.find_spec("jax") is None:
            return Status("JAX is not installed", "pip install 'accelml[jax]'")
        # JAX takes three quarters of the GPU when it starts, and CuPy or PyTorch beside it find
        # nothing left; a user who sets either variable keeps what they set.
        if "XLA_PYTHON_CLIENT_MEM_FRACTION" not in os.environ:
            os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        try:
            import jax

            platforms = [jax.devices()[0].platform, "cpu"]
            found = [d for p in dict.fromkeys(platforms) for d in jax.local_devices(backend=p)]
        except Exception as error:
            return Status(f"JAX does not start ({error})", "pip install -U 'accelml[jax]'")
        if not hasattr(jax, "enable_x64"):
            return Status(f"JAX {jax.__version__} is too old", "pip install -U 'jax>=0.8'")
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        return Status(
            version=f"jax {jax.__version__}",
            devices=tuple(device_name(device) for device in found),
            threads=f"{threads or os.cpu_count()} (XLA's own pool)",
        )

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        import jax
        import jax.numpy

        self.jax = jax
        self.xp = jax.numpy
        import accelml_jax.anomaly
        import accelml_jax.cluster
        import accelml_jax.linear_model
        import accelml_jax.preprocessing
        import accelml_jax.products  # noqa: F401  (all register their overrides)

        kind, _, number = self.device.partition(":")
        self.jax_device = jax.local_devices(backend=kind)[int(number or 0)]

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """Put an array on the device; a copy only where it is elsewhere or of another dtype."""
        if not isinstance(x, self.jax.Array):
            # Converted on the host: JAX would round float64 to float32 outside its context.
            x = np.asarray(x, dtype=dtype) if not hasattr(x, "__dlpack__") else x
            x = self.xp.from_dlpack(x) if not isinstance(x, np.ndarray) else x
        if not isinstance(x, np.ndarray) and dtype is not None:
            x = x.astype(dtype)
        elif dtype is not None:
            x = x.astype(dtype, copy=False)
        if isinstance(x, np.ndarray) and self.device.startswith("cpu"):
            x = aligned(x)
        return self.jax.device_put(x, self.jax_device)

    def device_of(self, x: Array) -> str:
        """The name of the device that holds ``x``; the first, where several do."""
        return device_name(min(x.devices(), key=lambda device: device.id))

    def compile(self, function: F, static: tuple[str, ...] = ()) -> F:
        """``jax.jit``, once for each function; not where its parts are compiled by themselves."""
        if getattr(function, "is_in_parts", False):
            return function
        key = (function, static)
        if key not in self._compiled:
            self._compiled[key] = self.jax.jit(function, static_argnames=static)
        compiled: F = self._compiled[key]
        return compiled

    def while_loop(
        self,
        step: Callable[[Tree], Tree],
        done: Callable[[Tree], Array],
        state: Tree,
        max_iter: int | Array,
        check_every: int = 1,
    ) -> Tree:
        """``lax.while_loop``; the limit is traced, so another one compiles nothing."""

        def proceed(carry: tuple[Array, Tree]) -> Array:
            return (carry[0] < max_iter) & ~done(carry[1])

        def advance(carry: tuple[Array, Tree]) -> tuple[Array, Tree]:
            return carry[0] + 1, step(carry[1])

        return self.jax.lax.while_loop(proceed, advance, (0, state))[1]

    def scan(
        self, step: Callable[[Tree, Tree], tuple[Tree, Array]], state: Tree, xs: tuple[Array, ...]
    ) -> tuple[Tree, Array]:
        """``lax.scan``."""
        result: tuple[Tree, Array] = self.jax.lax.scan(step, state, xs)
        return result

    @contextlib.contextmanager
    def context(self) -> Iterator[None]:
        """Float64 allowed, float32 products at full precision, on this device."""
        with (
            self.jax.enable_x64(True),
            self.jax.default_matmul_precision("highest"),
            self.jax.default_device(self.jax_device),
        ):
            yield

    def synchronize(self) -> None:
        """Wait for every array that somebody holds: on a CPU, programs need not end in order."""
        for array in self.jax.live_arrays(self.jax_device.platform):  # type: ignore[no-untyped-call]
            if self.jax_device in array.devices() and not array.is_deleted():
                array.block_until_ready()


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


@functools.cache
def device_name(device: Any) -> str:
    """The name of a JAX device, e.g. ``gpu:0``."""
    from accelml.backend import normal_device

    return normal_device(f"{device.platform}:{device.local_hardware_id or 0}")
