"""The sums of least squares by one product of each block with itself, and R without Q."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.least_squares_sums import Moments, moments, origins, upper
from accelml_numpy.threads import in_parts

Floats = np.ndarray[Any, Any]

# Bytes of a block, which is filled and multiplied while it is in cache.
BLOCK_BYTES = 2**20
# Rows, evenly spread, whose mean the sums are taken from.
SAMPLE = 1024


@moments.register("numpy")
def sum_moments(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool,
    rough: bool = False,
) -> Moments:  # fmt: skip
    """Multiply [x, y, 1] with itself, where x and y are seen from a place near the means.

    From the mean of a sample of s rows, no more than the digits of n / s are lost when the products
    are moved to the mean itself, whatever the data: a row that is far away widens the variance too.
    """
    d, t = X.shape[1], targets.shape[1]
    dtype = X.dtype if rough else np.dtype(np.float64)
    near = near_means(backend, X, targets, weights, fit_intercept).astype(dtype)
    is_weighted = (weights != 1).any()
    size = max(64, BLOCK_BYTES // (dtype.itemsize * (d + t + 1)))

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
    return from_products(products, near, d, fit_intercept)


def from_products(products: Floats, near: Floats, d: int, fit_intercept: bool) -> Moments:
    """The moments, of the products of [x, y, 1] as seen from a place near the means."""
    weight, sums = products[-1, -1], products[-1, :-1]
    apart = sums / (weight if weight > 0 else 1.0)
    gram = products[:d, :-1]
    near = near.astype(np.float64)
    if fit_intercept:
        gram = gram - np.outer(sums[:d], apart)
        near = near + apart
    return Moments(weight, near[:d], near[d:], gram[:, :d], gram[:, d:])


def near_means(
    backend: Backend, X: Floats, targets: Floats, weights: Floats, fit_intercept: bool
) -> Floats:
    """The means of a few rows, as seen from one of them: a constant is exactly itself."""
    origin = np.concatenate(origins(backend, X, targets, weights, fit_intercept))
    if not fit_intercept:
        return origin
    rows = slice(None, None, -(-len(X) // SAMPLE))
    weight = weights[rows]
    sample = np.concatenate([X[rows], targets[rows]], axis=1, dtype=np.float64) - origin
    total = weight.sum()
    # No product of a matrix library: its threads would be in the way of those that come next.
    return origin + np.einsum("n,nd->d", weight, sample) / total if total > 0 else origin


@upper.register("numpy")
def upper_alone(backend: Backend, A: Array) -> Array:
    """R, without the work for Q."""
    return np.linalg.qr(A, mode="r")
