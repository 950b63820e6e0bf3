"""The Gaussian anomaly detector in scikit-learn, pandas and JAX, and on every backend."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.anomaly import GaussianAnomalyDetector
from tests.backends import CASES, problem
from tests.data import table
from tests.test_recompilation import compilations

TYPES = ["diag", "full"]
each_type = pytest.mark.parametrize("covariance_type", TYPES)

# One of the checks has fewer rows than features, and looks at digits that a floor of 1e-9 leaves to
# rounding: the covariance has a condition of 1e9 then.
FULL = GaussianAnomalyDetector(covariance_type="full", var_smoothing=1e-6)
ESTIMATORS = [
    GaussianAnomalyDetector(),
    FULL,
    GaussianAnomalyDetector(contamination=0.1),
]
if not problem("numba"):
    ESTIMATORS += [GaussianAnomalyDetector(backend="numba")]


@parametrize_with_checks(ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
@parametrize_with_checks([clone(FULL).set_params(backend="jax")])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks_on_jax(estimator, check):
    check(estimator)


@each_type
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_backend_agrees(backend, covariance_type, dtype):
    X = table("breast_cancer")[0].astype(dtype)
    y = table("breast_cancer")[1] == 0
    weights = np.random.default_rng(6).random(len(X))

    def train(backend):
        model = GaussianAnomalyDetector(
            covariance_type=covariance_type, contamination=0.1, backend=backend
        )
        return model.fit(X, sample_weight=weights)

    expected, model = train(CASES["numpy-generic"].make()), train(backend)
    np.testing.assert_allclose(model.location_, expected.location_, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(model.covariance_, expected.covariance_, rtol=1e-12, atol=1e-13)
    rtol = 1e-9 if dtype == "f8" else 2e-6
    scores = model.score_samples(X)
    assert scores.dtype == dtype
    reference = expected.score_samples(X)
    atol = rtol * float(np.abs(reference).max())
    np.testing.assert_allclose(scores, reference, rtol=0, atol=atol)
    assert model.offset_ == pytest.approx(expected.offset_, rel=0, abs=atol)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    for each in (expected, model):
        each.select_threshold(X, y, weights)
    np.testing.assert_allclose(model.best_f1_, expected.best_f1_, rtol=1e-5)
    assert model.offset_ == pytest.approx(expected.offset_, rel=0, abs=atol)


@each_type
def test_layouts_and_dtypes(covariance_type):
    X, _ = table("wine")
    best = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    for variant in (np.asfortranarray(X), X[::-1][::-1], frozen, np.repeat(X, 2, axis=1)[:, ::2]):
        model = clone(best).fit(variant)
        np.testing.assert_allclose(model.score_samples(variant), best.score_samples(X), rtol=1e-11)
    for dtype, expected in [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("f2", "f8")]:
        model = clone(best).fit((10 * X).astype(dtype))
        assert model.score_samples((10 * X).astype(dtype)).dtype == expected
        assert model.decision_function((10 * X).astype(dtype)).dtype == expected
        assert model.location_.dtype == model.covariance_.dtype == "f8"
        assert model.predict((10 * X).astype(dtype)).dtype == np.int64


def test_clone_pickle_and_pipeline():
    X, _ = table("wine")
    model = GaussianAnomalyDetector(covariance_type="full").fit(X)
    model.select_threshold(X, np.arange(len(X)) < 9)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.decision_function(X), model.decision_function(X))
    np.testing.assert_array_equal(restored.f1_curve_, model.f1_curve_)
    assert not hasattr(clone(model), "offset_")
    pipeline = make_pipeline(StandardScaler(), GaussianAnomalyDetector())
    np.testing.assert_array_equal(
        pipeline.fit(X).predict(X), pipeline[-1].fit_predict(StandardScaler().fit_transform(X))
    )


def test_data_frames_and_their_names():
    X, _ = table("iris")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = GaussianAnomalyDetector().fit(frame)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert isinstance(model.score_samples(frame), np.ndarray)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])


def test_sparse_input_is_refused():
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match="Sparse data was passed"):
        GaussianAnomalyDetector().fit(csr_array(np.eye(3)))


def test_inputs_are_left_alone(backend):
    X = table("wine")[0].copy()
    kept = X.copy()
    model = GaussianAnomalyDetector(contamination=0.2, backend=backend).fit(X, None, np.ones(178))
    model.select_threshold(X, np.arange(178) < 9)
    model.predict(X)
    np.testing.assert_array_equal(X, kept)


needs_jax = pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))


@needs_jax
@each_type
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_jax_arrays_in_and_out(covariance_type, dtype):
    import jax

    X = table("wine")[0].astype(dtype)
    backend = CASES["jax"].make()
    with backend.context():
        on_device = backend.asarray(X)
        labels = backend.asarray(np.arange(len(X)) < 9)
    model = GaussianAnomalyDetector(covariance_type=covariance_type).fit(on_device)
    assert model.backend_ == "jax"
    expected = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X)
    model.select_threshold(on_device, labels)
    expected.select_threshold(X, np.arange(len(X)) < 9)
    for method in ("score_samples", "decision_function", "predict", "fit_predict"):
        found = getattr(model, method)(on_device)
        assert isinstance(found, jax.Array)
        wanted = getattr(expected, method)(X)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-4, atol=1e-4)
    assert isinstance(model.location_, np.ndarray)
    assert isinstance(model.precision_cholesky_, np.ndarray)


@needs_jax
@each_type
def test_a_second_fit_compiles_nothing(covariance_type):
    X = table("iris")[0].astype("f4")
    labels = np.arange(len(X)) < 9
    model = GaussianAnomalyDetector(covariance_type=covariance_type, backend="jax")

    def work(X):
        model.fit(X).select_threshold(X, labels)
        if model.contamination == "auto":
            model.partial_fit(X)
        model.predict(X)
        model.decision_function(X)

    work(X)
    with compilations() as events:
        for change in ({}, {"var_smoothing": 1e-3}, {"contamination": 0.2}):
            model.set_params(**change)
            work(np.ascontiguousarray(X[::-1]) + 1)
    assert events == []
