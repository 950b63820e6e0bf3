"""K-means' kernels as compiled loops around NumPy's matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import directly, doubt, nearest, tie_margin
from accelml.cluster.lloyd import ClusterSums, sum_by_cluster
from accelml.cluster.rows import centered, column_means, inertia_of
from accelml_numba.compilation import compiled
from accelml_numpy.cluster import _centered, _column_means

Floats = np.ndarray[Any, Any]

column_means.register("numba")(_column_means)
centered.register("numba")(_centered)


@compiled
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
    fill_directly(X, centers, distances, pending)
    return distances


@compiled
def lowest(
    X: Floats, norms: Floats, centers: Floats, center_norms: Floats, distances: Floats,
    doubt: float, margin: float, labels: Floats,
) -> None:  # fmt: skip
    """Label each row from its distances less |x|², directly where these leave it open."""
    n, k = distances.shape
    largest = center_norms[0]
    for j in range(1, k):
        largest = max(largest, center_norms[j])
    for i in range(n):
        smallest = distances[i, 0]
        label = 0
        for j in range(1, k):
            if distances[i, j] < smallest:
                smallest = distances[i, j]
                label = j
        scale = norms[i] + largest
        limit = smallest + doubt * scale
        close = 0
        for j in range(k):
            close += distances[i, j] <= limit
        if close > 1:
            best = np.inf
            for j in range(k):
                if distances[i, j] <= limit:
                    exact = direct(X, centers, i, j)
                    if exact < best - margin * np.sqrt(exact * scale):
                        best = exact
                        label = j
        labels[i] = label


@nearest.register("numba")
def _nearest(backend: Backend, X: Array, norms: Array, centers: Array) -> Array:
    center_norms = np.einsum("ij,ij->i", centers, centers)
    distances = X @ (-2 * centers).T
    distances += center_norms
    labels = np.empty(len(X), np.int32)
    margin = float(tie_margin(np, X, np.float64(1), np.float64(1)))
    lowest(X, norms, centers, center_norms, distances, X.dtype.type(doubt(np, X)), margin, labels)
    return labels


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
    sums = ClusterSums(np.zeros((count, X.shape[1])), np.zeros(count))
    add_rows(X, weights, labels, *sums)
    return sums


@compiled
def add_distances(X: Floats, weights: Floats, centers: Floats, labels: Floats) -> float:
    """Σ w |x − c|²."""
    total = 0.0
    for i in range(X.shape[0]):
        total += weights[i] * direct(X, centers, i, labels[i])
    return total


@inertia_of.register("numba")
def _inertia_of(backend: Backend, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    return np.float64(add_distances(X, weights, centers, labels))
