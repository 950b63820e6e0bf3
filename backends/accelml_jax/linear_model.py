"""Products of blocks with themselves, which are sliced where they lie in X."""

from __future__ import annotations

import operator

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.least_squares_sums import Moments, from_products, moments, near_means
from accelml.linear_model.logistic_metric import block_scatter, scatter
from accelml_jax.blocks import sum_blocks


@moments.register("jax")
def _moments(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool,
    rough: bool = False,
) -> Moments:  # fmt: skip
    """One product of [x, y, 1] with itself: each of XLA's costs a pass over the block besides."""
    xp = backend.xp
    d = X.shape[1]
    dtype = X.dtype if rough else xp.float64
    near = xp.astype(near_means(backend, X, targets, weights, fit_intercept), dtype)

    def of_block(x: Array, y: Array, weights: Array) -> Array:
        x, y = xp.astype(x, dtype) - near[:d], xp.astype(y - near[d:], dtype)
        ones = xp.ones((x.shape[0], 1), dtype=dtype)
        z = xp.sqrt(xp.astype(weights, dtype))[:, None] * xp.concat([x, y, ones], axis=1)
        return xp.astype(z.T @ z, xp.float64)

    products: Array = sum_blocks(backend, of_block, operator.add, X, targets, weights)
    return from_products(backend, products, near, d, fit_intercept)


@scatter.register("jax")
def _scatter(backend: Backend, X: Array, weights: Array, center: Array, step: int) -> Array:
    X, weights = (X, weights) if step == 1 else (X[::step, :], weights[::step])
    weights = weights / backend.xp.sum(weights)

    def of_block(x: Array, weights: Array) -> Array:
        return block_scatter(backend, x, weights, center)

    total: Array = sum_blocks(backend, of_block, operator.add, X, weights)
    return total
