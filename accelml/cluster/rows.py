"""The rows of a data set in blocks, moved to the origin; and whole passes over uncentred rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import between, nearest, squared_distances, squared_norms
from accelml.kernel import kernel

# Elements that a block's temporaries may have in any case.
SMALL = 2**22


class Points(NamedTuple):
    """Rows in blocks of one size; the last block is filled up with rows that do not count."""

    X: Array  # (blocks, m, d) less the origin
    norms: Array  # (blocks, m) |x|²
    weights: Array  # (blocks, m)
    counts: Array  # (blocks, m) bool


class Centered(NamedTuple):
    """Rows around an origin near their mean."""

    points: Points
    origin: Array  # (d,)
    variance: Array  # () float64, mean over the features


def block_size(shape: tuple[int, int], k: int) -> int:
    """Rows to a block, so that its temporaries take no more than a quarter of X."""
    n, d = shape
    blocks = -(-n * (d + k) // max(n * d // 4, SMALL))
    return -(-n // blocks)


@kernel
def column_means(backend: Backend, X: Array) -> Array:
    """The mean of each column, summed in float64 and rounded to the dtype of X.

    Rounded, it serves as well for an origin, and far from zero its subtraction is exact.
    """
    xp = backend.xp
    return xp.astype(xp.sum(X, axis=0, dtype=xp.float64) / X.shape[0], X.dtype)


@kernel(static=("size",))
def centered(backend: Backend, size: int, X: Array, weights: Array) -> Centered:
    """A copy of the rows around their mean, in blocks of ``size``.

    Distances do not depend on the origin, but the digits that the expanded form keeps do.
    """
    xp = backend.xp
    n, d = X.shape
    origin = column_means(backend, X)
    X = X - origin
    counts = xp.ones_like(weights, dtype=xp.bool)
    blocks = -(-n // size)
    missing = blocks * size - n
    if missing:
        X = xp.concat([X, xp.zeros((missing, d), dtype=X.dtype)])
        weights = xp.concat([weights, xp.zeros((missing,), dtype=weights.dtype)])
        counts = xp.concat([counts, xp.zeros((missing,), dtype=xp.bool)])
    X = xp.reshape(X, (blocks, size, d))
    norms = squared_norms(xp, X)
    points = Points(
        X, norms, xp.reshape(weights, (blocks, size)), xp.reshape(counts, (blocks, size))
    )
    residue = xp.sum(X, axis=(0, 1), dtype=xp.float64) / n
    variance = (xp.sum(norms, dtype=xp.float64) / n - xp.sum(residue * residue)) / d
    return Centered(points, origin, variance)


@kernel
def take_rows(backend: Backend, points: Points, index: Array) -> Array:
    """The rows of that index, of shape (len(index), d)."""
    xp = backend.xp
    return xp.take(xp.reshape(points.X, (-1, points.X.shape[2])), index, axis=0)


def around(backend: Backend, X: Array, centers: Array) -> tuple[Array, Array]:
    """Rows and centers less the mean of the centers."""
    origin = column_means(backend, centers)
    return X - origin, centers - origin


@kernel
def labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    """The nearest center of each row, wherever the rows lie; int32 of shape (m,)."""
    X, centers = around(backend, X, centers)
    return nearest(backend, X, squared_norms(backend.xp, X), centers)


@kernel
def distances_to(backend: Backend, X: Array, centers: Array) -> Array:
    """The distance between each row and each center, of shape (m, k)."""
    X, centers = around(backend, X, centers)
    norms = squared_norms(backend.xp, X)
    return backend.xp.sqrt(squared_distances(backend, X, norms, centers))


@kernel
def inertia_of(backend: Backend, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    """Σ w |x − c|² of the rows and the centers of their labels, of shape (), in float64."""
    xp = backend.xp
    return xp.sum(xp.astype(weights, xp.float64) * between(xp, X, centers, labels))


def slices(n: int, size: int) -> Iterator[slice]:
    """Consecutive slices of ``size`` rows; the last may be shorter."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def label_rows(backend: Backend, X: Array, centers: Array) -> np.ndarray[Any, Any]:
    """The labels of all rows, block by block, on the host."""
    blocks = slices(X.shape[0], block_size(X.shape, centers.shape[0]))
    labels = [backend.to_numpy(labels_of(backend, X[rows, :], centers)) for rows in blocks]
    return np.concatenate(labels)


def sum_inertia(
    backend: Backend, X: Array, weights: Array, centers: Array, labels: np.ndarray[Any, Any]
) -> float:
    """The inertia of all rows, block by block."""
    total = 0.0
    for rows in slices(X.shape[0], block_size(X.shape, centers.shape[0])):
        on_device = backend.asarray(labels[rows])
        total += float(inertia_of(backend, X[rows, :], weights[rows], centers, on_device))
    return total


def measure_rows(backend: Backend, X: Array, centers: Array) -> Array:
    """The distances of all rows, block by block, of shape (n, k)."""
    blocks = slices(X.shape[0], block_size(X.shape, centers.shape[0]))
    parts = [distances_to(backend, X[rows, :], centers) for rows in blocks]
    return parts[0] if len(parts) == 1 else backend.xp.concat(parts)
