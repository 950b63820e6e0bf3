"""Moments block by block: whole, their float64 copies of X would be four times its size."""

from __future__ import annotations

import functools

from accelml._typing import Array
from accelml.backend import Backend
from accelml.preprocessing.moments import Moments, merge, statistics
from accelml_jax.blocks import sum_blocks


@statistics.register("jax")
def _statistics(backend: Backend, X: Array, weights: Array) -> Moments:
    of_block = functools.partial(statistics.generic, backend)
    add = functools.partial(merge, backend.xp)
    total: Moments = sum_blocks(backend, of_block, add, X, weights)
    return total
