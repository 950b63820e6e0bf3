"""K-means as an estimator: scikit-learn's checks, kinds of input, and what users get wrong."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.cluster import KMeans, MiniBatchKMeans
from accelml.exceptions import DivergenceError, TrainingInterrupted
from tests.backends import problem
from tests.cluster.starts import quietly, raw
from tests.data import digits, table
from tests.test_recompilation import compilations

# As scikit-learn's own: draws go by row number, and other rows have other numbers.
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "the draws depend on the rows' numbers"
}
ESTIMATORS = [KMeans(), MiniBatchKMeans()]
if not problem("numba"):
    ESTIMATORS += [KMeans(backend="numba"), MiniBatchKMeans(backend="numba")]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_layouts_dtypes_and_inputs_left_alone():
    X, _ = digits("float32")
    X = X[:200]
    best = KMeans(5, random_state=0).fit(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    for variant in (frozen, np.asfortranarray(X), X[::-1][::-1]):
        model = KMeans(5, random_state=0, copy_x=False).fit(variant)
        np.testing.assert_array_equal(model.labels_, best.labels_)
        np.testing.assert_array_equal(variant, X)
    for dtype, expected in [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("f2", "f8")]:
        model = KMeans(3, random_state=0).fit((16 * X).astype(dtype))
        assert model.cluster_centers_.dtype == expected
        assert model.transform((16 * X).astype(dtype)).dtype == expected


def test_pandas_pipelines_and_names():
    import pandas as pd

    frame = pd.DataFrame(raw("iris"), columns=["a", "b", "c", "d"])
    model = KMeans(3, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert model.get_feature_names_out().tolist() == ["kmeans0", "kmeans1", "kmeans2"]
    table = clone(model).set_output(transform="pandas").fit_transform(frame)
    assert table.columns.tolist() == ["kmeans0", "kmeans1", "kmeans2"]
    np.testing.assert_allclose(table, model.transform(frame), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])
    pipeline = make_pipeline(StandardScaler(), KMeans(3, random_state=0))
    assert len(set(pipeline.fit_predict(frame))) == 3
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(frame), model.labels_)
    assert restored.backend_ == model.backend_


@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
def test_jax_arrays_in_jax_arrays_out():
    import jax.numpy as jnp

    X = jnp.asarray(table("iris")[0].astype("f4"))
    model = KMeans(3, random_state=0)
    labels = model.fit_predict(X)
    assert (model.backend_, type(model.cluster_centers_)) == ("jax", np.ndarray)
    for found in (labels, model.predict(X), model.transform(X)):
        assert isinstance(found, jnp.ndarray)
    np.testing.assert_array_equal(labels, model.labels_)
    assert isinstance(model.predict(np.asarray(X)), np.ndarray)
    given = KMeans(3, init=X[:3] + 0.01, backend="numpy").fit(X)
    assert isinstance(given.fit_predict(X), jnp.ndarray)


@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_second_fit_compiles_nothing():
    X, _ = digits("float32")
    X = X[:300]
    model = KMeans(6, backend="jax", random_state=0, max_iter=3).fit(X)
    model.predict(X)
    model.score(X)
    with compilations() as events:
        for change in ({}, {"tol": 0.1}, {"max_iter": 40}, {"random_state": 5}, {"n_init": 2}):
            model.set_params(**change).fit(X)
            model.predict(X)
            model.score(X)
        model.fit(np.ascontiguousarray(X[::-1]), sample_weight=np.arange(300))
    assert events == []


@pytest.mark.backends("jax-second-device")
def test_the_second_device(backend):
    X = raw("iris")
    model = KMeans(3, random_state=0, backend=backend).fit(X)
    assert model.device_ == "cpu:1"
    expected = KMeans(3, random_state=0).fit(X)
    np.testing.assert_array_equal(model.labels_, expected.labels_)
    np.testing.assert_array_equal(model.predict(X), expected.labels_)


def test_ctrl_c_leaves_the_centers_reached(monkeypatch):
    X, _ = digits()
    seen = []

    class Bar:
        def __enter__(self):
            return self.update

        def __exit__(self, *exception):
            return False

        def update(self, iteration, **figures):
            seen.append(iteration)
            raise KeyboardInterrupt

    monkeypatch.setattr("accelml.cluster.kmeans.progress_bar", lambda *a, **k: Bar())
    monkeypatch.setattr("accelml.cluster.lloyd.PATIENCE", 10 * 10 * X.size)  # ten iterations
    with pytest.warns(TrainingInterrupted, match="best found so far") as caught:
        model = KMeans(10, random_state=0, tol=0, n_init=3).fit(X)
    assert caught[0].filename == __file__
    assert seen == [10]
    assert model.n_iter_ == 10
    monkeypatch.undo()
    stopped = quietly(KMeans(10, random_state=0, tol=0, max_iter=10), X)
    np.testing.assert_allclose(model.cluster_centers_, stopped.cluster_centers_)
    np.testing.assert_array_equal(model.labels_, model.predict(X))


def test_verbose_shows_a_bar(capsys):
    X, _ = digits()
    KMeans(10, random_state=0, verbose=1).fit(X)
    assert "k-means on numpy" in capsys.readouterr().err


SQUARE = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]
BAD_INPUT = [
    ({}, [[np.nan], [1.0]], "Input X contains NaN"),
    ({}, [1.0, 2.0], "Expected 2D array, got 1D array"),
    ({}, np.zeros((0, 2)), "0 sample"),
    ({"n_clusters": 4}, SQUARE, "n_samples=3 should be >= n_clusters=4; lower n_clusters"),
    ({"n_clusters": 0}, SQUARE, "'n_clusters' parameter"),
    ({"tol": -1}, SQUARE, "'tol' parameter"),
    ({"max_iter": 0}, SQUARE, "'max_iter' parameter"),
    ({"n_init": 0}, SQUARE, "'n_init' parameter"),
    ({"init": "best"}, SQUARE, "'init' parameter"),
    ({"init": np.zeros((3, 2))}, SQUARE, r"initial centers \(3, 2\) does not match the number of"),
    ({"init": np.zeros((2, 3))}, SQUARE, r"initial centers \(2, 3\).*features of the data 2"),
    ({"init": [[0, np.nan], [1, 1]]}, SQUARE, "init contains NaN"),
    ({"init": lambda X, k, random_state: X[:1]}, SQUARE, r"initial centers \(1, 2\)"),
]


@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
@pytest.mark.parametrize(("parameters", "X", "message"), BAD_INPUT)
def test_bad_input(estimator, parameters, X, message):
    with pytest.raises(ValueError, match=message):
        estimator(**{"n_clusters": 2, **parameters}).fit(X)


@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "sample_weight"),
        ([-1.0, 1.0, 1.0], "negative"),
        ([0.0, 0.0, 0.0], "0 everywhere|at least"),
        ([np.nan, 1.0, 1.0], "sample_weight contains NaN"),
    ],
)
def test_bad_weights(estimator, weights, message):
    with pytest.raises(ValueError, match=message):
        estimator(2).fit(SQUARE, sample_weight=weights)


def test_other_errors():
    with pytest.raises(ValueError, match="'algorithm' parameter"):
        KMeans(2, algorithm="full").fit(SQUARE)
    with pytest.raises(ValueError, match=r"init='random'.*n_clusters=2.*positive for 1 only"):
        KMeans(2, init="random").fit(SQUARE, sample_weight=[0, 1, 0])
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        KMeans(2).fit(csr_matrix(SQUARE))
    with pytest.raises(DivergenceError, match="overflow float32; scale X"):
        KMeans(2).fit(np.array([[1e30], [-1e30], [1.0]], dtype="f4"))
    for call in ("predict", "transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(KMeans(), call)(SQUARE)
    with pytest.raises(ValueError, match="X has 1 features, but KMeans is expecting 2"):
        KMeans(2).fit(SQUARE).predict([[1.0]])


def test_a_fit_that_fails_changes_nothing():
    X = raw("iris")
    model = KMeans(3, random_state=0).fit(X)
    before = dict(model.__dict__)
    with pytest.raises(ValueError, match="n_clusters=3"):
        model.fit(X[:2, :2])
    assert model.__dict__ == before
    np.testing.assert_array_equal(model.predict(X), model.labels_)
