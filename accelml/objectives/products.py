"""The product that every gradient of a linear map ends with."""

from __future__ import annotations

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel


@kernel
def transposed_times(backend: Backend, X: Array, delta: Array) -> Array:
    """Xᵀ δ, of shape (d,) or (d, t) for δ of shape (n,) or (n, t)."""
    return X.T @ delta
