"""The Gaussian anomaly detector: its statistics, its scores, and what users get wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm
from sklearn.base import clone
from sklearn.covariance import EllipticEnvelope, EmpiricalCovariance
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from accelml.anomaly import GaussianAnomalyDetector
from accelml.exceptions import DivergenceError
from tests.backends import CASES
from tests.data import table

TYPES = ["diag", "full"]
each_type = pytest.mark.parametrize("covariance_type", TYPES)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_statistics_are_those_of_scikit_learn(name, offset):
    X, _ = table(name)
    X = X * np.linspace(1, 5, X.shape[1]) + offset
    atol = 1e-12 if offset == 0 else 1e-7  # theirs loses digits far from the origin
    reference = EmpiricalCovariance().fit(X)
    model = GaussianAnomalyDetector(covariance_type="full", var_smoothing=0).fit(X)
    np.testing.assert_allclose(model.location_, reference.location_, rtol=1e-14, atol=1e-13)
    np.testing.assert_allclose(model.covariance_, reference.covariance_, atol=atol)
    naive = GaussianNB().fit(X, np.zeros(len(X)))
    model = GaussianAnomalyDetector().fit(X)
    np.testing.assert_allclose(model.var_, naive.var_[0], rtol=1e-12 if offset == 0 else 1e-9)
    assert model.epsilon_ == pytest.approx(naive.epsilon_, rel=1e-9)
    np.testing.assert_allclose(model.location_, naive.theta_[0], rtol=1e-14, atol=1e-13)
    np.testing.assert_array_equal(model.covariance_, np.diag(model.var_))


def test_weighted_statistics_are_those_of_scikit_learn():
    X, _ = table("wine")
    weights = np.random.default_rng(0).uniform(0, 2, len(X))
    naive = GaussianNB(var_smoothing=0).fit(X, np.zeros(len(X)), weights)
    model = GaussianAnomalyDetector(var_smoothing=0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(model.var_, naive.var_[0], rtol=1e-12)
    np.testing.assert_allclose(model.location_, naive.theta_[0], atol=1e-14)
    full = GaussianAnomalyDetector(covariance_type="full", var_smoothing=0)
    expected = np.cov(X.T, aweights=weights, bias=True)
    np.testing.assert_allclose(full.fit(X, None, weights).covariance_, expected, atol=1e-13)
    np.testing.assert_allclose(full.var_, np.diagonal(expected), atol=1e-13)


@each_type
def test_scores_are_log_densities(covariance_type):
    X, _ = table("breast_cancer")
    model = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X)
    expected = multivariate_normal.logpdf(X, model.location_, model.covariance_)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-9)
    np.testing.assert_array_equal(
        model.decision_function(X), model.score_samples(X) - model.offset_
    )
    np.testing.assert_array_equal(model.predict(X) == -1, model.score_samples(X) < model.offset_)


@pytest.mark.parametrize("contamination", [0.1, 0.05, 0.5])
def test_contamination_is_that_of_an_elliptic_envelope(contamination):
    """Four hundred rows, and shares that are whole rows: exactly these are called."""
    X = table("breast_cancer")[0][:400, :5]
    model = GaussianAnomalyDetector(covariance_type="full", contamination=contamination).fit(X)
    called = model.predict(X) == -1
    assert called.mean() == contamination
    reference = EllipticEnvelope(support_fraction=1.0, contamination=contamination).fit(X)
    # Given the same Gaussian, it calls the same rows.
    reference.location_, reference.precision_ = model.location_, np.linalg.inv(model.covariance_)
    reference.offset_ = np.percentile(reference.score_samples(X), 100 * contamination)
    np.testing.assert_array_equal(reference.predict(X) == -1, called)


def test_contamination_counts_weights():
    X = np.array([[0.0], [0.1], [-0.1], [3.0], [5.0]])
    weights = np.array([3.0, 3, 3, 1, 1])
    model = GaussianAnomalyDetector(contamination=0.2).fit(X, sample_weight=weights)
    repeated = np.repeat(X, weights.astype(int), axis=0)
    same = GaussianAnomalyDetector(contamination=0.2).fit(repeated)
    assert model.offset_ == pytest.approx(same.offset_, rel=1e-12)
    # The outer two weigh 2 of 11, and the next ones would make it 5.
    assert model.predict(X).tolist() == same.predict(X).tolist() == [1, 1, 1, -1, -1]


@each_type
def test_auto_is_the_contour_of_the_model(covariance_type):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 3)) @ rng.standard_normal((3, 3))
    model = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X)
    draws = rng.multivariate_normal(model.location_, model.covariance_, 20_000)
    assert (model.predict(draws) == -1).mean() == pytest.approx(0.05, abs=0.006)


def test_1500_features_do_not_underflow():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 1500))
    X[:5] *= 3
    is_anomaly = np.arange(60) < 5
    model = GaussianAnomalyDetector().fit(X[5:])
    scores = model.score_samples(X)
    expected = norm.logpdf(X, model.location_, np.sqrt(model.var_)).sum(axis=1)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    assert (np.exp(scores) == 0).all()
    assert model.select_threshold(X, is_anomaly).best_f1_ == 1


@each_type
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_constant_feature_does_not_divide_by_zero(backend, covariance_type, dtype):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((50, 3)).astype(dtype)
    X[:, 1] = 0.1
    model = GaussianAnomalyDetector(covariance_type=covariance_type, backend=backend).fit(X)
    assert model.var_[1] == model.epsilon_ > 0
    scores = model.score_samples(X)
    expected = multivariate_normal.logpdf(
        X[:, ::2].astype("f8"), model.location_[::2], model.covariance_[::2, ::2]
    )
    # Beside the other features it adds the same to every row: log 1/√(2π ε).
    expected = expected - np.log(2 * np.pi * model.epsilon_) / 2
    np.testing.assert_allclose(scores, expected, rtol=1e-9 if dtype == "f8" else 2e-5)
    moved = X.copy()
    moved[0, 1] += 0.01
    assert model.predict(moved)[0] == -1


@each_type
def test_nothing_but_constants(covariance_type):
    X = np.full((6, 2), 7.0)
    model = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X)
    assert model.epsilon_ == 1e-9
    assert np.isfinite(model.score_samples(X)).all()
    assert model.predict([[7.0, 7.0], [7.0, 8.0]]).tolist() == [1, -1]
    alone = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X[:1])
    assert alone.predict(X).tolist() == [1] * 6


@each_type
def test_without_a_floor_what_is_singular_is_an_error_and_nothing_is_stored(covariance_type):
    X = np.array([[0.0, 1], [1, 1], [2, 1]])
    model = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X)
    before = model.score_samples(X)
    with pytest.raises(ValueError, match="var_smoothing"):
        model.set_params(var_smoothing=0).fit(X * 2)
    np.testing.assert_array_equal(model.score_samples(X), before)


@pytest.mark.parametrize("name", ["numpy", "numpy-generic", "numba"])
def test_fewer_rows_than_features_with_a_full_covariance(name):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((20, 100))
    model = GaussianAnomalyDetector(
        covariance_type="full", var_smoothing=1e-4, backend=CASES[name].make()
    ).fit(X)
    assert np.linalg.matrix_rank(np.cov(X.T)) == 19
    expected = multivariate_normal.logpdf(X, model.location_, model.covariance_)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-9)
    # The floor of the default is enough too, and what leaves the rows' own space is far away.
    default = GaussianAnomalyDetector(covariance_type="full").fit(X)
    assert np.isfinite(default.score_samples(X)).all()
    assert (default.score_samples(rng.standard_normal((5, 100))) < -1e6).all()


@each_type
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_data_far_from_the_origin(covariance_type, dtype):
    rng = np.random.default_rng(3)
    X = (1e6 + rng.standard_normal((2000, 2))).astype(dtype)
    model = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X)
    exact = X.astype(np.longdouble)
    np.testing.assert_allclose(model.var_, exact.var(axis=0).astype("f8"), rtol=1e-8)
    expected = multivariate_normal.logpdf(X.astype("f8"), model.location_, model.covariance_)
    found = model.score_samples(X)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "f4" else 1e-9)


matrices = st.integers(2, 12).flatmap(
    lambda n: st.lists(
        st.tuples(*[st.floats(-100, 100)] * 3, st.integers(1, 3)), min_size=n, max_size=n
    )
)


@given(matrices, st.integers(1, 11), st.sampled_from(TYPES), st.booleans())
@settings(deadline=None)
def test_parts_are_fitted_as_one(rows, cut, covariance_type, is_weighted):
    data = np.array(rows)
    X, weights = data[:, :3], data[:, 3] if is_weighted else None
    cut = min(cut, len(X) - 1)
    whole = GaussianAnomalyDetector(covariance_type=covariance_type, var_smoothing=1e-2)
    parts = clone(whole)
    whole.fit(X, None, weights)
    for part in (slice(None, cut), slice(cut, None)):
        parts.partial_fit(X[part], None, weights[part] if is_weighted else None)
    scale = max(1.0, np.abs(whole.covariance_).max())
    np.testing.assert_allclose(parts.location_, whole.location_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(parts.covariance_, whole.covariance_, atol=1e-12 * scale)
    assert parts.n_samples_seen_ == whole.n_samples_seen_ == len(X)
    assert parts.weight_sum_ == whole.weight_sum_
    np.testing.assert_allclose(parts.offset_, whole.offset_, rtol=1e-9, atol=1e-9)


@each_type
def test_partial_fit_on_every_backend(backend, covariance_type):
    X = table("wine")[0] + 100
    weights = np.random.default_rng(4).random(len(X))
    whole = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X, None, weights)
    model = GaussianAnomalyDetector(covariance_type=covariance_type, backend=backend)
    for part in np.split(np.arange(len(X)), [89]):
        model.partial_fit(X[part], sample_weight=weights[part])
    np.testing.assert_allclose(model.location_, whole.location_, rtol=1e-13)
    np.testing.assert_allclose(model.covariance_, whole.covariance_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.score_samples(X), whole.score_samples(X), rtol=1e-10)


def test_partial_fit_refuses_what_it_cannot_do():
    X = np.random.default_rng(5).standard_normal((20, 3))
    model = GaussianAnomalyDetector(contamination=0.1)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit") as caught:
        model.partial_fit(X)
    assert "contamination=0.1 needs the scores of all" in str(caught.value.__cause__)
    model = GaussianAnomalyDetector().partial_fit(X)
    with pytest.raises(ValueError, match="covariance_type='full', but the rows seen so far"):
        model.set_params(covariance_type="full").partial_fit(X)
    with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 3"):
        model.set_params(covariance_type="diag").partial_fit(X[:, :2])
    assert model.n_samples_seen_ == 20


BAD_INPUT = [
    ({}, [[np.nan], [1.0]], "Input X contains NaN"),
    ({}, [[np.inf], [1.0]], "Input X contains infinity"),
    ({}, [1.0, 2.0], "Expected 2D array, got 1D array"),
    ({}, np.zeros((0, 2)), "0 sample"),
    ({}, np.zeros((2, 0)), "0 feature"),
    ({"covariance_type": "tied"}, [[0.0], [1.0]], "'covariance_type' parameter"),
    ({"contamination": 0}, [[0.0], [1.0]], "'contamination' parameter"),
    ({"contamination": 0.6}, [[0.0], [1.0]], "'contamination' parameter"),
    ({"var_smoothing": -1}, [[0.0], [1.0]], "'var_smoothing' parameter"),
    ({}, [[1e200], [-1e200]], "variance of X is not finite"),
]


@pytest.mark.parametrize(("parameters", "X", "message"), BAD_INPUT)
def test_bad_input(parameters, X, message):
    methods = ("fit", "partial_fit") if "contamination" not in parameters else ("fit",)
    for method in methods:
        with pytest.raises(ValueError, match=message):
            getattr(GaussianAnomalyDetector(**parameters), method)(X)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0], "sample_weight"), ([-1.0, 1.0], "negative"), ([0.0, 0.0], "must contain at least"),
     ([np.nan, 1.0], "sample_weight contains NaN")],
)  # fmt: skip
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        GaussianAnomalyDetector().fit([[0.0], [1.0]], sample_weight=weights)


def test_an_overflow_is_a_divergence_on_every_backend(backend):
    with pytest.raises(DivergenceError, match="Scale the features"):
        GaussianAnomalyDetector(backend=backend).fit([[1e200], [-1e200], [0.0]])


def test_not_fitted():
    for method in ("predict", "score_samples", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(GaussianAnomalyDetector(), method)([[1.0]])
    with pytest.raises(NotFittedError):
        GaussianAnomalyDetector().select_threshold([[1.0]], [1])
    assert not hasattr(GaussianAnomalyDetector(), "covariance_")
    assert not hasattr(GaussianAnomalyDetector(), "var_")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_what_is_not_finite_is_refused_by_its_name(backend, covariance_type, bad):
    X = np.random.default_rng(0).standard_normal((50, 3))
    model = GaussianAnomalyDetector(covariance_type=covariance_type, backend=backend).fit(X)
    before = model.location_.copy()
    broken = X.copy()
    broken[7, 1] = bad
    for weights in (None, np.arange(50.0) != 7):  # a row without weight counts here, too
        with pytest.raises(ValueError, match="Input X contains"):
            model.fit(broken, sample_weight=weights)
    with pytest.raises(ValueError, match="Input X contains"):
        model.score_samples(broken)
    np.testing.assert_array_equal(model.location_, before)
