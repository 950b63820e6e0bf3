"""After the iterations only rows in question are searched for, and the labels are those of all."""

import numpy as np
import pytest

from accelml.cluster import KMeans, lloyd
from accelml.cluster.rows import centered, labels_of

pytestmark = pytest.mark.backends("numpy", "numba")

# With 64 features and 32 centers and more, distances have bounds.
SHAPES = [(1, 1, 1), (50, 3, 7), (3000, 16, 20), (700, 130, 9), (2000, 300, 40), (300, 900, 35)]


@pytest.fixture(autouse=True)
def loops_that_keep_something(monkeypatch):
    """On NumPy that of few rows does not."""
    for name in ("WHOLE", "WHOLE_LONG"):
        monkeypatch.setattr(f"accelml_numpy.lloyd.{name}", 0)


def rows(n, d, k, offset):
    rng = np.random.default_rng(n + d + k)
    return (rng.standard_normal((n, d)) + offset).astype(np.float32)


@pytest.mark.parametrize("max_iter", [1, 2, 12])
@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_they_are_those_of_a_search_for_all(backend, n, d, k, offset, max_iter):
    """Far from zero, rounding moves the centers by more than the last iterations do."""
    X = rows(n, d, k, offset)
    model = KMeans(k, init=X[:k], n_init=1, tol=0, max_iter=max_iter, backend=backend.name).fit(X)
    with backend.context():
        expected = labels_of(backend, X, model.cluster_centers_)
    np.testing.assert_array_equal(model.labels_, expected)
    np.testing.assert_array_equal(model.predict(X), expected)


def test_rows_that_cannot_change_are_not_looked_at(backend):
    """Where all rows have slack, a wrong label stays."""
    X = rows(200, 4, 4, 0) + np.repeat(np.eye(4, dtype=np.float32) * 100, 50, axis=0)
    with backend.context():
        points = centered(backend, X, np.ones(200, np.float32)).points
        start = X[::50] - points.origin
        ended = lloyd.run(backend, points, start, np.float64(0), 10, lambda *_, **__: None)
        ended.kept.labels[7] = 3
        labels = lloyd.last_labels(backend, points, ended, ended.centers + points.origin)
    expected = np.repeat(np.arange(4), 50)
    expected[7] = 3
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_each_run_has_its_own(backend):
    X = rows(500, 5, 8, 0)
    model = KMeans(8, init="random", n_init=4, random_state=0, max_iter=3, backend=backend.name)
    np.testing.assert_array_equal(model.fit(X).labels_, model.predict(X))
