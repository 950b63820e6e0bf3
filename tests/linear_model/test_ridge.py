"""Ridge regression against scikit-learn's, and the bias that it must leave alone."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.linalg
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge as Reference
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.linear_model import LinearRegression, Ridge
from tests.backends import problem
from tests.linear_model.test_linear_regression import HARD, TABLES, centered, data
from tests.test_recompilation import compilations

DIRECT = ["auto", "cholesky", "svd"]


@pytest.mark.parametrize("solver", DIRECT)
@pytest.mark.parametrize("targets", ["one", "several"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", TABLES + HARD)
def test_coefficients_are_those_of_scikit_learn(name, fit_intercept, weighted, targets, solver):
    X, y = data(name)
    rng = np.random.default_rng(1)
    weights = rng.uniform(0, 2, len(y)) if weighted else None
    alpha = 0.3
    if targets == "several":
        y = np.column_stack([y, y**2, rng.standard_normal(len(y))])
        alpha = [1e-3, 2.0, 50.0]
    model = Ridge(alpha, fit_intercept=fit_intercept, solver=solver).fit(X, y, weights)
    reference = Reference(alpha, fit_intercept=fit_intercept, solver="svd").fit(X, y, weights)
    scale = np.abs(reference.coef_).max()
    np.testing.assert_allclose(model.coef_ / scale, reference.coef_ / scale, rtol=0, atol=1e-8)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(model.predict(X), reference.predict(X), rtol=1e-6, atol=1e-6)
    assert model.score(X, y) == pytest.approx(reference.score(X, y), abs=1e-8)


@pytest.mark.parametrize("solver", DIRECT)
def test_the_penalty_is_of_the_weights_alone(solver):
    """The augmented rows √α I, of target 0, with the column of ones left out of them."""
    X, y = data("diabetes")
    alpha, d = 0.7, X.shape[1]
    A = np.vstack([np.column_stack([np.ones(len(y)), X]),
                   np.column_stack([np.zeros(d), np.sqrt(alpha) * np.eye(d)])])  # fmt: skip
    expected = scipy.linalg.lstsq(A, np.concatenate([y, np.zeros(d)]))[0]
    model = Ridge(alpha, solver=solver).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected[1:], rtol=1e-10)
    np.testing.assert_allclose(model.intercept_, expected[0], rtol=1e-10)


def test_an_enormous_penalty_leaves_the_mean():
    X, y = data("diabetes")
    weights = np.random.default_rng(0).random(len(y))
    for solver in DIRECT:
        model = Ridge(1e20, solver=solver).fit(X, y, weights)
        assert np.abs(model.coef_).max() < 1e-14
        assert model.intercept_ == pytest.approx(np.average(y, weights=weights), rel=1e-12)


@pytest.mark.parametrize("name", ["diabetes", "rank-deficient", "fewer rows than columns"])
def test_without_penalty_it_is_least_squares(name):
    X, y = data(name)
    ridge, plain = Ridge(0.0).fit(X, y), LinearRegression(tol=1e-12).fit(X, y)
    np.testing.assert_allclose(ridge.coef_, plain.coef_, rtol=1e-9, atol=1e-12)
    assert ridge.rank_ == plain.rank_
    np.testing.assert_allclose(ridge.singular_, plain.singular_)
    # One target penalised and one not, of one decomposition.
    mixed = Ridge([0.0, 2.0]).fit(X, np.column_stack([y, y]))
    np.testing.assert_allclose(mixed.coef_[0], plain.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mixed.coef_[1], Ridge(2.0).fit(X, y).coef_, rtol=1e-9, atol=1e-12)


def test_a_small_penalty_on_collinear_data_keeps_its_digits():
    """The normal equations alone would have an error of about 1 here."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 3))
    X[:, 2] = X[:, 1] + 1e-9 * X[:, 2]
    y = X[:, 0] + X[:, 1] + rng.standard_normal(100)
    alpha = 1e-13
    model = Ridge(alpha).fit(X, y)
    assert model.solver_ == "svd"
    x, z, _ = centered(X, y, None, True)
    U, s, Vt = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    expected = Vt.T @ (s / (s * s + alpha) * (U.T @ z))
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-5)


