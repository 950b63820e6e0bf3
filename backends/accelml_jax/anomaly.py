"""The Gaussian's moments: of features in one pass over all rows, or block by block."""

from __future__ import annotations

import functools

from accelml._typing import Array
from accelml.anomaly.moments import Moments, block_moments, merge, nonzero, statistics
from accelml.backend import Backend
from accelml_jax.blocks import is_on_cpu, sum_blocks, sum_rows

# Rows whose mean is an origin near that of all.
SAMPLE = 256


@statistics.register("jax")
def _statistics(backend: Backend, covariance_type: str, X: Array, weights: Array) -> Moments:
    weights = backend.xp.astype(weights, backend.xp.float64)
    if covariance_type == "diag" and is_on_cpu(backend):
        return of_features(backend, X, weights)
    of_block = functools.partial(block_moments, backend.xp, covariance_type)
    add = functools.partial(merge, backend.xp)
    total: Moments = sum_blocks(backend, of_block, add, X, weights)
    return total


def of_features(backend: Backend, X: Array, weights: Array) -> Moments:
    """Sums seen from the mean of some rows, where next to nothing is lost in moving to that of all.

    And that mean is seen from one of the rows, so that the variance of a constant is exactly zero.
    """
    xp = backend.xp
    heaviest = xp.astype(xp.take(X, xp.argmax(weights), axis=0), xp.float64)
    step = -(-X.shape[0] // SAMPLE)
    some, share = X[::step, :], weights[::step]
    origin = heaviest + share @ (some - heaviest) / nonzero(xp, xp.sum(share))

    def terms(X: Array, weights: Array) -> tuple[Array, Array]:
        apart = X - origin
        weighted = weights[..., None] * apart
        return weighted, weighted * apart

    weight = xp.sum(weights)
    shift, squares = sum_rows(backend, terms, X, weights)
    shift = shift / nonzero(xp, weight)
    scatter = xp.maximum(squares - weight * shift * shift, xp.zeros_like(squares))
    return Moments(weight, origin + shift, scatter)
