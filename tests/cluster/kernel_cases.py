"""Awkward arguments for the kernels of k-means."""

from collections.abc import Callable, Iterator

import numpy as np

from accelml.cluster.rows import Centered, Points
from tests.kernel_cases import Case, laid_out

# Rows, features and centers; the last has more rows than fit into one pass of an override.
SHAPES = [(9, 3, 2), (1, 4, 1), (6, 1, 3), (5, 2, 5), (3, 40, 3), (5000, 4, 12)]


def norms_of(X):
    return (X * X).sum(axis=1)


def without_norms(expected, found):
    """What is expected, less |x|² where a body leaves them to be found anew."""
    if isinstance(found, Centered) and isinstance(found.points.norms, tuple):
        return expected._replace(points=expected.points._replace(norms=()))
    return expected


def pairs_of(rng):
    """Rows and centers, among them ones that rounding could confuse."""
    for n, d, k in SHAPES:
        yield f"{n, d, k}", rng.standard_normal((n, d)), rng.standard_normal((k, d))
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    yield "half-way between centers", grid, grid[[0, 4, 20, 24, 12]]
    yield "equal centers", grid, grid[[3, 7, 3, 7, 3]]
    yield "rows that are centers", grid, grid
    yield "one point", np.ones((4, 2)), np.ones((3, 2))
    # Too close to each other for the expanded form in float32.
    near = 1000 + np.array([[0.0], [2.0**-9], [2.0**-8]])
    yield "close centers, far away", near, near[::-1]


@laid_out
def nearest_cases(rng):
    for label, X, centers in pairs_of(rng):
        yield label, (X, norms_of(X), centers)


@laid_out
def plus_plus_cases(rng):
    for n, d, k in SHAPES:
        X, weights = rng.standard_normal((n, d)), rng.random(n) * (np.arange(n) % 4 < 3)
        first = np.array([rng.integers(n)], np.int32)
        for heavy in (weights, np.ones(n)):
            points = Points(X, X.mean(axis=0), norms_of(X - X.mean(axis=0)), heavy)
            yield f"{n, d, k}", (points, first, rng.random((min(k, max(1, n // 3)) - 1, 3)))


@laid_out
def directly_cases(rng):
    for label, X, centers in pairs_of(rng):
        distances = rng.random((len(X), len(centers)))
        for part in (0.0, 0.2, 1.0):
            pending = rng.random(distances.shape) < part
            yield f"{label}, {part} pending", (X, centers, distances, pending)


@laid_out
def sum_by_cluster_cases(rng):
    for n, d, k in SHAPES:
        weights = rng.random(n) * (np.arange(n) % 3 < 2)
        labels = rng.integers(0, max(1, k - 1), n).astype(np.int32)  # the last is empty
        yield f"{n, d, k}", (k, rng.standard_normal((n, d)), weights, labels)


@laid_out
def inertia_cases(rng):
    for label, X, centers in pairs_of(rng):
        labels = rng.integers(0, len(centers), len(X)).astype(np.int32)
        yield label, (X, rng.random(len(X)), centers, labels)


@laid_out
def column_means_cases(rng):
    for n, d, _ in SHAPES:
        yield f"{n, d}", (rng.standard_normal((n, d)),)
    yield "far from zero", (1 + 1e-4 * rng.standard_normal((3000, 2)),)


@laid_out
def centered_cases(rng):
    for n, d, _ in SHAPES:
        yield f"{n, d}", (3 + rng.standard_normal((n, d)), rng.random(n))


@laid_out
def assignment_cases(rng):
    for label, X, centers in pairs_of(rng):
        yield label, (X, centers)


@laid_out
def statistics_cases(rng):
    for label, X, centers in pairs_of(rng):
        yield label, (X, norms_of(X), rng.random(len(X)), centers)


KERNEL_CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "accelml.cluster.distances.directly": directly_cases,
    "accelml.cluster.distances.nearest": nearest_cases,
    "accelml.cluster.distances.squared_distances": nearest_cases,
    "accelml.cluster.initialization.plus_plus": plus_plus_cases,
    "accelml.cluster.lloyd.statistics": statistics_cases,
    "accelml.cluster.lloyd.sum_by_cluster": sum_by_cluster_cases,
    "accelml.cluster.rows.centered": centered_cases,
    "accelml.cluster.rows.column_means": column_means_cases,
    "accelml.cluster.rows.inertia_of": inertia_cases,
    "accelml.cluster.rows.labels_of": assignment_cases,
}
