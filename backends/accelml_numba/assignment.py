"""The nearest centers by compiled searches: blocks of the rows that may have another one now."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import doubt, nearest, tie_margin
from accelml.cluster.rows import column_means, labels_of
from accelml_numba.compilation import compiled, compiled_sums
from accelml_numba.elkan import compare
from accelml_numba.pairs import in_groups, products_in_place
from accelml_numba.products import products_across, products_along
from accelml_numba.threads import in_parts
from accelml_numpy.lloyd import SHRINK

Floats = np.ndarray[Any, Any]

# Columns from which on a product is summed along a row.
LONG = 64
# What products are made by: rows in columns; long rows, fetched; long rows where they are.
SHORT, TILED, FEW_CENTERS = 0, 1, 2
# Multiply-adds that take as long as what is done with a distance.
BESIDE = 8
# Rows that are searched for at a time, long and short ones; distances stay in the first cache.
FEW_ROWS, MANY_ROWS = 32, 128
# In place of a slack: several centers may be the nearest.
UNSURE = -np.inf


class Search(NamedTuple):
    """What the nearest centers are found by."""

    origin: Floats  # (d,)
    centers: Floats  # (k, d)
    factors: Floats  # −2 C, filled up with zeros to whole tiles
    starts: Floats  # |c|², filled up with infinity
    largest: Any  # max |c|²
    shape: int
    doubt: Any
    margin: float
    loss: Floats  # (k,)


def prepared(X: Floats, origin: Floats, centers: Floats, loss: Floats) -> Search:
    """What all rows of X share."""
    k, d = centers.shape
    neighbours = X.strides[1] == X.itemsize
    shape = SHORT if d < LONG else FEW_CENTERS if k <= 15 and neighbours else TILED
    if shape == FEW_CENTERS:
        factors = in_groups(-2 * centers)
        rows = -(-k // len(factors)) * len(factors)
    else:
        rows, columns = -(-k // (4, 3)[shape]) * (4, 3)[shape], d if shape else -(-d // 4) * 4
        factors = np.zeros((rows, columns), X.dtype)
        factors[:k, :d] = -2 * centers
    starts = np.full(rows, np.inf, X.dtype)
    starts[:k] = np.einsum("ij,ij->i", centers, centers)
    return Search(
        np.ascontiguousarray(origin), np.ascontiguousarray(centers), factors, starts,
        starts[:k].max(), shape, X.dtype.type(doubt(np, X)),
        float(tie_margin(np, X, np.float64(1), np.float64(1))), loss,
    )  # fmt: skip


@compiled_sums
def fetch_rows(X: Floats, origin: Floats, rows: Floats, near: Floats, norms: Floats) -> None:
    """Some rows less the origin, and |x|²."""
    for r in range(len(rows)):
        i = rows[r]
        total = X.dtype.type(0)
        for f in range(X.shape[1]):
            x = X[i, f] - origin[f]
            near[r, f] = x
            total += x * x
        norms[r] = total


@compiled
def fetch_columns(X: Floats, origin: Floats, rows: Floats, near: Floats, norms: Floats) -> None:
    """Some rows less the origin as columns, and |x|²."""
    for r in range(len(rows)):
        i = rows[r]
        for f in range(X.shape[1]):
            near[f, r] = X[i, f] - origin[f]
    norms[:] = 0
    for f in range(X.shape[1]):
        for r in range(len(norms)):
            norms[r] += near[f, r] * near[f, r]


@compiled
def two_lowest(distances: Floats, best: Floats, second: Floats, label: Floats) -> None:
    """The lowest of each column, and where it is, and the next."""
    best[:] = np.inf
    second[:] = np.inf
    label[:] = 0
    for j in range(len(distances)):
        for r in range(len(best)):
            distance = distances[j, r]
            is_less = distance < best[r]
            second[r] = min(second[r], best[r] if is_less else distance)
            best[r] = distance if is_less else best[r]
            label[r] = np.int32(j) if is_less else label[r]


@compiled
def fill_slack(
    norms: Floats, best: Floats, second: Floats, largest: float, doubt: float, left: Floats
) -> None:
    """How much nearer the nearest center is than the next, or UNSURE where rounding hides it."""
    zero, unsure = norms.dtype.type(0), norms.dtype.type(UNSURE)
    for r in range(len(norms)):
        scale = norms[r] + largest
        error = doubt * scale
        other = np.sqrt(max(second[r] + norms[r] - error, zero))
        own = np.sqrt(max(best[r] + norms[r], zero) + error) + doubt * np.sqrt(scale)
        left[r] = unsure if second[r] <= best[r] + error else other - own


@compiled
def assign(
    X: Floats, origin: Floats, centers: Floats, factors: Floats, starts: Floats, largest: float,
    shape: int, doubt: float, margin: float, loss: Floats, start: int, stop: int,
    labels: Floats, slack: Floats, bounds: Floats, rows: Floats, before: Floats,
) -> int:  # fmt: skip
    """Bring labels and slack of some rows up to date, and return how many labels have changed.

    Which they are, and what they were, goes to ``rows`` and ``before`` as far as there is room;
    ``bounds`` becomes lower bounds of the distances, unless it is empty.
    """
    k, d = len(starts), factors.shape[1] if shape == SHORT else X.shape[1]
    size = FEW_ROWS if shape == TILED else MANY_ROWS
    distances = np.zeros((k, size), X.dtype)
    room = (d, size) if shape == SHORT else (size if shape == TILED else 0, d)
    near = np.zeros(room, X.dtype)
    norms, best = np.zeros(size, X.dtype), np.zeros(size, X.dtype)
    second, label = np.zeros(size, X.dtype), np.zeros(size, np.int32)
    active, left = np.zeros(size, np.int32), np.zeros(size, X.dtype)
    count, held = 0, 0
    for i in range(start, stop):
        slack[i] = (slack[i] - loss[labels[i]]) * SHRINK
        if slack[i] <= 0:
            active[held] = i
            held += 1
        if held < size and i < stop - 1:
            continue
        if shape == FEW_CENTERS:
            products_in_place(factors, X, origin, active[:held], starts, distances, norms)
        elif shape == TILED:
            fetch_rows(X, origin, active[:held], near, norms)
            products_along(factors, near[: (held + 3) // 4 * 4], starts, distances)
        else:
            fetch_columns(X, origin, active[:held], near, norms)
            products_across(factors, near, starts, distances)
        two_lowest(distances, best, second, label)
        fill_slack(norms, best, second, largest, doubt, left)
        for r in range(held):
            row, new = active[r], label[r]
            if left[r] == UNSURE:
                scale = norms[r] + largest
                limit = best[r] + doubt * scale
                new = compare(X, origin, centers, row, distances[:, r], limit, scale, margin)
                slack[row] = 0
            else:
                slack[row] = left[r]
            if len(bounds):
                error = doubt * (norms[r] + largest)
                for j in range(len(centers)):
                    bounds[row, j] = np.sqrt(max(distances[j, r] + norms[r] - error, 0))
            if new != labels[row]:
                if count < len(rows):
                    rows[count] = row
                    before[count] = labels[row]
                labels[row] = new
                count += 1
        held = 0
    return count


def label(X: Floats, origin: Floats, centers: Floats) -> Floats:
    """The nearest center of each row; centers are given less the origin."""
    (n, d), k = X.shape, len(centers)
    labels, slack = np.full(n, -1, np.int32), np.full(n, -1, np.float32)
    search = prepared(X, origin, centers, np.zeros(k, np.float32))
    no_bounds, nothing = np.empty((0, k), np.float32), np.empty(0, np.int32)

    def part(start: int, stop: int) -> None:
        assign(X, *search, start, stop, labels, slack, no_bounds, nothing, nothing)

    in_parts(part, n, float(n) * (d + BESIDE) * k)
    return labels


@labels_of.register("numba")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    origin = column_means(backend, centers)
    return label(X, origin, centers - origin)


@nearest.register("numba")
def _nearest(backend: Backend, X: Array, norms: Array, centers: Array) -> Array:
    return label(X, np.zeros_like(centers[0]), centers)
