"""Rows around their mean, and passes over them block by block."""

import numpy as np
import pytest

from accelml.cluster import rows
from accelml.cluster.rows import block_size, centered, column_means
from tests.backends import CASES

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")


@pytest.mark.parametrize(
    ("shape", "k", "size"),
    [
        ((60000, 784), 100, 3158),  # 53 million entries, of which a 16th of X holds 2.9
        ((60000, 784), 10, 3530),
        ((100, 4), 3, 100),
        ((3_000_000, 2), 8, 103_449),  # 30 million, by a million at least
    ],
)
def test_a_block_takes_a_part_of_the_data(shape, k, size):
    found = block_size(shape, k)
    assert found == size
    assert isinstance(found, int)


@pytest.mark.backends("numpy-generic", "array-api-strict")
def test_means_are_summed_in_float64(backend):
    """4096² is where float32 stops counting."""
    X = np.array([[2.0**24, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], np.float32)
    with backend.context():
        found = backend.to_numpy(column_means(backend, backend.asarray(X)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [np.float32(2**22 + 0.75), 1.0])


@FAST
def test_the_variance_where_the_mean_is_no_number_of_float32(backend):
    """Neighbouring numbers of float32: the origin is one of the two, and not their mean."""
    step = 2.0**-10
    X = np.array([[1e4, 1e4 + step], [1e4 + step, 1e4], [1e4, 1e4 + step], [1e4 + step, 1e4]])
    X = X.astype(np.float32)
    with backend.context():
        data = centered(backend, backend.asarray(X), backend.asarray(np.ones(4, np.float32)))
        assert data.variance.dtype == backend.xp.float64
        assert float(data.variance) == pytest.approx((step / 2) ** 2, rel=1e-6)
        around = X - backend.to_numpy(data.points.origin)
    np.testing.assert_array_equal(around + backend.to_numpy(data.points.origin), X)


@pytest.mark.backends("numpy-generic", "array-api-strict")
def test_the_variance_is_summed_in_float64(backend):
    """2²⁵ + 4 in all, of which float32 would keep 2²⁵."""
    X = np.array([[4096.0], [-4096], [1], [-1], [1], [-1]], np.float32)
    with backend.context():
        data = centered(backend, backend.asarray(X), backend.asarray(np.ones(6, np.float32)))
        assert float(data.variance) == pytest.approx((2**25 + 4) / 6, rel=1e-12)


@pytest.mark.parametrize("small", [1, 40, 100, 10**6])
def test_block_by_block_is_all_at_once(monkeypatch, small):
    monkeypatch.setattr(rows, "SMALL", small)
    rng = np.random.default_rng(2)
    X, weights, centers = rng.standard_normal((23, 3)), rng.random(23), rng.standard_normal((5, 3))
    distances = np.sqrt(((X[:, None] - centers[None]) ** 2).sum(axis=2))
    labels = distances.argmin(axis=1).astype(np.int32)
    backend = CASES["numpy-generic"].make()
    np.testing.assert_array_equal(rows.labels_of(backend, X, centers), labels)
    np.testing.assert_allclose(rows.measure_rows(backend, X, centers), distances, rtol=1e-12)
    expected = weights @ distances.min(axis=1) ** 2
    inertia = float(rows.inertia_of(backend, X, weights, centers, labels))
    assert inertia == pytest.approx(expected, rel=1e-12)
