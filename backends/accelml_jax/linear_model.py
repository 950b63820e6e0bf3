"""The moments of least squares, of blocks that are no copy of X before they are one in float64."""

from __future__ import annotations

import functools

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.least_squares_sums import Moments, block_moments, merge, moments, origins
from accelml_jax.blocks import sum_blocks


@moments.register("jax")
def _moments(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool
) -> Moments:
    origin, target_origin = origins(backend, X, targets, weights, fit_intercept)

    def of_block(x: Array, y: Array, weights: Array) -> Moments:
        return block_moments(backend, x, y, weights, origin, target_origin, fit_intercept)

    add = functools.partial(merge, backend)
    total: Moments = sum_blocks(backend, of_block, add, X, targets, weights)
    return total._replace(mean=total.mean + origin, target_mean=total.target_mean + target_origin)
