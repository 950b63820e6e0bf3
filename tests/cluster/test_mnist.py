"""K-means on MNIST: the labels of scikit-learn's."""

import numpy as np
import pytest
from sklearn.cluster import KMeans as Reference

from accelml.cluster import KMeans
from tests.data import mnist


@pytest.fixture(scope="module")
def scikit_learns_mnist():
    """scikit-learn's labels in float64: its own float32 differs from them in 8 rows of 60,000."""
    known = {}

    def fit(k):
        if k not in known:
            X, *_ = mnist()
            rows = np.random.default_rng(k).choice(len(X), k, replace=False)
            reference = Reference(k, init=X[rows], n_init=1, max_iter=20)
            known[k] = rows, reference.fit(X.astype(np.float64))
        return known[k]

    return fit


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("k", [10, 100])
@pytest.mark.backends("numpy", "numba", "jax", "jax-gpu", "cupy")
def test_mnist_from_the_same_centers(backend, scikit_learns_mnist, k):
    X, *_ = mnist()
    rows, reference = scikit_learns_mnist(k)
    model = KMeans(k, init=X[rows], max_iter=20, backend=backend).fit(X)
    assert np.mean(model.labels_ == reference.labels_) >= 0.9999
    assert model.inertia_ == pytest.approx(reference.inertia_, rel=1e-6)
    assert model.n_iter_ == reference.n_iter_
    assert model.inertia_ == pytest.approx(-model.score(X), rel=1e-12)


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.backends("numba", "jax", "jax-gpu", "cupy")
def test_mnist_from_the_same_seed(backend):
    X, *_ = mnist()
    models = [KMeans(10, random_state=0, max_iter=1, backend=b).fit(X) for b in ("numpy", backend)]
    expected, found = (model.cluster_centers_ for model in models)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
