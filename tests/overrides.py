"""Every override there is, whichever plug-in registers it, and whether it can run here or not."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from typing import NamedTuple

from accelml import available_backends, get_backend
from accelml.backend import Backend
from accelml.kernel import REGISTRY, Kernel
from accelml.selection import plugins
from accelml.testing.kernels import load_kernels


class Override(NamedTuple):
    """One backend's own body of one kernel."""

    backend: str
    kernel: str

    @property
    def target(self) -> Kernel:
        """The kernel itself."""
        return REGISTRY[self.kernel]

    @property
    def label(self) -> str:
        """Short, and unlike any other's."""
        return f"{self.backend}-{self.kernel.removeprefix('accelml.')}"


def overrides() -> list[Override]:
    """All of them, in the order of their kernels."""
    load_kernels()
    for name in available_backends():
        get_backend(name)
    for name in sorted(plugins()):
        if name in BACKENDS:
            register_all(f"accelml_{name}")
    return [
        Override(name, key)
        for key, target in sorted(REGISTRY.items())
        for name in sorted(target.overrides)
        if key.startswith("accelml.") and name in BACKENDS
    ]


# Those of this repository: a plug-in that is installed beside them has its own measurements.
BACKENDS = ("numpy", "numba", "jax", "cupy")


def register_all(package: str) -> None:
    """Import every module of a plug-in that can be imported without its device."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        with contextlib.suppress(ImportError):
            importlib.import_module(module.name)


def plain(backend: Backend) -> Backend:
    """The same backend under another name, by which no override is found."""
    made = type("Plain", (type(backend),), {"name": f"{backend.name}-generic"})
    return made(backend.device)
