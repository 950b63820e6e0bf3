"""The nearest centers by compiled searches: blocks of the rows that may have another one now."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import doubt, nearest, tie_margin
from accelml.cluster.rows import column_means, labels_of
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numba.elkan import compare, fill_bounds, keep_centers
from accelml_numba.pairs import in_groups, products_in_place
from accelml_numba.panels import fill_panel, in_tiles, padded, products_of_panel, two_lowest
from accelml_numba.threads import in_parts
from accelml_numba.tiles import TILE
from accelml_numpy.lloyd import SHRINK

Floats = np.ndarray[Any, Any]

# What products are made by: rows laid out as columns; long rows where they are.
TILED, IN_PLACE = 0, 1
# Where the latter costs less.
LONG, FEW = 128, 12
# Multiply-adds that take as long as what is done with a distance.
BESIDE = 8
AT_ONCE = 2**12  # rows whose labels are wanted alone
# Bytes of a panel's row.
WIDTH = TILE.vectors * TILE.size
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
    shape = IN_PLACE if d >= LONG and k <= FEW and neighbours else TILED
    factors = (in_groups if shape == IN_PLACE else in_tiles)(-2 * centers)
    rows = -(-k // len(factors)) * len(factors) if shape == IN_PLACE else k
    starts = np.full(rows, np.inf, X.dtype)
    starts[:k] = np.einsum("ij,ij->i", centers, centers)
    return Search(
        locked_row(origin), locked_row(centers), factors, starts,
        starts[:k].max(), shape, X.dtype.type(doubt(np, X)),
        float(tie_margin(np, X, np.float64(1), np.float64(1))), loss,
    )  # fmt: skip


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
    labels: Floats, slack: Floats, drift: Floats | None, bounds: Floats, reaches: Floats,
    rows: Floats, before: Floats,
) -> int:  # fmt: skip
    """Bring labels and slack of some rows up to date, and return how many labels have changed.

    Which they are, and what they were, goes to ``rows`` and ``before`` as far as there is room.
    With bounds, which are a number for each row and center, only those are searched for that may
    have another one by theirs.
    """
    active = np.empty(stop - start, np.int32)
    held = find_active(start, stop, loss, labels, slack, active)
    if drift is not None and drift.max() > 0:  # not even compiled where there is no drift
        held = keep_centers(
            X, origin, centers, largest, doubt, drift, labels, slack, bounds, reaches,
            active[:held],
        )  # fmt: skip
    k, size, count = len(starts), WIDTH // X.itemsize, 0
    distances = np.zeros((k, size), X.dtype)
    near = np.zeros((padded(X) if shape == TILED else 0, size), X.dtype)
    norms, best = np.zeros(size, X.dtype), np.zeros(size, X.dtype)
    second, label = np.zeros(size, X.dtype), np.zeros(size, np.int32)
    left = np.zeros(size, X.dtype)
    for first in range(0, held, size):
        some = active[first : min(first + size, held)]
        if shape == IN_PLACE:
            products_in_place(factors, X, origin, some, starts, distances, norms)
        else:
            fill_panel(X, origin, some, near, norms)
            products_of_panel(factors, near, starts, distances)
        two_lowest(distances, best, second, label)
        fill_slack(norms, best, second, largest, doubt, left)
        for r in range(len(some)):
            row, new = some[r], label[r]
            if left[r] == UNSURE:
                scale = norms[r] + largest
                limit = best[r] + doubt * scale
                new = compare(X, origin, centers, row, distances[:, r], limit, scale, margin)
                slack[row] = 0
            else:
                slack[row] = left[r]
            if drift is not None:
                reach = distances[new, r] + norms[r] + doubt * (norms[r] + largest)
                reaches[row] = np.float32(np.sqrt(max(reach, 0))) - np.float32(drift[new])
            if new != labels[row]:
                if count < len(rows):
                    rows[count] = row
                    before[count] = labels[row]
                labels[row] = new
                count += 1
        if drift is not None:
            fill_bounds(norms, largest, doubt, distances, some, drift, bounds)
    return count


@compiled
def find_active(
    start: int, stop: int, loss: Floats, labels: Floats, slack: Floats, active: Floats
) -> int:
    """Which of some rows have no slack left after a loss, and how many."""
    held = 0
    for i in range(start, stop):
        slack[i] = (slack[i] - loss[labels[i]]) * SHRINK
        active[held] = i
        held += slack[i] <= 0
    return held


def label(
    X: Floats, search: Search, labels: Floats, slack: Floats, drift: Floats | None, bounds: Floats,
    reaches: Floats,
) -> None:  # fmt: skip
    """Bring labels up to date, as ``assign`` does."""
    (n, d), k = X.shape, len(search.centers)
    X, nothing = locked(X), np.empty(0, np.int32)

    def part(start: int, stop: int) -> None:
        for first in range(start, stop, AT_ONCE):
            last = min(first + AT_ONCE, stop)
            assign(
                X, *search, first, last, labels, slack, drift, bounds, reaches, nothing, nothing
            )  # fmt: skip

    in_parts(part, n, float(n) * (d + BESIDE) * k)


def nearest_to(X: Floats, origin: Floats, centers: Floats) -> Floats:
    """The nearest center of each row; centers are given less the origin."""
    n, k = len(X), len(centers)
    labels, slack = np.full(n, -1, np.int32), np.full(n, -1, np.float32)
    search = prepared(X, origin, centers, np.zeros(k, np.float32))
    label(X, search, labels, slack, None, np.empty((0, k), np.float32), slack)
    return labels


@labels_of.register("numba")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    origin = column_means(backend, centers)
    return nearest_to(X, origin, centers - origin)


@nearest.register("numba")
def _nearest(backend: Backend, X: Array, norms: Array, centers: Array) -> Array:
    return nearest_to(X, np.zeros_like(centers[0]), centers)
