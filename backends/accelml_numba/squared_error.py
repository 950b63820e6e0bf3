"""Linear regression's loss and gradient in one pass: each row is read once for both products."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.squared_error import Sums, statistics
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numba.linear_classifier import add_row
from accelml_numba.products import dot, four_by_one, prefetch_rows
from accelml_numba.threads import in_parts

Floats = np.ndarray[Any, Any]

# Rows whose gradient is summed in the dtype of X before it is added up in float64.
ROWS = 2048
# Rows that are asked for ahead of the one at hand.
AHEAD = 16


@compiled
def add_four(X: Floats, i: int, a: float, b: float, c: float, d: float, gradient: Floats) -> None:
    """Add four rows of X from ``i``, each times its δ."""
    for f in range(X.shape[1]):
        gradient[f] += (X[i, f] * a + X[i + 1, f] * b) + (X[i + 2, f] * c + X[i + 3, f] * d)


@compiled
def sum_rows(
    X: Floats, targets: Floats, weights: Floats, W: Floats, bias: float, start: int, stop: int,
    gradient: Floats,
) -> tuple[float, float]:  # fmt: skip
    """Add the gradient by the weights to ``gradient``; the loss, and the gradient by the bias."""
    loss, total = 0.0, 0.0
    recent = np.empty((1, W.shape[1]), X.dtype)
    for first in range(start, stop, ROWS):
        last = min(stop, first + ROWS)
        fours = last - (last - first) % 4
        recent[:] = 0
        for i in range(first, fours, 4):
            prefetch_rows(X, i + AHEAD, i + AHEAD + 4)
            p, q, r, s = four_by_one(X, i, W, 0)
            p += bias - targets[i]
            q += bias - targets[i + 1]
            r += bias - targets[i + 2]
            s += bias - targets[i + 3]
            a, b, c, d = p * weights[i], q * weights[i + 1], r * weights[i + 2], s * weights[i + 3]
            loss += (np.float64(a * p) + b * q) + (np.float64(c * r) + d * s)
            total += (np.float64(a) + b) + (np.float64(c) + d)
            add_four(X, i, a, b, c, d, recent[0])
        for i in range(fours, last):
            p = dot(X, i, W, 0) + (bias - targets[i])
            a = p * weights[i]
            loss += np.float64(a * p)
            total += a
            add_row(X, i, a, recent, 0)
        gradient += recent[0]
    return loss / 2, total


@statistics.register("numba")
def _statistics(
    backend: Backend, params: Linear, X: Array, targets: Array, weights: Array, center: Array
) -> Sums:
    if params.weights.shape[1] != 1 or not X.flags.c_contiguous:
        return statistics.generic(backend, params, X, targets, weights, center)
    read = locked(X), locked_row(targets[:, 0]), locked(weights), locked_row(params.weights.T)
    bias: Any = (params.bias - center @ params.weights)[0]

    def part(start: int, stop: int) -> tuple[float, float, Floats]:
        gradient = np.zeros(X.shape[1])
        sums = sum_rows(*read, bias, start, stop, gradient)
        return *sums, gradient

    parts = in_parts(part, len(X), 2.0 * X.size)
    loss, total, gradient = (sum(column) for column in zip(*parts, strict=True))
    gradient = (gradient - center * total)[:, None]
    dtype = params.weights.dtype
    return Sums(np.float64(loss), gradient.astype(dtype), np.asarray([total], dtype))
