"""Xᵀ δ on the CPU, where XLA multiplies a transposed matrix by a vector on one core."""

from __future__ import annotations

from accelml._typing import Array
from accelml.backend import Backend
from accelml.objectives.products import transposed_times

BLOCK = 1000


@transposed_times.register("jax")
def _transposed_times(backend: Backend, X: Array, delta: Array) -> Array:
    """Blocks of rows are a batch of products, which XLA shares out among the cores."""
    n, d = X.shape
    is_vector = delta.ndim == 1 or delta.shape[1] == 1
    if n < 2 * BLOCK or not is_vector or not backend.device.startswith("cpu"):
        return transposed_times.generic(backend, X, delta)
    xp = backend.xp
    whole = n - n % BLOCK
    vector = xp.reshape(delta, (n,))
    blocks = xp.reshape(X[:whole, :], (-1, BLOCK, d))
    parts = xp.einsum("bnd,bn->bd", blocks, xp.reshape(vector[:whole], (-1, BLOCK)))
    total = xp.sum(parts, axis=0) + vector[whole:] @ X[whole:, :]
    return xp.reshape(total, (d, *delta.shape[1:]))
