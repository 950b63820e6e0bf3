"""array-api-strict as a backend: the array API standard, and nothing that it does not promise."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import Any, ClassVar

import numpy as np

from accelml.backend import Backend, Status


class ExampleBackend(Backend):
    """Arrays of a library that accelml does not know."""

    name = "example"
    array_types: ClassVar[tuple[str, ...]] = ("array_api_strict._array_object.Array",)

    @classmethod
    def status(cls) -> Status:
        """Say whether the library is there, without importing it."""
        if importlib.util.find_spec("array_api_strict") is None:
            return Status("array-api-strict is not installed", "pip install array-api-strict")
        return Status(version="array-api-strict", devices=("cpu",), threads="1")

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        import array_api_strict

        import accelml_example.kernels  # noqa: F401  (registers its overrides)

        self.xp = array_api_strict

    def to_numpy(self, x: Any) -> np.ndarray[Any, Any]:
        """A copy: what comes from DLPack may be read-only."""
        return np.from_dlpack(x).copy()

    def context(self) -> contextlib.AbstractContextManager[Any]:
        """No floating-point warnings: solvers report what is not finite."""
        return np.errstate(all="ignore")
