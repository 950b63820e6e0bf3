"""Sums over blocks of rows that are sliced where they lie: as an axis of X they would be a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accelml._typing import Array, Tree
from accelml.backend import Backend

BLOCK_ENTRIES = 2**20


def sum_blocks(
    backend: Any, of_block: Callable[..., Tree], add: Callable[[Tree, Tree], Tree], *columns: Array
) -> Tree:
    """``of_block`` of each block of rows of the columns, the first of them X, added up."""
    n, d = columns[0].shape
    rows = max(1, BLOCK_ENTRIES // d)
    rest = (n - 1) % rows + 1
    total = of_block(*(column[:rest, ...] for column in columns))
    if rest == n:
        return total

    def step(seen: Tree, starts: tuple[Array]) -> tuple[Tree, Array]:
        (start,) = starts
        take = backend.jax.lax.dynamic_slice_in_dim
        return add(seen, of_block(*(take(column, start, rows) for column in columns))), start

    starts = backend.xp.arange(rest, n, rows)
    running: Backend = backend
    return running.scan(step, total, (starts,))[0]
