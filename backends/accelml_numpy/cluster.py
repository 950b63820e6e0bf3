"""K-means' kernels in place: a row that only one center is near to is looked at once."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import directly, doubt, nearest
from accelml.cluster.lloyd import ClusterSums, sum_by_cluster
from accelml.cluster.rows import (
    Centered,
    Points,
    centered,
    column_means,
    inertia_of,
    slices,
)
from accelml_numpy.products import is_few, times_rows
from accelml_numpy.threads import in_parts

Floats = np.ndarray[Any, Any]

# Rows whose sums are made in their own dtype before they are added up in float64, and whose
# temporaries stay in the cache.
BLOCK = 2048
PAIRS = 1024
# Up to so many centers, the distances of many rows to one of them are laid side by side.
ACROSS = 32
# Elements of a block's temporaries, so that they stay in the cache.
CACHED = 2**18
# Rows whose mean stands in for that of all.
SAMPLE = 256


@directly.register("numpy")
def _directly(
    backend: Backend, X: Array, centers: Array, distances: Array, pending: Array
) -> Array:
    # Looking costs a twentieth of listing, and there is mostly nothing to list.
    if not pending.any():
        return distances
    rows, columns = np.nonzero(pending)
    distances = distances.copy()
    for part in slices(len(rows), PAIRS):
        gap = X[rows[part]] - centers[columns[part]]
        distances[rows[part], columns[part]] = np.einsum("ij,ij->i", gap, gap)
    return distances


@nearest.register("numpy")
def _nearest(backend: Backend, X: Array, norms: Array, centers: Array) -> Array:
    center_norms = np.einsum("ij,ij->i", centers, centers)
    # |x|² is the same for all centers of a row.
    products = np.empty((len(X), len(centers)), X.dtype)
    room = np.empty(products.size if len(centers) <= ACROSS else 0, X.dtype)
    labels, best, second = two_nearest(X, -2 * centers, center_norms, products, room)
    limit = best + doubt(np, X) * (norms + center_norms.max())
    unsure = np.flatnonzero(~(second > limit))
    for part in slices(len(unsure), PAIRS):
        rows = unsure[part]
        labels[rows] = nearest.generic(backend, X[rows], norms[rows], centers)
    return labels


def two_nearest(
    X: Floats, factors: Floats, constants: Floats, products: Floats, room: Floats
) -> tuple[Floats, Floats, Floats]:
    """``two_lowest`` of the products of X with the factors, of shape (k, d)."""
    if not is_few(*factors.shape):
        return two_lowest(np.matmul(X, factors.T, out=products), constants, room)
    shape = products.shape[::-1]
    distances = times_rows(factors, X, room[: products.size].reshape(shape))
    distances += constants[:, None]
    return two_lowest_across(distances, products.reshape(shape))


def two_lowest(products: Floats, constants: Floats, room: Floats) -> tuple[Floats, Floats, Floats]:
    """The place and the value of the lowest in each row of ``products + constants``, and the next.

    ``products``, of shape (m, k), and ``room``, of m k elements or none, are written to. Where
    several are the lowest, so is the next, and the place is any.
    """
    m, k = products.shape
    rows = np.arange(m)
    if not len(room):
        products += constants
        labels = products.argmin(axis=1).astype(np.int32)
        best = products[rows, labels]
        products[rows, labels] = np.inf
        return labels, best, products[rows, products.argmin(axis=1)]  # faster than the minimum
    # Of few columns, the lowest is found for many rows at a time where these lie side by side.
    distances = np.add(products.T, constants[:, None], out=room[: k * m].reshape(k, m))
    return two_lowest_across(distances, products.reshape(k, m))


def two_lowest_across(distances: Floats, room: Floats) -> tuple[Floats, Floats, Floats]:
    """The same in each column of ``distances``; both arrays, of shape (k, m), are written to."""
    k, m = distances.shape
    best = distances.min(axis=0)
    is_best = np.equal(distances, best, out=room)
    labels = np.minimum(np.arange(k, dtype=room.dtype) @ is_best, k - 1).astype(np.int32)
    distances[labels, np.arange(m)] = np.inf
    return labels, best, distances.min(axis=0)


@sum_by_cluster.register("numpy")
def _sum_by_cluster(
    backend: Backend, count: int, X: Array, weights: Array, labels: Array
) -> ClusterSums:
    # A matrix of one entry a column, k times fewer multiplications than a full one.
    total = np.zeros((count, X.shape[1]))
    for rows in slices(len(X), BLOCK):
        size = rows.stop - rows.start
        entries = (weights[rows], labels[rows], np.arange(size + 1, dtype=np.int32))
        total += csc_array(entries, shape=(count, size)) @ np.ascontiguousarray(X[rows])
    return ClusterSums(total, np.bincount(labels, weights=weights, minlength=count))


def sum_blocks(function: Callable[[slice, Floats], Any], X: Floats) -> Any:
    """The sum of ``function(rows, room)`` over blocks that stay in the cache, on several threads.

    ``room`` has the shape and dtype of the block's rows, and is there to be written to: fresh
    memory for each block would take longer to come by than to fill.
    """
    d = X.shape[1]
    size = max(1, CACHED // d)

    def part(start: int, stop: int) -> Any:
        room = np.empty((min(size, stop - start), d), X.dtype)
        blocks = (slice(at, min(at + size, stop)) for at in range(start, stop, size))
        found = (function(rows, room[: rows.stop - rows.start]) for rows in blocks)
        return functools.reduce(operator.add, found)

    return functools.reduce(operator.add, in_parts(part, X.shape, size))


@inertia_of.register("numpy")
def _inertia_of(backend: Backend, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    def inertia(rows: slice, room: Floats) -> Any:
        np.take(centers, labels[rows], axis=0, out=room, mode="clip")
        gap = np.subtract(X[rows], room, out=room)
        return weights[rows] @ np.einsum("ij,ij->i", gap, gap).astype(np.float64)

    return np.float64(sum_blocks(inertia, X))


@column_means.register("numpy")
def _column_means(backend: Backend, X: Array) -> Array:
    def sums(rows: slice, _: Floats) -> Any:
        return (np.ones(rows.stop - rows.start, X.dtype) @ X[rows]).astype(np.float64)

    return (sum_blocks(sums, X) / len(X)).astype(X.dtype)


@centered.register("numpy")
def _centered(backend: Backend, X: Array, weights: Array) -> Centered:
    n, d = X.shape
    # Near enough to the mean for what is summed from there to lose no digits.
    near = column_means(backend, X[:: max(1, n // SAMPLE)])

    def sums(rows: slice, room: Floats) -> Any:
        around = np.subtract(X[rows], near, out=room)
        square = np.einsum("ij,ij->i", around, around).sum(dtype=np.float64)
        residue = np.ones(len(around), X.dtype) @ around
        return np.append(residue.astype(np.float64), square)

    means = sum_blocks(sums, X) / n
    residue, square = means[:-1], means[-1]
    variance = np.float64((square - residue @ residue) / d)
    origin = (near + residue).astype(X.dtype)
    return Centered(Points(X, origin, (), weights), variance)
