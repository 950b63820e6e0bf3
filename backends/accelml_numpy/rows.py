"""Arithmetic of every row with one vector, and sums of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = np.ndarray[Any, Any]

# NumPy's inner loops are as long as a row; shorter than this, their beginning and end are the cost.
LONG = 1024


def all_ones(weights: Floats) -> bool:
    """Whether every weight is 1, without a look at each where they share one place in memory."""
    return bool((weights[:1] == 1).all() if weights.strides == (0,) else (weights == 1).all())


def side_by_side(rows: Floats) -> int:
    """How many rows make a long one; what is left over must be looked after."""
    features: int = rows.shape[1]
    return max(1, min(LONG // features, len(rows)))


def add_up(rows: Floats) -> Floats:
    """The sum of C-contiguous rows."""
    n, d = rows.shape
    beside = side_by_side(rows)
    together = n - n % beside
    wide = rows[:together].reshape(-1, beside * d)
    total: Floats = (np.ones(len(wide), rows.dtype) @ wide).reshape(beside, d).sum(axis=0)
    total += rows[together:].sum(axis=0)
    return total


def each_row(operation: np.ufunc, rows: Floats, vector: Floats, out: Floats | None = None) -> None:
    """``out = operation(rows, vector)`` for C-contiguous arrays, several rows side by side."""
    out = rows if out is None else out
    n, d = rows.shape
    beside = side_by_side(rows)
    together = n - n % beside
    wide, result = (part[:together].reshape(-1, beside * d) for part in (rows, out))
    operation(wide, np.tile(vector, beside), out=result)
    operation(rows[together:], vector, out=out[together:])
