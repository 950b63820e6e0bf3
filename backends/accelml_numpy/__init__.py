"""NumPy: the backend that is always there, and what the others are compared with."""

from __future__ import annotations

import contextlib
import os
from typing import Any, ClassVar

import array_api_compat.numpy as xp
import numpy as np

from accelml.backend import Backend, Status


class NumpyBackend(Backend):
    """NumPy arrays on the CPU, computed eagerly; matrix products by its BLAS."""

    name = "numpy"
    array_types: ClassVar[tuple[str, ...]] = ("numpy.ndarray",)
    xp: Any = xp

    @classmethod
    def status(cls) -> Status:
        """NumPy's version and the threads that BLAS may take."""
        return Status(version=f"numpy {np.__version__}", devices=("cpu",), threads=blas_threads())

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        import accelml_numpy.anomaly
        import accelml_numpy.cluster
        import accelml_numpy.linear_classifier
        import accelml_numpy.linear_model
        import accelml_numpy.lloyd
        import accelml_numpy.objectives
        import accelml_numpy.optimize
        import accelml_numpy.preprocessing
        import accelml_numpy.seeding
        import accelml_numpy.squared_error
        import accelml_numpy.training  # noqa: F401  (all register their overrides)

    def context(self) -> contextlib.AbstractContextManager[Any]:
        """No floating-point warnings: what is not finite is a status that the solver reports."""
        return np.errstate(all="ignore")


def blas_threads() -> str:
    """How many threads matrix products use, and what decides that."""
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(variable):
            return f"{os.environ[variable]} ({variable})"
    affinity = getattr(os, "sched_getaffinity", None)
    return f"{len(affinity(0)) if affinity else os.cpu_count()} (all cores)"
