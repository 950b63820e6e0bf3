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

BLOCK_BYTES = 2**20


@statistics.register("numpy")
def _statistics(
    backend: Backend, params: Linear, X: Array, targets: Array, weights: Array, center: Array
) -> Sums:
    d, t = params.weights.shape
    bias = params.bias - center @ params.weights
    one = t == 1  # a product with a vector is faster than with a matrix of one column
    W: Floats = params.weights[:, 0] if one else params.weights
    residuals: Floats = bias - targets
    each: Floats = residuals[:, 0] if one else residuals
    is_weighted = (weights != 1).any()
    weight = weights if one else weights[:, None]
    size = max(16, BLOCK_BYTES // (X.itemsize * d))

    def part(start: int, stop: int) -> Floats:
        gradient = np.zeros(W.shape)
        for first in range(start, stop, size):
            rows = slice(first, min(stop, first + size))
            delta = each[rows]
            delta += X[rows] @ W
            if is_weighted:
                delta = delta * weight[rows]
            gradient += X[rows].T @ delta
        return gradient

    gradient = np.sum(in_parts(part, X.shape, size), axis=0)
    delta = residuals * weights[:, None] if is_weighted else residuals
    total = delta.sum(axis=0, dtype=np.float64)
    loss = np.einsum("ij,ij->", delta, residuals, dtype=np.float64) / 2
    gradient = gradient.reshape(d, t) - center[:, None] * total
    dtype = params.weights.dtype
    return Sums(loss, gradient.astype(dtype), total.astype(dtype))