def test_one_step_does_not_shrink_the_bias(backend):
    """Two steps from zero by hand, with λ on the weights and never on the bias."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)) + np.array([5, 0, -2]), rng.standard_normal(20) + 7
    rate, alpha, m = 0.01, 500.0, 20
    W, b = np.zeros(3), 0.0
    for _ in range(2):
        residual = X @ W + b - y
        W, b = W - rate * (X.T @ residual + alpha * W) / m, b - rate * residual.mean()
    model = Ridge(alpha, solver="gd", learning_rate=rate, max_iter=2, backend=backend)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    np.testing.assert_allclose(model.coef_, W, rtol=1e-12)
    assert model.intercept_ == pytest.approx(b, rel=1e-12)
    cost = (((X @ W + b - y) ** 2).sum() + alpha * (W**2).sum()) / (2 * m)
    assert model.loss_curve_[-1] == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize("solver", ["gd", "cg", "lbfgs"])
def test_iterative_solvers_arrive(solver):
    rng = np.random.default_rng(0)
    X, weights = rng.standard_normal((60, 3)) + 4, rng.random(60)
    y = X @ rng.standard_normal((3, 2)) + rng.standard_normal((60, 2))
    for alpha in (2.0, [0.0, 30.0]):
        for fit_intercept in (True, False):
            best = Ridge(alpha, fit_intercept=fit_intercept).fit(X, y, weights)
            model = Ridge(alpha, fit_intercept=fit_intercept, solver=solver, tol=1e-8)
            model.fit(X, y, weights)
            np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-6)
            np.testing.assert_allclose(model.intercept_, best.intercept_, atol=1e-6)
            assert model.solver_ == solver


def test_shapes_are_those_of_scikit_learn():
    X, y = data("iris")
    for target in (y, y[:, None], np.column_stack([y, y])):
        for fit_intercept in (True, False):
            ours, theirs = (
                cls(fit_intercept=fit_intercept).fit(X, target) for cls in (Ridge, Reference)
            )
            assert np.shape(ours.coef_) == np.shape(theirs.coef_)
            assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
            assert ours.predict(X).shape == theirs.predict(X).shape


@pytest.mark.parametrize("solver", ["cholesky", "svd"])
def test_every_backend_agrees(backend, solver):
    X, y = data("iris")
    y = np.column_stack([y, y**2])
    weights = np.random.default_rng(0).random(len(y))
    settings = {"alpha": [0.5, 3.0], "solver": solver}
    expected = Ridge(**settings, backend="numpy").fit(X, y, weights)
    model = Ridge(**settings, backend=backend).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=1e-9)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-9)
    single = Ridge(**settings, backend=backend).fit(X.astype("f4"), y, weights)
    assert single.coef_.dtype == single.predict(X.astype("f4")).dtype == np.float32
    np.testing.assert_allclose(single.coef_, expected.coef_, rtol=1e-4)


@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax") or "JAX")
@pytest.mark.parametrize("settings", [{}, {"solver": "svd"}, {"solver": "gd"}], ids=str)
def test_a_second_fit_compiles_nothing(settings):
    X, y = data("iris")
    X = X - X.mean(axis=0)
    model = Ridge(**settings, backend="jax").fit(X, y)
    model.predict(X)
    with compilations() as events:
        model.set_params(alpha=7.0, tol=1e-3).fit(X[::-1].copy(), 2 * y)
        model.predict(X)
    assert events == []


CHECKED = [Ridge(), Ridge(solver="svd"), Ridge(solver="gd")]
if not problem("numba"):
    CHECKED += [Ridge(backend="numba")]


@parametrize_with_checks(CHECKED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_clone_pickle_and_grid_search():
    X, y = data("diabetes")
    model = Ridge([0.1]).fit(X, y)
    assert clone(model).get_params() == model.get_params()
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X), model.predict(X))
    search = GridSearchCV(Ridge(), {"alpha": [1e-2, 1e6]}).fit(X, y)
    assert search.best_params_ == {"alpha": 1e-2}


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (-1.0, "'alpha' parameter"),
        ([1.0, 2.0, 3.0], "Number of targets and number of penalties do not correspond"),
        ([1.0, -2.0], "must be finite and 0 or more"),
        ([np.nan, 1.0], "must be finite and 0 or more"),
        ("much", "'alpha' parameter"),
    ],
)
def test_bad_alpha(alpha, message):
    X, y = data("iris")
    with pytest.raises(ValueError, match=message):
        Ridge(alpha).fit(X, np.column_stack([y, y]))


def test_scikit_learns_other_solvers_are_refused_by_name():
    with pytest.raises(ValueError, match="'solver' parameter"):
        Ridge(solver="sag").fit(*data("iris"))


def test_no_warning_where_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for solver in (*DIRECT, "cg", "lbfgs"):
            Ridge(solver=solver).fit(*data("iris"))
