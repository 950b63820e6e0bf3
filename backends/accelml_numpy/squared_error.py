"""Linear regression's loss and gradient: both products of a block while it is in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.squared_error import Sums, statistics
from accelml_numpy.threads import in_parts

Floats = np.ndarray[Any, Any]

BLOCK_BYTES = 2**21
# Features from which the matrix library's own threads are faster: it shares out Xᵀ δ badly only
# where X is narrow. Measured at 100 and at 784.
WIDE = 256


@statistics.register("numpy")
def _statistics(
    backend: Backend, params: Linear, X: Array, targets: Array, weights: Array, center: Array
) -> Sums:
    d, t = params.weights.shape
    if d >= WIDE:
        return statistics.generic(backend, params, X, targets, weights, center)
    bias = params.bias - center @ params.weights
    is_one = t == 1  # a product with a vector is faster than with a matrix of one column
    W: Floats = params.weights[:, 0] if is_one else params.weights
    y: Floats = targets[:, 0] if is_one else targets
    weight: Floats = weights if is_one else weights[:, None]
    size = max(16, BLOCK_BYTES // (X.itemsize * d))

    def part(start: int, stop: int) -> tuple[Any, ...]:
        gradient, total, loss = np.zeros(W.shape), np.zeros(t), 0.0
        for first in range(start, stop, size):
            rows = slice(first, min(stop, first + size))
            residuals = X[rows] @ W
            residuals += bias
            residuals -= y[rows]
            delta = residuals * weight[rows]
            gradient += X[rows].T @ delta
            total += delta.sum(axis=0, dtype=np.float64)
            loss += np.vdot(delta.astype(np.float64), residuals)
        return gradient, total, loss

    gradients, totals, losses = zip(*in_parts(part, X.shape, size), strict=True)
    total = np.sum(totals, axis=0)
    gradient = np.sum(gradients, axis=0).reshape(d, t) - center[:, None] * total
    dtype = params.weights.dtype
    return Sums(np.float64(sum(losses) / 2), gradient.astype(dtype), total.astype(dtype))
