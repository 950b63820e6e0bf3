"""The Gaussian's moments of blocks that are sliced where they lie, and not gathered."""

from __future__ import annotations

import functools

from accelml._typing import Array
from accelml.anomaly.moments import Moments, block_moments, merge, statistics
from accelml.backend import Backend
from accelml_jax.blocks import sum_blocks


@statistics.register("jax")
def _statistics(backend: Backend, covariance_type: str, X: Array, weights: Array) -> Moments:
    weights = backend.xp.astype(weights, backend.xp.float64)
    of_block = functools.partial(block_moments, backend.xp, covariance_type)
    add = functools.partial(merge, backend.xp)
    total: Moments = sum_blocks(backend, of_block, add, X, weights)
    return total
