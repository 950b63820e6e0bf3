"""Every backend that the suite runs on: one table, which the marks come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from accelml import get_backend
from accelml.backend import Backend
from accelml.selection import backend_status
from accelml_numpy import NumpyBackend


class GenericBackend(NumpyBackend):
    """NumPy without its overrides: the generic bodies, forced."""

    name = "numpy-generic"


class ReadOnlyBackend(NumpyBackend):
    """NumPy, overrides and all, on arrays that nothing may write to."""

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        view = super().asarray(x, dtype).view()
        view.flags.writeable = False
        return view


class StrictBackend(Backend):
    """The array API standard, and nothing that it does not promise."""

    name = "array-api-strict"
    array_types: ClassVar[tuple[str, ...]] = ("array_api_strict._array_object.Array",)

    def __init__(self) -> None:
        super().__init__()
        import array_api_strict

        self.xp = array_api_strict

    def to_numpy(self, x: Any) -> Any:
        return np.from_dlpack(x).copy()

    def context(self) -> Any:
        return np.errstate(all="ignore")


class Case(NamedTuple):
    """One entry of the table."""

    make: Callable[[], Backend]
    needs: str  # the plug-in that must be usable
    device: str = "cpu"
    fast: bool = True  # compiles nothing, so whole estimators may be fitted many times


CASES = {
    "numpy": Case(lambda: get_backend("numpy"), "numpy"),
    "numpy-readonly": Case(ReadOnlyBackend, "numpy"),
    "numpy-generic": Case(GenericBackend, "numpy"),
    "array-api-strict": Case(StrictBackend, "numpy"),
    "numba": Case(lambda: get_backend("numba"), "numba"),
    "jax": Case(lambda: get_backend("jax", "cpu"), "jax", fast=False),
    "jax-second-device": Case(lambda: get_backend("jax", "cpu:1"), "jax", "cpu:1", fast=False),
    "jax-gpu": Case(lambda: get_backend("jax", "gpu:0"), "jax", "gpu:0", fast=False),
    "cupy": Case(lambda: get_backend("cupy"), "cupy", "gpu:0", fast=False),
}


def problem(name: str) -> str:
    """Why a case cannot run here; empty where it can."""
    case = CASES[name]
    status = backend_status(case.needs)
    if status.problem:
        return f"{case.needs}: {status.problem}"
    if case.device not in status.devices:
        return f"{case.needs} has no device {case.device} here, only {', '.join(status.devices)}"
    return ""
