"""JAX: the same bodies traced once and compiled by XLA, on the CPU or on a GPU."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend, F, Status
from accelml_jax.copies import aligned, release

__all__ = ["JaxBackend", "release"]


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


@functools.cache
def device_name(device: Any) -> str:
    """The name of a JAX device, e.g. ``gpu:0``."""
    from accelml.backend import normal_device

    return normal_device(f"{device.platform}:{device.local_hardware_id or 0}")
