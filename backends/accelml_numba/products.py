"""Products of a few rows with a few vectors, for loops that use them while they are in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml_numba.compilation import compiled, compiled_sums

Floats = np.ndarray[Any, Any]


@compiled_sums
def dot(X: Floats, i: int, W: Floats, j: int) -> Any:
    """Row ``i`` of X times row ``j`` of W."""
    total = X.dtype.type(0)
    for f in range(X.shape[1]):
        total += X[i, f] * W[j, f]
    return total


@compiled_sums
def four_by_two(X: Floats, i: int, W: Floats, j: int) -> tuple[Any, ...]:
    """Four rows of X from ``i`` times two of W from ``j``."""
    zero = X.dtype.type(0)
    a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = zero
    for f in range(X.shape[1]):
        u, v = W[j, f], W[j + 1, f]
        a, b, c, d = X[i, f], X[i + 1, f], X[i + 2, f], X[i + 3, f]
        a0 += a * u
        a1 += a * v
        b0 += b * u
        b1 += b * v
        c0 += c * u
        c1 += c * v
        d0 += d * u
        d1 += d * v
    return a0, a1, b0, b1, c0, c1, d0, d1


@compiled
def add_products(X: Floats, first: int, W: Floats, out: Floats) -> None:
    """Add X Wᵀ of the rows from ``first``; both are read along their rows.

    Four rows and two vectors at a time: eight sums fit the registers of a processor.
    """
    rows, vectors = out.shape
    fours, twos = rows - rows % 4, vectors - vectors % 2
    for r in range(0, fours, 4):
        for j in range(0, twos, 2):
            a0, a1, b0, b1, c0, c1, d0, d1 = four_by_two(X, first + r, W, j)
            out[r, j] += a0
            out[r, j + 1] += a1
            out[r + 1, j] += b0
            out[r + 1, j + 1] += b1
            out[r + 2, j] += c0
            out[r + 2, j + 1] += c1
            out[r + 3, j] += d0
            out[r + 3, j + 1] += d1
        for j in range(twos, vectors):
            for q in range(r, r + 4):
                out[q, j] += dot(X, first + q, W, j)
    for r in range(fours, rows):
        for j in range(vectors):
            out[r, j] += dot(X, first + r, W, j)


@compiled
def transpose(X: Floats, first: int, rows: int, out: Floats) -> None:
    """The rows from ``first`` as columns."""
    for r in range(rows):
        for f in range(X.shape[1]):
            out[f, r] = X[first + r, f]


@compiled
def add_short_products(W: Floats, columns: Floats, out: Floats) -> None:
    """Add W Xᵀ, where X comes in columns: its rows are too short to be summed along.

    Four features at a time, so that a sum is fetched and stored once for four products.
    """
    vectors, features = W.shape
    fours = features - features % 4
    for j in range(vectors):
        for f in range(0, fours, 4):
            a, b, c, d = W[j, f], W[j, f + 1], W[j, f + 2], W[j, f + 3]
            for r in range(columns.shape[1]):
                out[j, r] += (
                    a * columns[f, r] + b * columns[f + 1, r]
                    + c * columns[f + 2, r] + d * columns[f + 3, r]
                )  # fmt: skip
        for f in range(fours, features):
            a = W[j, f]
            for r in range(columns.shape[1]):
                out[j, r] += a * columns[f, r]
