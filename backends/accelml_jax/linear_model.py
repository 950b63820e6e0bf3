"""Products of blocks with themselves, which are sliced where they lie in X."""

from __future__ import annotations

import functools
import operator

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.least_squares_sums import Moments, block_moments, merge, moments, origins
from accelml.linear_model.logistic_metric import block_scatter, scatter
from accelml_jax.blocks import sum_blocks


@moments.register("jax")
def _moments(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool,
    rough: bool = False,
) -> Moments:  # fmt: skip
    origin, target_origin = origins(backend, X, targets, weights, fit_intercept)

    def of_block(x: Array, y: Array, weights: Array) -> Moments:
        return block_moments(backend, x, y, weights, origin, target_origin, fit_intercept, rough)

    add = functools.partial(merge, backend)
    total: Moments = sum_blocks(backend, of_block, add, X, targets, weights)
    return total._replace(mean=total.mean + origin, target_mean=total.target_mean + target_origin)


@scatter.register("jax")
def _scatter(backend: Backend, X: Array, weights: Array, center: Array, step: int) -> Array:
    X, weights = (X, weights) if step == 1 else (X[::step, :], weights[::step])
    weights = weights / backend.xp.sum(weights)

    def of_block(x: Array, weights: Array) -> Array:
        return block_scatter(backend, x, weights, center)

    total: Array = sum_blocks(backend, of_block, operator.add, X, weights)
    return total
