"""K-means' kernels as compiled loops over rows, beside those of Lloyd's loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import directly
from accelml.cluster.lloyd import ClusterSums, sum_by_cluster
from accelml.cluster.rows import Centered, Points, centered, column_means, inertia_of
from accelml_numba.compilation import compiled, compiled_sums, locked, locked_row
from accelml_numba.products import prefetch_rows, rows_ahead
from accelml_numba.threads import in_parts

Floats = np.ndarray[Any, Any]

# Rows whose mean stands in for that of all.
SAMPLE = 256


@compiled
def add_columns(X: Floats, start: int, stop: int, total: Floats) -> None:
    """Add some rows up."""
    for i in range(start, stop):
        for f in range(X.shape[1]):
            total[f] += X[i, f]


@column_means.register("numba")
def _column_means(backend: Backend, X: Array) -> Array:
    def part(start: int, stop: int) -> Floats:
        total = np.zeros(X.shape[1])
        add_columns(locked(X), start, stop, total)
        return total

    parts = in_parts(part, len(X), X.size)
    return (np.sum(parts, axis=0) / len(X)).astype(X.dtype)


@compiled_sums
def add_gaps(X: Floats, origin: Floats, i: int, residue: Floats) -> Any:
    """|x|² of one row less the origin, which is added to the residue."""
    norm = X.dtype.type(0)
    for f in range(X.shape[1]):
        gap = X[i, f] - origin[f]
        norm += gap * gap
        residue[f] += gap
    return norm


@compiled
def sum_norms(X: Floats, origin: Floats, start: int, stop: int, residue: Floats) -> float:
    """Σ |x|² of some rows less the origin, and their sum, which is added to the residue."""
    total, ahead = 0.0, rows_ahead(X, 1)
    for i in range(start, stop):
        prefetch_rows(X, i + ahead, i + ahead + 1)
        total += add_gaps(X, origin, i, residue)
    return total


@centered.register("numba")
def _centered(backend: Backend, X: Array, weights: Array) -> Centered:
    n, d = X.shape
    # Near enough to the mean for what is summed from there to lose no digits.
    near = column_means(backend, np.ascontiguousarray(X[:: max(1, n // SAMPLE)]))

    def part(start: int, stop: int) -> Floats:
        sums = np.zeros(d + 1)
        sums[d] = sum_norms(locked(X), near, start, stop, sums[:d])
        return sums

    sums = np.sum(in_parts(part, n, X.size), axis=0) / n
    variance = (sums[d] - sums[:d] @ sums[:d]) / d
    origin = (near + sums[:d]).astype(X.dtype)
    return Centered(Points(X, origin, (), weights), variance)


@compiled_sums
def direct(X: Floats, centers: Floats, i: int, j: int) -> float:
    """Σ (x − c)² of one row and one center, in float64."""
    total = 0.0
    for f in range(X.shape[1]):
        gap = X[i, f] - centers[j, f]
        total += gap * gap
    return total


@compiled
def fill_directly(X: Floats, centers: Floats, distances: Floats, pending: Floats) -> None:
    """Overwrite the pending entries."""
    for i in range(distances.shape[0]):
        for j in range(distances.shape[1]):
            if pending[i, j]:
                distances[i, j] = direct(X, centers, i, j)


@directly.register("numba")
def _directly(
    backend: Backend, X: Array, centers: Array, distances: Array, pending: Array
) -> Array:
    if not pending.any():
        return distances
    distances = distances.copy()
    fill_directly(locked(X), locked_row(centers), distances, locked_row(pending))
    return distances


@compiled
def add_rows(X: Floats, weights: Floats, labels: Floats, total: Floats, weight: Floats) -> None:
    """Add each row to its cluster."""
    for i in range(X.shape[0]):
        label = labels[i]
        w = np.float64(weights[i])
        weight[label] += w
        for f in range(X.shape[1]):
            total[label, f] += w * X[i, f]


@sum_by_cluster.register("numba")
def _sum_by_cluster(
    backend: Backend, count: int, X: Array, weights: Array, labels: Array
) -> ClusterSums:
    X, weights, labels = locked(X), locked(weights), locked_row(labels)

    def part(start: int, stop: int) -> ClusterSums:
        sums, rows = ClusterSums(np.zeros((count, X.shape[1])), np.zeros(count)), slice(start, stop)
        add_rows(X[rows], weights[rows], labels[rows], *sums)
        return sums

    return added(in_parts(part, len(X), X.size, most=most_parts(len(X), count)))


def most_parts(rows: int, count: int) -> int:
    """So many that adding up their sums costs little beside making them."""
    return max(1, rows // (8 * count))


def added(parts: list[ClusterSums]) -> ClusterSums:
    """The sums of all parts, in their order."""
    return ClusterSums(sum(part.total for part in parts), sum(part.weight for part in parts))


@compiled
def add_distances(
    X: Floats, weights: Floats, centers: Floats, labels: Floats, start: int, stop: int
) -> float:
    """Σ w |x − c|² of some rows."""
    total, ahead = 0.0, rows_ahead(X, 1)
    for i in range(start, stop):
        prefetch_rows(X, i + ahead, i + ahead + 1)
        total += weights[i] * direct(X, centers, i, labels[i])
    return total


@inertia_of.register("numba")
def _inertia_of(backend: Backend, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    read = locked(X), locked(weights), locked_row(centers), locked_row(labels)

    def part(start: int, stop: int) -> float:
        return add_distances(*read, start, stop)

    return np.float64(sum(in_parts(part, len(X), 4.0 * X.size)))
