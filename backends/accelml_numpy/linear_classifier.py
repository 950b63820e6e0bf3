"""Logistic regression by blocks of rows, shared out among threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.logistic_metric import scatter
from accelml.objectives.cross_entropy import CROSS_ENTROPY
from accelml.objectives.linear_classifier import Linear, Sums, statistics
from accelml_numpy.products import sum_rows, times_rows
from accelml_numpy.threads import in_parts

Floats = np.ndarray[Any, Any]

# Of a block of rows and what is made of its scores. With one score a row, operations are so short
# that threads wait for the interpreter's lock as long as they work: blocks are larger by a factor.
BLOCK_BYTES, LITTLE_WORK = 2**22, 2
MOST_SCATTERS = 4


@statistics.register("numpy")
def sum_blocks(
    backend: Backend, loss: str, params: Linear, X: Array, labels: Array, weights: Array,
    center: Array,
) -> Sums:  # fmt: skip
    """Both products of a block while it is in cache; sums of blocks are in float64."""
    d, k = params.weights.shape
    most = BLOCK_BYTES * (LITTLE_WORK if k == 1 else 1)
    size = max(64, most // (X.itemsize * (d + 2 * k)))
    bias = params.bias - center @ params.weights
    factors = np.ascontiguousarray(params.weights.T)

    def part(start: int, stop: int) -> tuple[Any, ...]:
        gradient, total, bias_gradient = np.zeros((k, d)), 0.0, np.zeros(k)
        for first in range(start, stop, size):
            rows = slice(first, min(stop, first + size))
            scores = times_rows(factors, X[rows]).T  # laid out by columns
            scores += bias
            lost, delta = CROSS_ENTROPY[loss](backend, scores, labels[rows], weights[rows])
            # δᵀ X, and not Xᵀ δ: long rows are what the matrix library is fastest at.
            gradient += sum_rows(delta.T, X[rows])
            bias_gradient += delta.sum(axis=0)
            total += float(lost)
        return total, gradient, bias_gradient

    parts = zip(*in_parts(part, X.shape, size), strict=True)
    total, gradient, bias_gradient = (np.sum(column, axis=0) for column in parts)
    gradient = gradient.T - center[:, None] * bias_gradient
    dtype = params.weights.dtype
    return Sums(np.float64(total), gradient.astype(dtype), bias_gradient.astype(dtype))


@scatter.register("numpy")
def add_scatter(backend: Backend, X: Array, weights: Array, center: Array, step: int) -> Array:
    """Centre in a buffer that is used again; few parts, as each has a matrix of its own."""
    weights = weights[::step]
    rows, roots = X[::step], np.sqrt(weights / weights.sum())
    (n, d), size = rows.shape, max(64, 2 * BLOCK_BYTES // (X.itemsize * X.shape[1]))

    def part(start: int, stop: int) -> Floats:
        total, buffer = np.zeros((d, d), X.dtype), np.empty((min(size, stop - start), d), X.dtype)
        for first in range(start, stop, size):
            last = min(stop, first + size)
            z = buffer[: last - first]
            np.subtract(rows[first:last], center, out=z)
            z *= roots[first:last, None]
            total += z.T @ z
        return total

    parts = in_parts(part, (n, d), -(-n // MOST_SCATTERS))
    total: Floats = sum(parts[1:], parts[0])
    return total
