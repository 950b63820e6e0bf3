"""The sums of least squares by tiles, where the features are not many; R without Q."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.least_squares_sums import (
    Moments,
    from_products,
    moments,
    upper,
)
from accelml_numba.compilation import compiled, locked
from accelml_numba.layout import aligned_zeros
from accelml_numba.threads import in_parts
from accelml_numba.tiles import ROWS, TILE, add_corner, add_tile
from accelml_numba.vectors import fill_differences
from accelml_numpy.linear_model import place_near, sum_moments, upper_alone
from accelml_numpy.rows import all_ones

Floats = np.ndarray[Any, Any]

# Rows that are laid out in panels before they are multiplied: two panels fit the first cache.
BLOCK = 96
# Blocks whose products are summed in the dtype of the panels before they are added up in float64.
BLOCKS = 24
# Columns past which the products of all panels are read too often.
WIDEST = 512
# Entries of the products of all parts together, unless there are no more parts than these.
ENTRIES, LEAST_PARTS = 2**19, 8

upper.register("numba")(upper_alone)


@compiled
def fill_block(
    X: Floats, targets: Floats, weights: Floats, is_weighted: bool, near: Floats, start: int,
    rows: int, panels: Floats,
) -> None:  # fmt: skip
    """Lay [x, y, 1] √w of some rows out in panels, where x and y are seen from a place near."""
    _, block, width = panels.shape
    d, t = X.shape[1], targets.shape[1]
    flat, out = X.reshape(-1), panels.reshape(-1)
    for r in range(rows):
        fill_differences(flat, (start + r) * d, d, near, out, r * width, block * width)
    for j in range(d, d + t):
        column = panels[j // width, :, j % width]
        for r in range(rows):
            column[r] = targets[start + r, j - d] - near[j]
    panels[(d + t) // width, :rows, (d + t) % width] = 1
    if is_weighted:
        for r in range(rows):
            root = panels.dtype.type(np.sqrt(np.float64(weights[start + r])))
            for panel in panels:
                panel[r] *= root


@compiled
def add_lower(
    flat: Floats, width: int, rows: int, columns: int, products: Floats, X: Floats, after: int
) -> None:
    """Add the product of a block with itself, tile by tile, of the panels up to the diagonal.

    The rows of X that come next are asked for meanwhile; they begin after so many entries of it.
    """
    panels, corner = -(-columns // width), width // TILE.vectors
    row = panels * width
    tiles = 0
    for p in range(panels):
        mine = min(width, columns - p * width)
        # Right of the diagonal is the same as below it.
        rest = mine - corner if mine >= corner else mine
        tiles += p * -(-mine // ROWS) + -(-rest // ROWS) + (mine >= corner)
    # Each tile asks for its share of the next rows, evenly.
    step = -(-columns * X.itemsize // tiles)
    asked = rows * step // X.itemsize
    for p in range(panels):
        mine = min(width, columns - p * width)
        for q in range(p + 1):
            first = 0
            if q == p and mine >= corner:
                add_corner(
                    flat, p * BLOCK * width, width, rows, products, p * width * (row + 1), row,
                    X, after, step,
                )  # fmt: skip
                first, after = corner, after + asked
            for i in range(first, mine, ROWS):
                add_tile(
                    min(ROWS, mine - i), flat, p * BLOCK * width + i, 1, width,
                    flat, q * BLOCK * width, rows, products, (p * width + i) * row + q * width, row,
                    X, after, step,
                )  # fmt: skip
                after += asked


@compiled
def sum_products(
    X: Floats, targets: Floats, weights: Floats, is_weighted: bool, near: Floats, start: int,
    stop: int, panels: Floats, recent: Floats, total: Floats,
) -> None:  # fmt: skip
    """Add the products of rows ``start`` to ``stop``; ``panels`` and ``recent`` are zeros."""
    width = panels.shape[2]
    columns = X.shape[1] + targets.shape[1] + 1
    flat = panels.reshape(-1)
    for first in range(start, stop, BLOCKS * BLOCK):
        last = min(stop, first + BLOCKS * BLOCK)
        for i in range(first, last, BLOCK):
            rows = min(BLOCK, last - i)
            fill_block(X, targets, weights, is_weighted, near, i, rows, panels)
            after = (i + rows) * X.shape[1]
            add_lower(flat, width, rows, columns, recent, X.reshape(-1), after)
        for i in range(recent.size):
            total[i] += recent[i]
        recent[:] = 0


@moments.register("numba")
def _moments(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool,
    rough: bool = False,
) -> Moments:  # fmt: skip
    d, t = X.shape[1], targets.shape[1]
    columns = d + t + 1
    if columns > WIDEST or not X.flags.c_contiguous:
        return sum_moments(backend, X, targets, weights, fit_intercept, rough)
    dtype = X.dtype if rough else np.dtype(np.float64)
    is_weighted = not all_ones(weights)
    near = place_near(backend, X, targets, weights, is_weighted, fit_intercept).astype(dtype)
    X, targets = locked(X), locked(targets)
    weights = locked(np.ascontiguousarray(weights) if is_weighted else np.ones(1, weights.dtype))
    width = TILE.width(dtype)
    count = -(-columns // width)

    def part(start: int, stop: int) -> Floats:
        panels = aligned_zeros(count * BLOCK * width, dtype).reshape(count, BLOCK, width)
        recent = aligned_zeros((count * width) ** 2, dtype)
        total = np.zeros(recent.size)
        sum_products(X, targets, weights, is_weighted, near, start, stop, panels, recent, total)
        return total

    most = max(LEAST_PARTS, ENTRIES // columns**2)
    total: Any = sum(in_parts(part, len(X), float(X.size) * columns, most))
    lower = np.tril(total.reshape(count * width, -1)[:columns, :columns])
    products = lower + np.tril(lower, -1).T
    return from_products(backend, products, near, d, fit_intercept)
