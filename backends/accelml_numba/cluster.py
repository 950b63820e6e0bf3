"""K-means' kernels as compiled loops over blocks of rows, or beside NumPy's matrix product."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import directly, doubt, nearest, tie_margin
from accelml.cluster.lloyd import ClusterSums, statistics, sum_by_cluster
from accelml.cluster.rows import centered, column_means, inertia_of, labels_of
from accelml_numba.compilation import compiled, compiled_sums
from accelml_numba.products import add_products, add_short_products, transpose
from accelml_numba.threads import in_parts
from accelml_numpy.cluster import _centered, _column_means
from accelml_numpy.lloyd import _labels_of as _labels_by_blocks

Floats = np.ndarray[Any, Any]

column_means.register("numba")(_column_means)
centered.register("numba")(_centered)


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


@compiled
def lowest_of_columns(
    X: Floats, norms: Floats, centers: Floats, center_norms: Floats, distances: Floats,
    doubt: float, margin: float, labels: Floats,
) -> None:  # fmt: skip
    """The same of distances that have a column for each row of X: many rows in step."""
    count, width = distances.shape
    smallest = distances[0].copy()
    nearest = np.zeros(width, np.int32)
    close = np.zeros(width, np.int32)
    limits = np.empty(width, distances.dtype)
    largest = center_norms[0]
    for j in range(1, count):
        largest = max(largest, center_norms[j])
        for r in range(width):
            is_less = distances[j, r] < smallest[r]
            smallest[r] = distances[j, r] if is_less else smallest[r]
            nearest[r] = np.int32(j) if is_less else nearest[r]
    for r in range(len(X)):
        limits[r] = smallest[r] + doubt * (norms[r] + largest)
    for j in range(count):
        for r in range(width):
            close[r] += np.int32(distances[j, r] <= limits[r])
    for r in range(len(X)):
        label = nearest[r]
        if close[r] > 1:
            best = np.inf
            scale = norms[r] + largest
            for j in range(count):
                if distances[j, r] <= limits[r]:
                    exact = direct(X, centers, r, j)
                    if exact < best - margin * np.sqrt(exact * scale):
                        best = exact
                        label = np.int32(j)
        labels[r] = label


@nearest.register("numba")
def _nearest(backend: Backend, X: Array, norms: Array, centers: Array) -> Array:
    search = prepared(X, centers)
    distances = X @ (-2 * centers).T
    distances += search.center_norms
    labels = np.empty(len(X), np.int32)

    def part(start: int, stop: int) -> None:
        rows = slice(start, stop)
        lowest(
            X[rows], norms[rows], search.centers, search.center_norms, distances[rows],
            search.doubt, search.margin, labels[rows],
        )  # fmt: skip

    in_parts(part, len(X), 4.0 * distances.size)
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


# Rows whose distances stay in the first cache.
BLOCK = 32
# Columns from which on a product is summed along a row.
LONG = 64
# With more centers than this, and long rows, one large matrix product is faster.
MOST_CENTERS = 32


class Search(NamedTuple):
    """What the nearest centers are found by."""

    centers: Floats  # (k, d)
    factors: Floats  # −2 C
    center_norms: Floats  # (k,)
    is_long: bool
    doubt: Any
    margin: float


def prepared(X: Floats, centers: Floats) -> Search:
    """What all rows of X share."""
    return Search(
        np.ascontiguousarray(centers),
        np.ascontiguousarray(-2 * centers),
        np.einsum("ij,ij->i", centers, centers),
        X.shape[1] >= LONG,
        X.dtype.type(doubt(np, X)),
        float(tie_margin(np, X, np.float64(1), np.float64(1))),
    )


@compiled
def assign_long(
    X: Floats, norms: Floats, centers: Floats, factors: Floats, center_norms: Floats,
    doubt: float, margin: float, first: int, distances: Floats, labels: Floats,
) -> None:  # fmt: skip
    """Label a block of rows, by products summed along them."""
    for r in range(len(distances)):
        distances[r] = center_norms
    add_products(X, first, factors, distances)
    here = slice(first, first + len(distances))
    lowest(X[here], norms, centers, center_norms, distances, doubt, margin, labels)


@compiled
def assign_short(
    X: Floats, norms: Floats, centers: Floats, factors: Floats, center_norms: Floats,
    doubt: float, margin: float, first: int, columns: Floats, distances: Floats, labels: Floats,
) -> None:  # fmt: skip
    """Label a block of rows, by products summed across them."""
    transpose(X, first, len(labels), columns)
    for j in range(len(distances)):
        distances[j] = center_norms[j]
    add_short_products(factors, columns, distances)
    here = slice(first, first + len(labels))
    lowest_of_columns(X[here], norms, centers, center_norms, distances, doubt, margin, labels)


@compiled
def assign_and_add(
    X: Floats, norms: Floats, weights: Floats, centers: Floats, factors: Floats,
    center_norms: Floats, is_long: bool, doubt: float, margin: float, start: int, stop: int,
    labels: Floats, total: Floats, weight: Floats,
) -> None:  # fmt: skip
    """Label some rows, and add them to their clusters while they are in the cache."""
    distances = np.empty((BLOCK, len(centers)), X.dtype)
    across = np.empty((len(centers), BLOCK), X.dtype)
    columns = np.zeros((X.shape[1], BLOCK), X.dtype)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        here = slice(first, last)
        if is_long:
            assign_long(
                X, norms[here], centers, factors, center_norms, doubt, margin, first,
                distances[: last - first], labels[here],
            )  # fmt: skip
        else:
            assign_short(
                X, norms[here], centers, factors, center_norms, doubt, margin, first,
                columns, across, labels[here],
            )  # fmt: skip
        add_rows(X[here], weights[here], labels[here], total, weight)


def is_fused(X: Floats, centers: Floats) -> bool:
    """Whether distances are better computed within the loop that uses them."""
    return X.flags.c_contiguous and (len(centers) <= MOST_CENTERS or X.shape[1] < LONG)


@statistics.register("numba")
def _statistics(
    backend: Backend, X: Array, norms: Array, weights: Array, centers: Array
) -> tuple[ClusterSums, Array]:
    if not is_fused(X, centers):
        return statistics.generic(backend, X, norms, weights, centers)
    (rows, features), count = X.shape, len(centers)
    search = prepared(X, centers)
    labels = np.empty(rows, np.int32)

    def part(start: int, stop: int) -> ClusterSums:
        sums = ClusterSums(np.zeros((count, features)), np.zeros(count))
        assign_and_add(X, norms, weights, *search, start, stop, labels, *sums)
        return sums

    parts = in_parts(part, rows, float(X.size) * count, most=most_parts(rows, count))
    return added(parts), labels


@compiled_sums
def squared_norm(X: Floats, i: int) -> Any:
    """|x|² of one row."""
    total = X.dtype.type(0)
    for f in range(X.shape[1]):
        total += X[i, f] * X[i, f]
    return total


@compiled
def assign_around(
    X: Floats, origin: Floats, centers: Floats, factors: Floats, center_norms: Floats,
    is_long: bool, doubt: float, margin: float, start: int, stop: int, labels: Floats,
) -> None:  # fmt: skip
    """Label some rows, less the origin, by centers that are given less it."""
    distances = np.empty((BLOCK, len(centers)), X.dtype)
    across = np.empty((len(centers), BLOCK), X.dtype)
    columns = np.zeros((X.shape[1], BLOCK), X.dtype)
    moved = np.empty((BLOCK, X.shape[1]), X.dtype)
    norms = np.empty(BLOCK, X.dtype)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        size = last - first
        for r in range(size):
            for f in range(X.shape[1]):
                moved[r, f] = X[first + r, f] - origin[f]
            norms[r] = squared_norm(moved, r)
        if is_long:
            assign_long(
                moved, norms[:size], centers, factors, center_norms, doubt, margin, 0,
                distances[:size], labels[first:last],
            )  # fmt: skip
        else:
            assign_short(
                moved, norms[:size], centers, factors, center_norms, doubt, margin, 0,
                columns, across, labels[first:last],
            )  # fmt: skip


@labels_of.register("numba")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    if not is_fused(X, centers):
        return _labels_by_blocks(backend, X, centers)
    origin = column_means(backend, centers)
    search = prepared(X, centers - origin)
    labels = np.empty(len(X), np.int32)

    def part(start: int, stop: int) -> None:
        assign_around(X, origin, *search, start, stop, labels)

    in_parts(part, len(X), float(X.size) * len(centers))
    return labels


@compiled
def add_distances(
    X: Floats, weights: Floats, centers: Floats, labels: Floats, start: int, stop: int
) -> float:
    """Σ w |x − c|² of some rows."""
    total = 0.0
    for i in range(start, stop):
        total += weights[i] * direct(X, centers, i, labels[i])
    return total


@inertia_of.register("numba")
def _inertia_of(backend: Backend, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    def part(start: int, stop: int) -> float:
        return add_distances(X, weights, centers, labels, start, stop)

    return np.float64(sum(in_parts(part, len(X), 4.0 * X.size)))
