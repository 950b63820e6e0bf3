"""K-means' kernels in place: a row that only one center is near to is looked at once."""

from __future__ import annotations

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

Floats = np.ndarray[Any, Any]

# Rows whose sums are made in their own dtype before they are added up in float64, and whose
# temporaries stay in the cache.
BLOCK = 2048
PAIRS = 1024


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
    distances = X @ (-2 * centers).T
    distances += center_norms
    labels = distances.argmin(axis=1).astype(np.int32)
    limit = distances[np.arange(len(X)), labels] + doubt(np, X) * (norms + center_norms.max())
    unsure = np.flatnonzero((distances <= limit[:, None]).sum(axis=1) != 1)
    for part in slices(len(unsure), PAIRS):
        rows = unsure[part]
        labels[rows] = nearest.generic(backend, X[rows], norms[rows], centers)
    return labels


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


@inertia_of.register("numpy")
def _inertia_of(backend: Backend, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    total = np.float64(0)
    for rows in slices(len(X), PAIRS):
        gap = X[rows] - centers[labels[rows]]
        total += weights[rows] @ np.einsum("ij,ij->i", gap, gap).astype(np.float64)
    return total


@column_means.register("numpy")
def _column_means(backend: Backend, X: Array) -> Array:
    total, ones = np.zeros(X.shape[1]), np.ones(PAIRS, X.dtype)
    for rows in slices(len(X), PAIRS):
        total += ones[: rows.stop - rows.start] @ X[rows]
    return (total / len(X)).astype(X.dtype)


@centered.register("numpy")
def _centered(backend: Backend, X: Array, weights: Array) -> Centered:
    n, d = X.shape
    origin = column_means(backend, X)
    total, residue = 0.0, np.zeros(d)
    for rows in slices(n, PAIRS // 4):
        around = X[rows] - origin
        total += np.einsum("ij,ij->i", around, around).sum(dtype=np.float64)
        residue += around.sum(axis=0)
    residue /= n
    variance = np.float64((total / n - residue @ residue) / d)
    return Centered(Points(X, origin, (), weights), variance)
