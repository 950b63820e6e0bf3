"""Numba: NumPy's arrays with kernels compiled to machine code loops."""

from __future__ import annotations

import importlib.util
import os

from accelml.backend import Status
from accelml_numpy import NumpyBackend


class NumbaBackend(NumpyBackend):
    """NumPy's namespace with registered kernels; chosen by name, never inferred."""

    name = "numba"
    array_types = ()

    @classmethod
    def status(cls) -> Status:
        """Import Numba and say which threading layer it may use."""
        if importlib.util.find_spec("numba") is None:
            return Status("Numba is not installed", "pip install 'accelml[numba]'")
        try:
            import numba
        except Exception as error:
            return Status(f"Numba does not import ({error})", "pip install -U 'accelml[numba]'")
        variable = "NUMBA_NUM_THREADS"
        origin = variable if os.environ.get(variable) else "all cores"
        return Status(
            version=f"numba {numba.__version__}",
            devices=("cpu",),
            threads=f"{numba.config.NUMBA_NUM_THREADS} ({origin})",
        )

    def __init__(self, device: str | None = None) -> None:
        super().__init__(device)
        import accelml_numba.anomaly
        import accelml_numba.assignment
        import accelml_numba.cluster
        import accelml_numba.cross_entropy
        import accelml_numba.linear_classifier
        import accelml_numba.linear_model
        import accelml_numba.lloyd
        import accelml_numba.objectives
        import accelml_numba.optimize
        import accelml_numba.preprocessing
        import accelml_numba.seeding
        import accelml_numba.squared_error
        import accelml_numba.training  # noqa: F401  (all register their overrides)
