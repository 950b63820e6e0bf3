"""Logistic regression's sums over rows in one pass: each row is read once for scores and gradient.

A matrix product with a handful of columns is limited by the memory it reads, and here it would read
X twice.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.logistic_metric import scatter
from accelml.objectives.linear_classifier import Linear, Sums, statistics
from accelml_numba.compilation import compiled
from accelml_numba.products import add_products
from accelml_numba.threads import in_parts
from accelml_numpy.linear_classifier import add_scatter, sum_blocks

Floats = np.ndarray[Any, Any]

# Rows that are still in the second cache when the gradient is summed.
BLOCK = 32
# Such blocks whose gradient is summed in the dtype of X before it is added up in float64.
BLOCKS = 64
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
def softmax_block(scores: Floats, labels: Floats, weights: Floats, first: int) -> float:
    """Replace scores by δ, and return the loss."""
    total = 0.0
    rows, classes = scores.shape
    for r in range(rows):
        highest = scores[r, 0]
        for j in range(1, classes):
            highest = max(highest, scores[r, j])
        label, weight = labels[first + r], weights[first + r]
        target = scores[r, label] - highest
        partition = scores.dtype.type(0)
        for j in range(classes):
            scores[r, j] = np.exp(scores[r, j] - highest)
            partition += scores[r, j]
        total += weight * (math.log(partition) - target)
        scale = weight / partition
        for j in range(classes):
            scores[r, j] *= scale
        scores[r, label] -= weight
    return total


@compiled
def logistic_block(scores: Floats, labels: Floats, weights: Floats, first: int) -> float:
    """Replace scores by δ, and return the loss, of one yes-or-no question."""
    total = 0.0
    one = scores.dtype.type(1)
    for r in range(scores.shape[0]):
        score, label, weight = scores[r, 0], labels[first + r], weights[first + r]
        e = np.exp(-abs(score))
        margin = max(score, scores.dtype.type(0)) - label * score
        probability = one / (one + e) if score >= 0 else e / (one + e)
        total += weight * (margin + math.log1p(e))
        scores[r, 0] = weight * (probability - label)
    return total


@compiled
def sum_rows(
    X: Floats, labels: Floats, weights: Floats, W: Floats, bias: Floats, start: int, stop: int,
    is_softmax: bool, gradient: Floats, bias_gradient: Floats,
) -> float:  # fmt: skip
    """Add the gradient over some rows to the float64 arrays, and return the loss."""
    total = 0.0
    scores = np.empty((BLOCK, W.shape[0]), X.dtype)
    recent = np.zeros(W.shape, X.dtype)
    for blocks, first in enumerate(range(start, stop, BLOCK), 1):
        block = scores[: min(BLOCK, stop - first)]
        for r in range(block.shape[0]):
            block[r] = bias
        add_products(X, first, W, block)
        if is_softmax:
            total += softmax_block(block, labels, weights, first)
        else:
            total += logistic_block(block, labels, weights, first)
        for r in range(block.shape[0]):
            for j in range(block.shape[1]):
                bias_gradient[j] += block[r, j]
        add_gradient(X, first, block, recent)
        if blocks % BLOCKS == 0:
            gradient += recent
            recent[:] = 0
    gradient += recent
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
    W = np.ascontiguousarray(params.weights.T)
    bias = params.bias - center @ params.weights

    def part(start: int, stop: int) -> tuple[float, Floats, Floats]:
        gradient, bias_gradient = np.zeros(W.shape), np.zeros(classes)
        total = sum_rows(
            X, labels, weights, W, bias, start, stop, loss == "softmax", gradient, bias_gradient
        )
        return total, gradient, bias_gradient

    parts = in_parts(part, len(X), 2.0 * X.size * classes)
    total, gradient, bias_gradient = (sum(column) for column in zip(*parts, strict=True))
    gradient = gradient.T - center[:, None] * bias_gradient
    dtype = params.weights.dtype
    return Sums(np.float64(total), gradient.astype(dtype), bias_gradient.astype(dtype))


scatter.register("numba")(add_scatter)
