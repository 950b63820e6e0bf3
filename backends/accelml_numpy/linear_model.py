"""The sums of least squares in place, one copy of a block in all, and R without Q."""

from __future__ import annotations

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.least_squares_sums import Moments, block_moments, upper


@block_moments.register("numpy")
def sum_block(
    backend: Backend,
    X: Array,
    targets: Array,
    weights: Array,
    origin: Array,
    target_origin: Array,
    fit_intercept: bool,
) -> Moments:
    """Centre and weight one copy of the rows."""
    x = np.subtract(X, origin, dtype=np.float64)
    y = np.subtract(targets, target_origin)
    weight = np.sum(weights)
    mean, target_mean = np.zeros(x.shape[1]), np.zeros(y.shape[1])
    if fit_intercept and weight > 0:
        share = weights / weight
        mean, target_mean = share @ x, share @ y
        x -= mean
        y -= target_mean
    if (weights != 1).any():
        root = np.sqrt(weights)[:, None]
        x *= root
        y *= root
    return Moments(weight, mean, target_mean, x.T @ x, x.T @ y)


@upper.register("numpy")
def upper_alone(backend: Backend, A: Array) -> Array:
    """R, without the work for Q."""
    return np.linalg.qr(A, mode="r")
