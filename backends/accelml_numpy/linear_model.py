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

    products = np.sum(in_parts(part, (len(X), d + t + 1), size), axis=0)
    return from_products(backend, products, near, d, fit_intercept)


@upper.register("numpy")
def upper_alone(backend: Backend, A: Array) -> Array:
    """R, without the work for Q."""
    return np.linalg.qr(A, mode="r")
