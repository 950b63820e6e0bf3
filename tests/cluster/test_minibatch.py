"""K-means on mini-batches: against scikit-learn's, and from call to call."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans as FullReference
from sklearn.cluster import MiniBatchKMeans as Reference
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from accelml.cluster import KMeans, MiniBatchKMeans
from accelml.cluster.minibatch_step import Averages, Settling, Stepper, minibatch_step
from accelml.exceptions import TrainingInterrupted
from accelml.tree import tree_map
from tests.backends import CASES, problem
from tests.data import digits
from tests.test_recompilation import compilations

HERE = tuple(name for name in CASES if name != "jax-second-device")


def blobs(dtype="f8", offset=0.0):
    X, y = make_blobs(2000, 5, centers=6, cluster_std=0.5, random_state=2)
    return (X + offset).astype(dtype), y


@pytest.mark.backends(*HERE)
def test_partial_fit_is_scikit_learns(backend):
    """Batch after batch from the same centers: running means, weights in them, and counts."""
    X, _ = digits()
    rng = np.random.default_rng(0)
    centers = X[:10] + 0.01 * rng.standard_normal((10, 64))
    weights = rng.uniform(0.2, 2, len(X))
    reference = Reference(10, init=centers, n_init=1, reassignment_ratio=0)
    model = MiniBatchKMeans(10, init=centers, reassignment_ratio=0, backend=backend)
    for start in range(0, 1600, 400):
        rows = slice(start, start + 400)
        reference.partial_fit(X[rows], sample_weight=weights[rows])
        assert model.partial_fit(X[rows], sample_weight=weights[rows]) is model
        np.testing.assert_allclose(
            model.cluster_centers_, reference.cluster_centers_, rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(model.counts_, reference._counts, rtol=1e-12)
        np.testing.assert_array_equal(model.labels_, reference.labels_)
        assert model.inertia_ == pytest.approx(reference.inertia_, rel=1e-9)
    assert model.n_steps_ == reference.n_steps_ == 4
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))


@pytest.mark.backends(*HERE)
def test_every_backend_takes_the_same_steps(backend):
    X, _ = digits()
    settings = {"n_clusters": 10, "batch_size": 400, "max_iter": 3, "random_state": 0}
    model = MiniBatchKMeans(**settings, backend=backend).fit(X)
    expected = MiniBatchKMeans(**settings, backend=CASES["numpy-generic"].make()).fit(X)
    assert (model.n_steps_, model.n_iter_) == (expected.n_steps_, expected.n_iter_)
    np.testing.assert_allclose(model.cluster_centers_, expected.cluster_centers_, atol=1e-10)
    np.testing.assert_allclose(model.counts_, expected.counts_)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    assert model.inertia_ == pytest.approx(-model.score(X), rel=1e-12)


def test_it_is_nearly_as_good_as_scikit_learns():
    X, _ = digits()
    settings = {"n_clusters": 10, "batch_size": 256, "max_iter": 15}
    ours = [MiniBatchKMeans(**settings, random_state=s).fit(X).inertia_ for s in range(8)]
    theirs = [Reference(**settings, random_state=s).fit(X).inertia_ for s in range(8)]
    spread = np.std(theirs) / 2
    assert np.mean(ours) < np.mean(theirs) + 3 * spread
    assert np.mean(ours) < 1.05 * FullReference(10, random_state=0).fit(X).inertia_


@pytest.mark.parametrize(("dtype", "offset"), [("f8", 0), ("f4", 1e4)])
def test_clusters_are_found_also_far_from_the_origin(dtype, offset):
    X, y = blobs(dtype, offset)
    model = MiniBatchKMeans(6, random_state=0, n_init=3).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.99
    assert model.cluster_centers_.dtype == dtype
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    streamed = MiniBatchKMeans(6, random_state=0)
    for start in range(0, 2000, 200):
        streamed.partial_fit(X[start : start + 200])
    assert adjusted_rand_score(y, streamed.predict(X)) > 0.99


def step(backend, batch, centers, counts, picks, ratio):
    with backend.context():
        arrays = map(backend.asarray, (batch, np.ones(len(batch))))
        averages = Averages(backend.asarray(centers), backend.asarray(counts))
        found = minibatch_step(
            backend, *arrays, averages, backend.asarray(np.array(picks, np.int32)),
            backend.asarray(np.asarray(ratio)),
        )  # fmt: skip
        return tree_map(backend.to_numpy, found)


@pytest.mark.backends(*HERE)
def test_one_step(backend):
    """Running means by hand; the third center has little and goes to a row of the batch."""
    batch = np.array([[0.0], [1.0], [10.0], [14.0]])
    centers, counts = np.array([[0.0], [10.0], [50.0]]), np.array([2.0, 1.0, 0.5])
    found = step(backend, batch, centers, counts, [3, 1], 0.0)
    np.testing.assert_allclose(found.averages.centers[:, 0], [0.25, 34 / 3, 50])
    np.testing.assert_allclose(found.averages.counts, [4, 3, 0.5])
    assert float(found.inertia) == 17
    assert float(found.shift) == pytest.approx(0.25**2 + (4 / 3) ** 2)
    found = step(backend, batch, centers, counts, [3, 1], 0.2)
    np.testing.assert_allclose(found.averages.centers[:, 0], [0.25, 34 / 3, 14])
    np.testing.assert_allclose(found.averages.counts, [4, 3, 3])
    # All but the largest are below the ratio; one row is to be had, and the least gets it.
    found = step(backend, batch, centers, counts, [2], 0.9)
    np.testing.assert_allclose(found.averages.centers[:, 0], [0.25, 34 / 3, 10])


def test_empty_centers_are_put_on_rows():
    X, _ = blobs()
    centers = np.concatenate([X[:1], np.full((5, 5), 1e3)])
    lost = MiniBatchKMeans(6, init=centers, reassignment_ratio=0, random_state=0).fit(X)
    assert (lost.counts_ == 0).sum() == 5
    model = MiniBatchKMeans(6, init=centers, batch_size=256, random_state=0).fit(X)
    assert (model.counts_ > 0).all()
    assert model.inertia_ < 0.5 * lost.inertia_


def test_centers_are_put_on_rows_every_ten_rows_a_cluster():
    backend = CASES["numpy"].make()
    averages = Averages(np.array([[0.0], [1.0], [90.0]]), np.array([100.0, 100.0, 1.0]))
    batch = np.linspace(0, 1, 10)[:, None]
    stepper = Stepper(3, 0.5, np.random.default_rng(0))
    where = []
    for _ in range(4):
        averages = stepper.step(backend, batch, np.ones(10), averages).averages
        where.append(averages.centers[2, 0] <= 1)
    assert where == [False, False, True, True]
    # At once where a center has no rows; and on half of the rows at most.
    averages = Averages(np.array([[0.0], [70.0], [80.0], [90.0]]), np.array([9.0, 0, 0, 0]))
    stepper = Stepper(4, 0.5, np.random.default_rng(0))
    found = stepper.step(backend, batch[:2], np.ones(2), averages).averages
    assert (found.centers <= 1).sum() == 2


def test_settling():
    calm = Settling(tol=0.0, patience=2, share=0.5)
    assert [calm.is_over(i, 0.0) for i in (9, 5, 4, 4.6, 4.6)] == [False] * 4 + [True]
    still = Settling(tol=0.1, patience=None, share=0.5)
    assert [still.is_over(1.0, shift) for shift in (0.0, 1.0, 0.1)] == [False, False, True]
    assert not any(Settling(0.0, None, 1.0).is_over(1.0, 0.0) for _ in range(100))


def test_the_ways_to_stop():
    X, _ = blobs()
    shared = {"n_clusters": 6, "batch_size": 500, "random_state": 0}
    full = MiniBatchKMeans(**shared, max_iter=7, max_no_improvement=None).fit(X)
    assert (full.n_steps_, full.n_iter_) == (28, 7)
    early = MiniBatchKMeans(**shared, max_iter=100, max_no_improvement=3).fit(X)
    assert early.n_steps_ < 60
    by_shift = MiniBatchKMeans(**shared, max_iter=100, max_no_improvement=None, tol=1e-3).fit(X)
    assert by_shift.n_steps_ < 100
    unlabelled = MiniBatchKMeans(**shared, compute_labels=False).fit(X)
    assert not hasattr(unlabelled, "labels_")
    assert unlabelled.inertia_ == pytest.approx(-unlabelled.score(X), rel=0.2)


def test_weights_of_one_draw_the_same_rows_as_no_weights():
    X = np.random.default_rng(3).normal(size=(3001, 3))
    model = MiniBatchKMeans(4, random_state=0, n_init=1, batch_size=64)
    alone = model.fit(X).cluster_centers_
    np.testing.assert_array_equal(model.fit(X, sample_weight=np.ones(3001)).cluster_centers_, alone)


def test_rows_of_weight_zero_are_never_drawn():
    X, _ = blobs()
    far = np.concatenate([X, np.full((200, 5), 1e3)])
    weights = np.append(np.ones(2000), np.zeros(200))
    for seed in range(3):
        model = MiniBatchKMeans(6, random_state=seed, batch_size=300)
        assert model.fit(far, sample_weight=weights).cluster_centers_.max() < 100


def test_a_small_init_size_and_given_centers_warn():
    X, _ = blobs()
    with pytest.warns(RuntimeWarning, match="init_size=2 should be larger than n_clusters=6") as c:
        MiniBatchKMeans(6, init_size=2, random_state=0).fit(X)
    assert c[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="one init in MiniBatchKMeans instead of n_init=4") as c:
        MiniBatchKMeans(6, init=X[:6], n_init=4).fit(X)
    assert c[0].filename == __file__


def test_it_goes_on_after_a_pickle_and_a_fit():
    X, _ = blobs()
    model = MiniBatchKMeans(6, random_state=0).partial_fit(X[:500])
    copy = pickle.loads(pickle.dumps(model))
    for one in (model, copy):
        one.partial_fit(X[500:1000])
    np.testing.assert_array_equal(model.cluster_centers_, copy.cluster_centers_)
    fitted = clone(model).fit(X)
    before = fitted.counts_.sum()
    fitted.partial_fit(X[:300])
    assert fitted.counts_.sum() == before + 300
    assert fitted.n_steps_ > 1
    assert model.get_feature_names_out()[0] == "minibatchkmeans0"


def test_a_partial_fit_that_fails_changes_nothing():
    X, _ = blobs()
    with pytest.raises(ValueError, match="n_samples=5 should be >= n_clusters=6"):
        MiniBatchKMeans(6).partial_fit(X[:5])
    model = MiniBatchKMeans(6, random_state=0).partial_fit(X[:500])
    before = dict(model.__dict__)
    with pytest.raises(ValueError, match="X has 2 features"):
        model.partial_fit(X[:500, :2])
    with pytest.raises(ValueError, match="negative"):
        model.partial_fit(X[:2], sample_weight=[1, -1])
    assert model.__dict__.keys() == before.keys()
    assert all(model.__dict__[name] is before[name] for name in before)
    model.partial_fit(X[:2])  # later batches may be smaller than n_clusters


def test_ctrl_c_leaves_the_last_batch(monkeypatch):
    X, _ = blobs()

    class Bar:
        def __enter__(self):
            return self.update

        def __exit__(self, *exception):
            return False

        def update(self, iteration, **figures):
            if iteration == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr("accelml.cluster.minibatch.progress_bar", lambda *a, **k: Bar())
    with pytest.warns(TrainingInterrupted, match="last whole batch") as caught:
        model = MiniBatchKMeans(6, random_state=0).fit(X)
    assert caught[0].filename == __file__
    assert model.n_steps_ == 3
    np.testing.assert_array_equal(model.labels_, model.predict(X))


@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
def test_a_second_fit_compiles_nothing():
    import jax.numpy as jnp

    X, _ = blobs("f4")
    model = MiniBatchKMeans(6, backend="jax", random_state=0, batch_size=300, max_iter=1).fit(X)
    model.partial_fit(X[:300])
    with compilations() as events:
        for change in ({}, {"max_iter": 2}, {"random_state": 3}, {"reassignment_ratio": 0.3}):
            model.set_params(**change).fit(X)
            model.partial_fit(X[:300])
    assert events == []
    assert isinstance(model.set_params(backend=None).predict(jnp.asarray(X)), jnp.ndarray)


def test_more_batches_come_closer_to_k_means():
    X, _ = blobs()
    exact = KMeans(6, random_state=0, n_init=5).fit(X)
    model = MiniBatchKMeans(6, init=exact.cluster_centers_, max_no_improvement=None).fit(X)
    assert model.inertia_ == pytest.approx(exact.inertia_, rel=1e-2)
