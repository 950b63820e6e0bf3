"""K-means' fused loops, against the generic bodies, over shapes that are awkward."""

import numpy as np
import pytest

from accelml.cluster.lloyd import statistics, sum_by_cluster
from accelml.cluster.rows import inertia_of, labels_of
from accelml.testing import distance
from tests.backends import CASES, problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=problem("numba"))

# Tiles are 4 rows by 2 centers, blocks 32 rows; rows of 64 columns and more are long, and with more
# than 32 centers these go through one matrix product.
SHAPES = [
    (1, 1, 1), (3, 1, 2), (4, 3, 4), (5, 70, 3), (31, 64, 7), (32, 63, 33), (33, 64, 33),
    (65, 90, 10), (40, 66, 40), (2000, 16, 64), (3000, 5, 9), (1500, 300, 2),
]  # fmt: skip
DTYPES = [("float64", 1e-12), ("float32", 2e-6)]


def rows_and_centers(n, d, k, dtype, offset=0.0):
    rng = np.random.default_rng(n + d + k)
    X = rng.standard_normal((n, d))
    centers = X[rng.permutation(n)[:k]] + 0.1 * rng.standard_normal((min(n, k), d))
    weights = rng.random(n) * (rng.random(n) > 0.2)
    return ((part + offset).astype(dtype) for part in (X, centers, weights - offset))


def check_statistics(X, centers, weights, tolerance):
    backend = CASES["numba"].make()
    norms = np.einsum("ij,ij->i", X, X)
    sums, labels = statistics.overrides["numba"](backend, X, norms, weights, centers)
    wide = [part.astype(np.float64) for part in (X, norms, weights, centers)]
    expected, expected_labels = statistics.generic(CASES["numpy-generic"].make(), *wide)
    np.testing.assert_array_equal(labels, expected_labels)
    assert labels.dtype == np.int32
    assert sums.total.dtype == sums.weight.dtype == np.float64
    for ours, theirs in zip(sums, expected, strict=True):
        assert distance("kernel", ours, theirs) < tolerance
    return sums, labels


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_assign_and_add(n, d, k, dtype, tolerance):
    check_statistics(*rows_and_centers(n, d, k, dtype), tolerance)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::2], lambda x: x[:, ::-1]])
def test_other_layouts(layout):
    X, centers, weights = rows_and_centers(90, 12, 4, "float64")
    X = layout(X)
    check_statistics(X, layout(centers), weights[: len(X)], 1e-12)


def test_ties_go_to_the_lowest_index_and_empty_clusters_stay_empty():
    X = np.tile([[0.0, 0.0], [4.0, 0.0], [2.0, 0.0]], (50, 1))
    centers = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 0.0], [9.0, 9.0]])
    sums, labels = check_statistics(X, centers, np.ones(len(X)), 1e-12)
    np.testing.assert_array_equal(labels[:3], [0, 1, 0])
    np.testing.assert_array_equal(sums.weight, [100, 50, 0, 0])


@pytest.mark.parametrize(
    ("dtype", "offset"), [("float64", 0.0), ("float32", 0.0), ("float32", 1e4)]
)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_labels_wherever_the_rows_lie(n, d, k, dtype, offset):
    X, centers, _ = rows_and_centers(n, d, k, dtype, offset)
    found = labels_of.overrides["numba"](CASES["numba"].make(), X, centers)
    wide = X.astype(np.float64), centers.astype(np.float64)
    expected = labels_of.generic(CASES["numpy-generic"].make(), *wide)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_inertia_and_sums(n, d, k):
    X, centers, weights = rows_and_centers(n, d, k, "float32")
    backend, generic = CASES["numba"].make(), CASES["numpy-generic"].make()
    labels = labels_of.overrides["numba"](backend, X, centers)
    ours = inertia_of.overrides["numba"](backend, X, weights, centers, labels)
    wide = [part.astype(np.float64) for part in (X, weights, centers)]
    assert ours == pytest.approx(inertia_of.generic(generic, *wide, labels), rel=1e-6)
    found = sum_by_cluster.overrides["numba"](backend, len(centers), X, weights, labels)
    expected = sum_by_cluster.generic(generic, len(centers), wide[0], wide[1], labels)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize(("d", "k"), [(300, 10), (300, 40), (16, 40)])
def test_the_number_of_threads_changes_no_digit(monkeypatch, threads, d, k):
    from accelml_numba import threads as module

    X, centers, weights = rows_and_centers(4000, d, k, "float32")
    norms = np.einsum("ij,ij->i", X, X)
    backend = CASES["numba"].make()
    results = []
    for count in (1, threads, threads):
        monkeypatch.setattr(module.numba, "get_num_threads", lambda count=count: count)
        sums, labels = statistics.overrides["numba"](backend, X, norms, weights, centers)
        inertia = inertia_of.overrides["numba"](backend, X, weights, centers, labels)
        results.append((*sums, labels, inertia))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)
