"""Moments of all rows at once, or by blocks: whole, the generic body's copies would be large."""

from __future__ import annotations

import functools

from accelml._typing import Array
from accelml.backend import Backend
from accelml.preprocessing.moments import Moments, merge, statistics
from accelml_jax.blocks import is_on_cpu, sum_blocks, sum_rows

# Columns from which XLA makes vector instructions of a sum over all rows, too.
WIDE = 100


@statistics.register("jax")
def _statistics(backend: Backend, X: Array, weights: Array) -> Moments:
    if is_on_cpu(backend) and X.shape[1] < WIDE:
        return in_two_passes(backend, X, weights)
    of_block = functools.partial(statistics.generic, backend)
    add = functools.partial(merge, backend.xp)
    total: Moments = sum_blocks(backend, of_block, add, X, weights)
    return total


def in_two_passes(backend: Backend, X: Array, weights: Array) -> Moments:
    """The generic body's sums, of terms that are added up as they are made: no copy of X."""
    xp = backend.xp

    def counted(X: Array, weights: Array) -> tuple[Array, Array]:
        known = ~xp.isnan(X)
        values = xp.where(known, xp.astype(X, xp.float64), 0.0)
        return weights[..., None] * known, weights[..., None] * values

    count, total = sum_rows(backend, counted, X, weights)
    divisor = xp.where(count > 0, count, 1.0)
    rough = total / divisor

    def around(X: Array, weights: Array) -> tuple[Array, Array]:
        deviations = xp.where(xp.isnan(X), 0.0, X - rough)
        weighted = weights[..., None] * deviations
        return weighted, weighted * deviations

    rest, squares = sum_rows(backend, around, X, weights)
    rest = rest / divisor
    return Moments(count, rough + rest, xp.maximum(squares - count * rest * rest, 0.0))
