"""Logistic regression's sums over rows in one pass: each row is read once for scores and gradient.

A matrix product with a handful of columns is limited by the memory it reads, and here it would read
X twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.logistic_metric import scatter
from accelml.objectives.linear_classifier import Linear, Sums, statistics
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numba.cross_entropy import loss_block
from accelml_numba.products import add_products, dot, total_of
from accelml_numba.threads import in_parts
from accelml_numba.tiles import TILE
from accelml_numpy.linear_classifier import add_scatter, sum_blocks

Floats = np.ndarray[Any, Any]

# Rows of a block, and its entries, which are still in the second cache when the gradient is summed.
FEWEST, MOST, ENTRIES = 32, 128, 2**15
# Rows whose gradient is summed in the dtype of X before it is added up in float64.
RECENT = 2048
# Multiply-adds that take as long as what is done with a score.
ELEMENTARY = 32
# With more classes than this, a matrix product reads X often enough from the cache.
MOST_CLASSES = 32


@compiled
def add_gradient(X: Floats, first: int, delta: Floats, gradient: Floats) -> None:
    """Add δᵀ X of the rows from ``first``."""
    rows, classes = delta.shape
    fours, twos = rows - rows % 4, classes - classes % 2
    for r in range(0, fours, 4):
        for j in range(0, twos, 2):
            add_four_by_two(X, first + r, delta, r, j, gradient)
        for j in range(twos, classes):
            for q in range(r, r + 4):
                add_row(X, first + q, delta[q, j], gradient, j)
    for r in range(fours, rows):
        for j in range(classes):
            add_row(X, first + r, delta[r, j], gradient, j)


@compiled
def add_four_by_two(X: Floats, i: int, delta: Floats, r: int, j: int, gradient: Floats) -> None:
    """Add four rows of X to the gradients of two classes."""
    a0, b0, c0, d0 = delta[r, j], delta[r + 1, j], delta[r + 2, j], delta[r + 3, j]
    a1, b1, c1, d1 = delta[r, j + 1], delta[r + 1, j + 1], delta[r + 2, j + 1], delta[r + 3, j + 1]
    for f in range(X.shape[1]):
        a, b, c, d = X[i, f], X[i + 1, f], X[i + 2, f], X[i + 3, f]
        gradient[j, f] += a * a0 + b * b0 + c * c0 + d * d0
        gradient[j + 1, f] += a * a1 + b * b1 + c * c1 + d * d1


@compiled
def add_row(X: Floats, i: int, delta: float, gradient: Floats, j: int) -> None:
    """Add one row of X to the gradient of one class."""
    for f in range(X.shape[1]):
        gradient[j, f] += delta * X[i, f]


@compiled
def sum_rows(
    X: Floats, labels: Floats, weights: Floats, W: Floats, bias: Floats, start: int, stop: int,
    is_softmax: bool, gradient: Floats, bias_gradient: Floats,
) -> float:  # fmt: skip
    """Add the gradient over some rows to the float64 arrays, and return the loss."""
    total = 0.0
    size = max(FEWEST, min(MOST, ENTRIES // X.shape[1]))
    scores = np.empty((size, W.shape[0]), X.dtype)
    recent, seen = np.zeros(W.shape, X.dtype), 0
    for first in range(start, stop, size):
        block = scores[: min(size, stop - first)]
        for r in range(block.shape[0]):
            block[r] = bias
        add_products(X, first, W, block)
        by_class = block.T.copy()
        total += loss_block(is_softmax, by_class, labels, weights, first)
        block[:] = by_class.T
        for j in range(block.shape[1]):
            bias_gradient[j] += total_of(by_class[j])
        add_gradient(X, first, block, recent)
        seen += size
        if seen >= RECENT:
            gradient += recent
            recent[:], seen = 0, 0
    gradient += recent
    return total


@compiled
def sum_narrow_rows(
    X: Floats, labels: Floats, weights: Floats, W: Floats, bias: Floats, start: int, stop: int,
    is_softmax: bool, gradient: Floats, bias_gradient: Floats,
) -> float:  # fmt: skip
    """The same for rows that do not fill two vectors: column by column of a block."""
    total = 0.0
    for first in range(start, stop, MOST):
        columns = X[first : min(stop, first + MOST)].T.copy()
        scores = np.empty((W.shape[0], columns.shape[1]), X.dtype)
        for j in range(scores.shape[0]):
            scores[j] = bias[j]
            for f in range(columns.shape[0]):
                for r in range(columns.shape[1]):
                    scores[j, r] += columns[f, r] * W[j, f]
        total += loss_block(is_softmax, scores, labels, weights, first)
        for j in range(scores.shape[0]):
            bias_gradient[j] += total_of(scores[j])
            for f in range(columns.shape[0]):
                gradient[j, f] += dot(scores, j, columns, f)
    return total


@statistics.register("numba")
def _statistics(
    backend: Backend, loss: str, params: Linear, X: Array, labels: Array, weights: Array,
    center: Array,
) -> Sums:  # fmt: skip
    classes = params.weights.shape[1]
    fits = classes <= MOST_CLASSES if loss == "softmax" else classes == 1
    if not (fits and X.flags.c_contiguous):
        return sum_blocks(backend, loss, params, X, labels, weights, center)
    W = locked_row(params.weights.T)
    bias = params.bias - center @ params.weights
    read = locked(X), locked_row(labels), locked(weights)
    add = sum_narrow_rows if X.shape[1] * X.itemsize < 2 * TILE.size else sum_rows

    def part(start: int, stop: int) -> tuple[float, Floats, Floats]:
        gradient, bias_gradient = np.zeros(W.shape), np.zeros(classes)
        total = add(*read, W, bias, start, stop, loss == "softmax", gradient, bias_gradient)
        return total, gradient, bias_gradient

    parts = in_parts(part, len(X), 2.0 * classes * (X.size + ELEMENTARY * len(X)))
    total, gradient, bias_gradient = (sum(column) for column in zip(*parts, strict=True))
    gradient = gradient.T - center[:, None] * bias_gradient
    dtype = params.weights.dtype
    return Sums(np.float64(total), gradient.astype(dtype), bias_gradient.astype(dtype))


scatter.register("numba")(add_scatter)
