"""Xᵀ δ on the CPU, where XLA is slow with a transposed matrix, and on one core with a vector."""

from __future__ import annotations

from typing import Any

from accelml._typing import Array
from accelml.objectives.products import transposed_times

BLOCK = 1000


@transposed_times.register("jax")
def _transposed_times(backend: Any, X: Array, delta: Array) -> Array:
    """(δᵀ X)ᵀ; for a vector, blocks of rows as a batch of products, shared out among the cores."""
    n, d = X.shape
    if not backend.device.startswith("cpu"):
        return transposed_times.generic(backend, X, delta)
    is_vector = delta.ndim == 1 or delta.shape[1] == 1
    if n < 2 * BLOCK or not is_vector:
        # The barrier keeps XLA from turning it around again.
        return backend.jax.lax.optimization_barrier(delta.T @ X).T
    xp = backend.xp
    whole = n - n % BLOCK
    vector = xp.reshape(delta, (n,))
    blocks = xp.reshape(X[:whole, :], (-1, BLOCK, d))
    parts = xp.einsum("bnd,bn->bd", blocks, xp.reshape(vector[:whole], (-1, BLOCK)))
    total = xp.sum(parts, axis=0) + vector[whole:] @ X[whole:, :]
    return xp.reshape(total, (d, *delta.shape[1:]))
