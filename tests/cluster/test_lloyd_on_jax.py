"""Lloyd's loop on JAX on the CPU, by blocks of rows and all at once, against the generic body."""

import numpy as np
import pytest

from accelml.cluster import lloyd
from accelml.cluster.lloyd import State
from accelml.cluster.rows import centered, labels_of
from accelml.testing import distance
from tests.backends import CASES

pytestmark = pytest.mark.backends("jax")


def states(backend, X, centers, weights, iterations):
    """The states after every iteration, on the host."""
    with backend.context():
        X, centers = backend.asarray(X), backend.asarray(centers)
        points = centered(backend, X, backend.asarray(weights, X.dtype)).points
        place = backend.asarray
        state = State(
            centers - points.origin, place(np.full(len(X), -1, np.int32)), place(np.zeros(())),
            place(np.asarray(False)), place(np.zeros((), np.int32)),
        )  # fmt: skip
        for _ in range(iterations):
            state = lloyd.lloyd(
                backend, points, state, place(np.asarray(-1.0)), place(np.asarray(1, np.int32))
            )
            yield points, State(*map(backend.to_numpy, state[:5]))


def check(backend, X, centers, tolerance, iterations, weights=None):
    plain = CASES["numpy-generic"].make()
    weights = np.ones(len(X)) if weights is None else weights
    wide = X.astype(np.float64), centers.astype(np.float64)
    ours = list(states(backend, X, centers, weights, iterations))
    theirs = states(plain, *wide, weights, iterations)
    for (_, found), (_, expected) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.centers.dtype == X.dtype
        assert distance("kernel", found.centers, expected.centers) < tolerance
        assert bool(found.converged) == bool(expected.converged)
    return ours[0][0]


# The square of the origin is so many times the mean square from it: 0, 1, 3.6, 9 and 10⁴.
@pytest.mark.parametrize(("offset", "is_near"), [
    (0, True), (1, True), (1.9, True), (3, False), (100, False),
])  # fmt: skip
@pytest.mark.parametrize(("dtype", "tolerance", "iterations"), [
    ("float64", 1e-11, 8), ("float32", 2e-5, 2),
])  # fmt: skip
@pytest.mark.parametrize(("n", "d", "k"), [(3000, 160, 4), (700, 784, 20), (5000, 128, 2)])
def test_long_rows_and_few_centers_wherever_they_lie(
    backend, n, d, k, dtype, tolerance, iterations, offset, is_near
):
    from accelml_jax.cluster import is_best_whole

    rng = np.random.default_rng(n + d)
    X = (rng.standard_normal((n, d)) + offset).astype(dtype)
    points = check(backend, X, X[:k], tolerance, iterations)
    with backend.context():
        assert is_best_whole(points, k) == is_near


@pytest.mark.parametrize(("n", "d", "k"), [
    (3000, 127, 3), (3000, 160, 6), (20_000, 4, 10), (1, 1, 1), (2049, 300, 40),
])  # fmt: skip
def test_blocks_of_rows(backend, n, d, k):
    from accelml_jax.cluster import is_best_whole

    rng = np.random.default_rng(n + d)
    X = rng.standard_normal((n, d)) + 1
    points = check(backend, X, X[:k], 1e-11, 8)
    with backend.context():
        assert not is_best_whole(points, k)
        found = labels_of(backend, backend.asarray(X), backend.asarray(X[:k]))
        expected = labels_of(CASES["numpy-generic"].make(), X, X[:k])
        np.testing.assert_array_equal(backend.to_numpy(found), expected)


@pytest.mark.parametrize("d", [3, 160])
def test_rows_half_way_go_to_the_lowest_index(backend, d):
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((4, d))
    centers[3] = centers[1]
    pairs = rng.integers(4, size=(2, 500))
    X = (centers[pairs[0]] + centers[pairs[1]]) / 2
    check(backend, X, centers, 1e-11, 1)


@pytest.mark.parametrize("n", [65_536, 65_537, 150_001])
def test_parts_of_rows_that_overlap(backend, n):
    """A row in two parts is moved once; weights are fractions, and some are 0."""
    from accelml_jax.cluster import PART

    assert n >= PART
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 3))
    weights = rng.random(n) * (rng.random(n) > 0.2)
    check(backend, X, X[:7], 1e-11, 4, weights)


def test_a_cluster_that_all_rows_have_left_has_no_weight(backend):
    """What rounding leaves of the sums of fractions is not taken for a row."""
    from accelml_jax.cluster import keep_up, nothing_kept, sums_of

    weights = np.array([0.1, 0.2, 0.3, 0.7])
    with backend.context():
        X = backend.asarray(np.ones((4, 2)))
        points = centered(backend, X, backend.asarray(weights)).points
        kept, labels = nothing_kept(backend.xp, 2, 2), np.full(4, -1, np.int32)
        for row, label in [(0, 0), (1, 0), (2, 0), (3, 1), (0, 1), (1, 1), (2, 1)]:
            before, labels = labels, labels.copy()
            labels[row] = label
            kept = keep_up(backend, points, kept, *map(backend.asarray, (before, labels)))
        assert float(kept.weight[0]) != 0
        sums = sums_of(backend.xp, kept)
        assert float(sums.weight[0]) == 0
        assert float(sums.weight[1]) == pytest.approx(1.3)
