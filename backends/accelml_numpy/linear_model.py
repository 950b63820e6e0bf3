"""The sums of least squares by one product of each block with itself, and R without Q."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.least_squares_sums import (
    SAMPLE,
    Moments,
    from_products,
    moments,
    near_means,
    upper,
)
from accelml_numpy.rows import all_ones
from accelml_numpy.threads import in_parts

Floats = np.ndarray[Any, Any]

# Bytes of a block, which is filled and multiplied while it is in cache. Of wide rows there are as
# many as columns, or adding their products up would take as long as making them.
BLOCK_BYTES = 2**20
# Rough products are made of rows as they lie where the squares of their means are at most so many
# times their variances: it costs the errors of products no more than one binary digit.
NEAR = 1


def place_near(
    backend: Backend, X: Array, targets: Array, weights: Array, is_weighted: bool,
    fit_intercept: bool,
) -> Floats:  # fmt: skip
    """``near_means``, which need not look for a row that counts where all of them do."""
    if not is_weighted:
        few = slice(None, None, -(-len(X) // SAMPLE))
        X, targets, weights = X[few], targets[few], weights[few]
    near: Floats = near_means(backend, X, targets, weights, fit_intercept)
    return near


def lie_near(X: Floats, means: Floats) -> bool:
    """Whether the origin is so near to the rows that their products may be seen from there."""
    variances = np.var(X[:: -(-len(X) // SAMPLE)], axis=0, dtype=np.float64)
    return bool(np.all(means.astype(np.float64) ** 2 <= NEAR * variances))


@moments.register("numpy")
def sum_moments(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool,
    rough: bool = False,
) -> Moments:  # fmt: skip
    """Multiply [x, y, 1] with itself, where x and y are seen from a place near the means."""
    d, t = X.shape[1], targets.shape[1]
    dtype = X.dtype if rough else np.dtype(np.float64)
    is_weighted = not all_ones(weights)
    near = place_near(backend, X, targets, weights, is_weighted, fit_intercept).astype(dtype)
    size = max(d + t + 1, BLOCK_BYTES // (dtype.itemsize * (d + t + 1)))
    as_they_lie = rough and not is_weighted and lie_near(X, near[:d])
    if as_they_lie:
        near[:d] = 0

    def part_as_it_lies(start: int, stop: int) -> Floats:
        beside = np.ones((t + 1, min(size, stop - start)), dtype)
        products = np.zeros((d + t + 1, d + t + 1))
        for first in range(start, stop, size):
            rows = slice(first, min(stop, first + size))
            x, others = X[rows], beside[:, : rows.stop - first]
            others[:-1] = (targets[rows] - near[d:]).T
            # A vector at a time: a matrix library is faster with each than with two or three.
            products[d:, :d] += np.stack([other @ x for other in others])
            products[:d, :d] += x.T @ x
            products[d:, d:] += others @ others.T
        products[:d, d:] = products[d:, :d].T
        return products

    def part(start: int, stop: int) -> Floats:
        design = np.empty((min(size, stop - start), d + t + 1), dtype)
        products = np.zeros((d + t + 1, d + t + 1))
        for first in range(start, stop, size):
            rows = slice(first, min(stop, first + size))
            block = design[: rows.stop - first]
            np.subtract(X[rows], near[:d], out=block[:, :d])
            block[:, d:-1] = targets[rows] - near[d:]
            block[:, -1] = 1
            if is_weighted:
                block *= np.sqrt(weights[rows], dtype=dtype)[:, None]
            products += block.T @ block
        return products

    parts = in_parts(part_as_it_lies if as_they_lie else part, (len(X), d + t + 1), size)
    products = np.sum(parts, axis=0)
    return from_products(backend, products, near, d, fit_intercept)


@upper.register("numpy")
def upper_alone(backend: Backend, A: Array) -> Array:
    """R, without the work for Q."""
    return np.linalg.qr(A, mode="r")
