"""K-means against scikit-learn's, and where it usually goes wrong."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.base import clone
from sklearn.cluster import KMeans as Reference
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from accelml.cluster import KMeans
from accelml.cluster.initialization import draw_plus_plus, plus_plus
from accelml.cluster.kmeans import is_same_clustering
from accelml.cluster.rows import centered
from tests.backends import CASES
from tests.cluster.starts import quietly, raw, start
from tests.data import digits

# A second CPU device of JAX compiles everything once more; one test looks at it.
HERE = tuple(name for name in CASES if name != "jax-second-device")
everywhere = pytest.mark.backends(*HERE)


def assert_same(model, reference, rtol=1e-9):
    np.testing.assert_array_equal(model.labels_, reference.labels_)
    scale = np.abs(reference.cluster_centers_).max()
    np.testing.assert_allclose(
        model.cluster_centers_, reference.cluster_centers_, rtol=0, atol=rtol * scale
    )
    assert model.n_iter_ == reference.n_iter_
    assert model.inertia_ == pytest.approx(reference.inertia_, rel=rtol)


@everywhere
@pytest.mark.parametrize(("name", "k"), [("iris", 3), ("wine", 5), ("digits", 10)])
def test_same_start_same_result_as_scikit_learn(backend, name, k):
    X = raw(name)
    centers = start(X, k)
    reference = Reference(k, init=centers).fit(X)
    model = KMeans(k, init=centers, backend=backend).fit(X)
    assert_same(model, reference)
    assert model.labels_.dtype == np.int32
    assert isinstance(model.cluster_centers_, np.ndarray)
    assert type(model.inertia_) is float
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_allclose(model.transform(X), reference.transform(X), rtol=1e-9, atol=1e-6)
    assert model.score(X) == pytest.approx(reference.score(X), rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("tol", [0.0, 1e-4, 1e-1])
def test_every_tolerance_and_start_ends_where_scikit_learns_does(seed, tol):
    X = raw("wine")
    weights = np.random.default_rng(seed).uniform(0.1, 3, len(X))
    centers = start(X, 6, seed)
    reference = Reference(6, init=centers, tol=tol).fit(X, sample_weight=weights)
    model = KMeans(6, init=centers, tol=tol).fit(X, sample_weight=weights)
    assert_same(model, reference)


def test_centers_that_need_not_move_are_found_at_once():
    X, centers = np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([[1.0], [11.0]])
    for estimator in (KMeans, Reference):
        assert estimator(2, init=centers, tol=0).fit(X).n_iter_ == 1


@pytest.mark.parametrize("max_iter", [1, 2, 9, 11])
def test_the_iteration_limit(max_iter):
    X, _ = digits()
    centers = start(X, 10)
    reference = Reference(10, init=centers, max_iter=max_iter).fit(X)
    with pytest.warns(ConvergenceWarning, match=f"max_iter={max_iter}") as caught:
        model = KMeans(10, init=centers, max_iter=max_iter).fit(X)
    assert caught[0].filename == __file__
    assert_same(model, reference)
    # Those of the centers before would be others here.
    np.testing.assert_array_equal(model.labels_, model.predict(X))


@everywhere
def test_inertia_is_minus_the_score(backend):
    X, _ = digits("float32")
    X = X[:400] + 3
    weights = np.random.default_rng(0).uniform(0, 2, 400)
    model = quietly(
        KMeans(7, random_state=0, max_iter=5, backend=backend), X, sample_weight=weights
    )
    assert model.inertia_ == pytest.approx(-model.score(X, sample_weight=weights), rel=1e-12)
    gap = X.astype("f8") - model.cluster_centers_.astype("f8")[model.labels_]
    assert model.inertia_ == pytest.approx((weights * (gap**2).sum(axis=1)).sum(), rel=1e-6)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    assert model.cluster_centers_.dtype == np.float32
    assert model.transform(X).dtype == np.float32


@everywhere
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_gives_the_same_start_on_every_backend(backend, dtype):
    """Greedy k-means++ with the draws of a seed: the same rows, to the last of them."""
    X, _ = digits(dtype)
    weights = np.random.default_rng(4).uniform(0, 2, len(X))
    weights[::3] = 0
    chosen = []
    for here in (backend, CASES["numpy-generic"].make()):
        with here.context():
            data = centered(here, here.asarray(X), here.asarray(weights.astype(dtype)))
            for seed in range(12):
                draws = draw_plus_plus(weights, 20, np.random.default_rng(seed))
                rows = plus_plus(here, data.points, *map(here.asarray, draws))
                chosen.append(here.to_numpy(rows))
    np.testing.assert_array_equal(chosen[:12], chosen[12:])
    assert all(len(set(rows)) == 20 and (weights[rows] > 0).all() for rows in chosen)


@everywhere
def test_offset_1e4_in_float32_is_as_float64(backend):
    """Uncentred, |x|² is 6e9 here and float32 rounds it to hundreds; clusters are 10 apart."""
    X, y = datasets.make_blobs(300, 60, centers=4, cluster_std=1.0, random_state=0)
    X = (X + 1e4).astype("f4")
    centers = X[[0, 1, 2, 5]]
    model = KMeans(4, init=centers, backend=backend).fit(X)
    exact = KMeans(4, init=centers.astype("f8")).fit(X.astype("f8"))
    np.testing.assert_array_equal(model.labels_, exact.labels_)
    assert model.inertia_ == pytest.approx(exact.inertia_, rel=1e-5)
    assert model.n_iter_ == exact.n_iter_
    np.testing.assert_allclose(model.cluster_centers_, exact.cluster_centers_, rtol=1e-7)
    seeded = KMeans(4, random_state=0, backend=backend).fit(X)
    assert adjusted_rand_score(y, seeded.labels_) == 1.0
    np.testing.assert_array_equal(seeded.labels_, seeded.predict(X))


@everywhere
def test_an_empty_cluster_is_repaired(backend):
    """Two of the centers lose all their rows at once; scikit-learn ends at the same clusters."""
    X = raw("iris")
    centers = np.concatenate([start(X, 2), np.full((2, 4), 100.0)])
    reference = Reference(4, init=centers).fit(X)
    model = KMeans(4, init=centers, backend=backend).fit(X)
    assert np.bincount(model.labels_, minlength=4).min() > 0
    assert model.inertia_ == pytest.approx(reference.inertia_, rel=1e-9)
    assert is_same_clustering(model.labels_, reference.labels_)


def test_one_empty_cluster_is_repaired_exactly_as_scikit_learns():
    for seed in range(5):
        X = raw("wine")
        weights = np.random.default_rng(seed).uniform(0.5, 2, len(X))
        centers = np.concatenate([start(X, 3, seed), np.full((1, 13), 1e5)])
        reference = Reference(4, init=centers).fit(X, sample_weight=weights)
        model = KMeans(4, init=centers).fit(X, sample_weight=weights)
        assert_same(model, reference)


@everywhere
def test_rows_of_weight_zero_are_as_if_not_there(backend):
    X = raw("iris")
    weights = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    far = np.concatenate([X, [[1e3, 1e3, 1e3, 1e3]]])  # would be anybody's choice in a repair
    centers = np.concatenate([start(X, 2), np.full((1, 4), -50.0)])
    model = KMeans(3, init=centers, tol=0, backend=backend)
    model.fit(far, sample_weight=np.append(weights, 0))
    kept = KMeans(3, init=centers, tol=0).fit(X[weights > 0], sample_weight=weights[weights > 0])
    np.testing.assert_allclose(model.cluster_centers_, kept.cluster_centers_, rtol=1e-9)
    assert model.inertia_ == pytest.approx(kept.inertia_, rel=1e-9)
    np.testing.assert_array_equal(model.labels_[:-1][weights > 0], kept.labels_)
    for seed in range(20):
        for init in ("k-means++", "random"):
            seeded = KMeans(3, init=init, n_init=1, random_state=seed, max_iter=100)
            seeded.fit(far, sample_weight=np.append(weights, 0))
            assert seeded.cluster_centers_.max() < 10


def test_weights_are_repetitions():
    X = raw("iris")
    times = np.random.default_rng(1).integers(1, 4, len(X))
    centers = start(X, 5)
    # Not the same tolerance, which comes from the rows as they are.
    model = KMeans(5, init=centers, tol=0).fit(X, sample_weight=times)
    repeated = KMeans(5, init=centers, tol=0).fit(np.repeat(X, times, axis=0))
    np.testing.assert_allclose(model.cluster_centers_, repeated.cluster_centers_, rtol=1e-12)
    assert model.inertia_ == pytest.approx(repeated.inertia_, rel=1e-12)


@everywhere
def test_as_many_clusters_as_rows(backend):
    X = raw("iris")[[0, 20, 60, 80, 120]]
    model = KMeans(5, random_state=0, backend=backend).fit(X)
    assert sorted(model.labels_) == [0, 1, 2, 3, 4]
    assert model.inertia_ == pytest.approx(0, abs=1e-20)
    assert (np.diag(model.transform(X)[:, model.labels_]) < 1e-10).all()


@everywhere
def test_one_cluster_is_the_mean(backend):
    X = raw("iris")
    model = KMeans(1, random_state=0, backend=backend).fit(X)
    np.testing.assert_allclose(model.cluster_centers_[0], X.mean(axis=0), rtol=1e-13)
    assert model.inertia_ == pytest.approx(len(X) * X.var(axis=0).sum(), rel=1e-12)
    assert not model.labels_.any()


@everywhere
@pytest.mark.parametrize("X", [np.full((6, 3), 7.7), np.tile([[0.1], [5.0]], (4, 1))], ids=str)
def test_more_clusters_than_different_rows(backend, X):
    distinct = len(np.unique(X, axis=0))
    with pytest.warns(ConvergenceWarning, match=rf"distinct clusters \({distinct}\)") as caught:
        model = KMeans(4, random_state=0, backend=backend).fit(X)
    assert caught[0].filename == __file__
    assert model.inertia_ == pytest.approx(0, abs=1e-20)
    assert np.isfinite(model.cluster_centers_).all()
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    # Equal rows have one label: the lowest of the centers that lie there.
    for row in np.unique(X, axis=0):
        at = np.flatnonzero((np.abs(model.cluster_centers_ - row) < 1e-12).all(axis=1))
        assert set(model.labels_[(row == X).all(axis=1)]) == {at[0]}


@everywhere
def test_one_feature(backend):
    X = np.array([1.0, 2, 3, 11, 12, 13, 101, 102, 103])[:, None]
    model = KMeans(3, random_state=0, backend=backend).fit(X)
    assert sorted(model.cluster_centers_[:, 0].round(12)) == [2, 12, 102]
    assert model.inertia_ == pytest.approx(6)


@given(st.integers(0, 2**31), st.integers(1, 6), st.sampled_from(["float32", "float64"]))
@settings(max_examples=40, deadline=None)
@pytest.mark.backends("numpy", "numpy-generic", "numba")
def test_what_must_hold_of_any_result(backend, seed, k, dtype):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(k, 30), rng.integers(1, 4)
    X = (rng.integers(0, 5, (n, d)) * 10.0 ** rng.integers(-3, 4)).astype(dtype)
    weights = rng.integers(0, 3, n) + (np.arange(n) == 0)
    model = quietly(KMeans(k, random_state=seed % 7, backend=backend), X, sample_weight=weights)
    gap = X[:, None].astype("f8") - model.cluster_centers_[None].astype("f8")
    distances = (gap**2).sum(axis=2)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    scale = max(1e-300, distances.max())
    chosen = distances[np.arange(n), model.labels_]
    np.testing.assert_allclose(chosen, distances.min(axis=1), rtol=0, atol=tolerance * scale)
    assert model.inertia_ == pytest.approx(weights @ chosen, rel=tolerance, abs=tolerance * scale)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    positive = X[weights > 0]
    distinct = len(np.unique(positive, axis=0))
    assert len(np.unique(model.labels_[weights > 0])) == min(k, distinct)


def test_the_start_is_as_good_as_scikit_learns():
    X, _ = digits()
    ours = [quietly(KMeans(10, random_state=seed, max_iter=1), X).inertia_ for seed in range(30)]
    theirs = [Reference(10, random_state=seed, max_iter=1).fit(X).inertia_ for seed in range(30)]
    plain = [
        Reference(10, init="random", n_init=1, random_state=seed, max_iter=1).fit(X).inertia_
        for seed in range(30)
    ]
    spread = np.std(theirs) / np.sqrt(15)
    assert abs(np.mean(ours) - np.mean(theirs)) < 3 * spread
    assert np.mean(ours) < np.mean(plain) - 3 * spread


def test_duplicates_of_a_center_are_not_drawn_again():
    X = np.repeat([[0.0, 0.1], [3.0, 0.7], [9.0, 0.3], [50.0, 0.9]], 25, axis=0)
    for seed in range(20):
        for dtype in ("f4", "f8"):
            model = KMeans(4, random_state=seed, max_iter=5).fit(X.astype(dtype))
            assert model.inertia_ < 1e-9


def test_n_init_keeps_the_best():
    X, _ = digits()
    settings = {"n_clusters": 10, "init": "random", "random_state": 1, "max_iter": 8}
    found = [quietly(KMeans(n_init=n_init, **settings), X).inertia_ for n_init in range(1, 6)]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) > 1
    calls = []

    def init(X, n_clusters, random_state):
        calls.append((X.shape, random_state.randint(2**31)))
        return X[:n_clusters] + len(calls)

    for n_init, expected in [("auto", 10), (3, 3)]:
        calls.clear()
        quietly(KMeans(2, init=init, n_init=n_init, max_iter=1), X)
        assert len(calls) == expected
        assert len(set(calls)) == expected


def test_a_callable_sees_and_returns_the_data_as_they_are():
    X = raw("iris") + 100
    centers = start(X, 3)
    seen = []

    def init(X, n_clusters, random_state):
        seen.append(X)
        return centers

    model = KMeans(3, init=init, n_init=1).fit(X)
    np.testing.assert_array_equal(seen[0], X)
    assert_same(model, KMeans(3, init=centers).fit(X))


def test_given_centers_are_run_once():
    X = raw("iris")
    with pytest.warns(RuntimeWarning, match="performing only one init in KMeans") as caught:
        KMeans(3, init=X[:3], n_init=2).fit(X)
    assert caught[0].filename == __file__


def test_elkan_gives_the_same():
    X = raw("wine")
    assert_same(
        KMeans(4, random_state=0, algorithm="elkan").fit(X), KMeans(4, random_state=0).fit(X)
    )


def test_is_same_clustering():
    a = np.array([0, 0, 1, 2], np.int32)
    assert is_same_clustering(a, np.array([2, 2, 0, 1], np.int32))
    assert not is_same_clustering(a, np.array([2, 1, 0, 1], np.int32))


@pytest.mark.backends("numpy", "numba")
def test_temporaries_are_no_larger_than_the_data(backend):
    """All distances at once would be half of X, and the membership of the sums too."""
    X = np.random.default_rng(0).standard_normal((60_000, 256)).astype(np.float32)
    model = KMeans(128, init=X[:128] + 0.01, max_iter=1, backend=backend)
    quietly(clone(model), X[:500])  # compiled, imported
    tracemalloc.start()
    quietly(model, X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * X.nbytes
