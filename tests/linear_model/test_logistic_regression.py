"""Logistic regression against scikit-learn's, and what users get wrong."""

import warnings

import numpy as np
import pytest
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.multiclass import OneVsRestClassifier

from accelml.exceptions import DivergenceError, TrainingInterrupted
from accelml.linear_model import LogisticRegression
from tests.data import digits, table

SOLVERS = ["lbfgs", "cg"]
TIGHT = {"tol": 4e-9, "max_iter": 10_000}


def problems():
    X, y = table("wine")
    weights = np.random.default_rng(0).uniform(0, 2, len(y))
    yield "wine", X, y, None
    yield "wine, weighted", X, y, weights
    X, y = table("breast_cancer")
    yield "breast cancer", X, y, None
    X, y = table("iris")
    yield "iris, text labels", X, np.array(["setosa", "versicolor", "virginica"])[y], None
    yield "iris, far from the origin", X + 30, y, None


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name_X_y_w", list(problems()), ids=lambda problem: problem[0])
def test_coefficients_are_those_of_scikit_learn(name_X_y_w, solver):
    name, X, y, weights = name_X_y_w
    # Far from the origin the reference needs Newton steps to arrive at all.
    reference = Reference(tol=1e-10, max_iter=10_000, solver="newton-cg").fit(X, y, weights)
    # And rounding may leave no more than this there, by luck.
    settings = TIGHT | ({"tol": 5 * TIGHT["tol"]} if "far" in name else {})
    model = LogisticRegression(solver=solver, **settings).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-7)
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))
    assert model.classes_.tolist() == reference.classes_.tolist()


@pytest.mark.parametrize("C", [1e-3, 10.0, np.inf])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_penalty_and_intercept(C, fit_intercept):
    X, y = table("iris")
    rng = np.random.default_rng(0)
    y = np.where(rng.random(len(y)) < 0.2, rng.integers(0, 3, len(y)), y)  # not separable
    reference = Reference(C=C, fit_intercept=fit_intercept, tol=1e-10, max_iter=10_000).fit(X, y)
    model = LogisticRegression(C=C, fit_intercept=fit_intercept, **TIGHT).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-5)
    assert (model.intercept_ == 0).all() != fit_intercept


def test_class_weight():
    X, y = table("breast_cancer")
    for class_weight in ({0: 3.0, 1: 0.5}, "balanced"):
        reference = Reference(class_weight=class_weight, tol=1e-10, max_iter=10_000).fit(X, y)
        model = LogisticRegression(class_weight=class_weight, **TIGHT).fit(X, y)
        np.testing.assert_allclose(model.coef_, reference.coef_, atol=1e-5)


def test_one_against_the_rest_is_that():
    X, y = table("wine")
    reference = OneVsRestClassifier(Reference(tol=1e-10, max_iter=10_000)).fit(X, y)
    model = LogisticRegression(multi_class="ovr", **TIGHT).fit(X, y)
    expected = np.concatenate([part.coef_ for part in reference.estimators_])
    np.testing.assert_allclose(model.coef_, expected, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-6)
    assert model.n_iter_.shape == (3,)
    assert [len(curve) for curve in model.loss_curve_] == model.n_iter_.tolist()


def test_gradient_descent_arrives_too():
    X, y = table("wine")
    best = LogisticRegression(**TIGHT).fit(X, y)
    model = LogisticRegression(solver="gd", tol=1e-6, max_iter=20_000).fit(X, y)
    np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-3)
    assert (np.diff(model.loss_curve_) <= 1e-12).all()


def test_gradient_descent_takes_a_learning_rate_and_says_when_it_is_too_large():
    X, y = table("wine")
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(solver="gd", learning_rate=0.01, max_iter=7).fit(X, y)
    assert model.n_iter_ == [7]
    with pytest.raises(DivergenceError, match=r"not finite.*learning_rate"):
        LogisticRegression(solver="gd", learning_rate=1e300, max_iter=50).fit(X * 1e10, y)


@pytest.mark.parametrize("multi_class", ["multinomial", "ovr"])
@pytest.mark.parametrize("solver", ["lbfgs", "cg", "gd"])
def test_the_iteration_limit_is_a_warning(solver, multi_class):
    X, y = digits()
    with pytest.warns(ConvergenceWarning, match="max_iter=3") as caught:
        model = LogisticRegression(solver=solver, max_iter=3, multi_class=multi_class).fit(X, y)
    assert (model.n_iter_ == 3).all()
    assert model.score(X, y) > 0.7
    assert caught[0].filename == __file__


def test_loss_curve_descends_to_the_objective():
    X, y = digits()
    model = LogisticRegression(**TIGHT).fit(X, y)
    rows = np.arange(len(y))
    loss = -np.log(model.predict_proba(X)[rows, y]).mean() + (model.coef_**2).sum() / 2 / len(y)
    assert model.loss_curve_[-1] == pytest.approx(loss, rel=1e-9)
    assert len(model.loss_curve_) == model.n_iter_[0]
    assert (np.diff(model.loss_curve_) <= 0).all()


def test_warm_start_goes_on():
    X, y = digits()
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(warm_start=True, max_iter=5).fit(X, y)
    first = model.loss_curve_[-1]
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    assert model.loss_curve_[0] < first
    converged = LogisticRegression(warm_start=True, tol=1e-5, max_iter=500).fit(X, y)
    assert converged.fit(X, y).n_iter_[0] <= 1
    other = converged.fit(X, y % 3)  # other classes: starts anew
    assert other.coef_.shape == (3, 64)


def test_dtype_follows_X():
    X, y = table("iris")
    for dtype, expected in [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("f2", "f8")]:
        model = LogisticRegression().fit(X.astype(dtype), y)
        assert model.coef_.dtype == expected
        assert model.intercept_.dtype == expected
        assert model.predict_proba(X.astype(dtype)).dtype == expected


def test_float32_and_read_only_and_fortran_order_agree():
    X, y = digits()
    best = LogisticRegression(max_iter=500).fit(X, y)
    single = X.astype("f4")
    single.flags.writeable = False
    for variant in (single, np.asfortranarray(X), X[::-1][::-1]):
        model = LogisticRegression(max_iter=500).fit(variant, y)
        np.testing.assert_allclose(model.predict_proba(X), best.predict_proba(X), atol=5e-3)


def test_log_probabilities_and_decision_function():
    X, y = table("breast_cancer")
    model = LogisticRegression().fit(X, y)
    scores = model.decision_function(X)
    assert scores.shape == (len(y),)
    np.testing.assert_array_equal(model.predict(X), (scores > 0).astype(int))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_the_less_likely_answer_has_its_digits():
    X, y = table("breast_cancer")
    model = LogisticRegression().fit(X, y)
    far = X[:1] + np.array([[-3.0], [0.0], [3.0]]) * np.sign(model.coef_) * 100
    scores = model.decision_function(far)
    assert scores[0] < -40  # 1 less the other is 0
    assert scores[2] > 40
    expected = np.stack([expit(-scores), expit(scores)], axis=1)
    np.testing.assert_allclose(model.predict_proba(far), expected, rtol=1e-12)


@pytest.mark.parametrize("multi_class", ["multinomial", "ovr"])
def test_ctrl_c_leaves_the_best_so_far(monkeypatch, multi_class):
    X, y = digits()
    seen = []

    class Bar:
        def __enter__(self):
            return self.update

        def __exit__(self, *exception):
            return False

        def update(self, iteration, **figures):
            seen.append(figures["loss"])
            if len(seen) == 2:
                raise KeyboardInterrupt

    # Ctrl-C arrives where a real one is noticed: between two compiled steps.
    monkeypatch.setattr(
        "accelml.linear_model.logistic_regression.progress_bar", lambda *a, **k: Bar()
    )
    with pytest.warns(TrainingInterrupted, match="best found so far"):
        model = LogisticRegression(max_iter=1000, multi_class=multi_class, tol=0).fit(X, y)
    assert model.coef_.shape == (10, 64)
    assert model.predict(X).shape == y.shape
    if multi_class == "multinomial":
        assert model.n_iter_ == [20]
        assert model.score(X, y) > 0.95


BAD_INPUT = [
    ({}, [[np.nan], [1.0]], [0, 1], "Input X contains NaN"),
    ({}, [[np.inf], [1.0]], [0, 1], "Input X contains infinity"),
    ({}, [1.0, 2.0], [0, 1], "Expected 2D array, got 1D array"),
    ({}, np.zeros((2, 2, 2)), [0, 1], "Found array with dim 3"),
    ({}, np.zeros((0, 2)), [], "0 sample"),
    ({}, np.zeros((2, 0)), [0, 1], "0 feature"),
    ({}, [[0.0], [1.0]], [1, 1], "y has one class only"),
    ({}, [[0.0], [1.0]], [0, 1, 1], "inconsistent numbers of samples: X has 2 rows and y has 3"),
    ({}, [[0.0], [1.0]], None, "requires y"),
    ({}, [[0.0], [1.0]], [0.0, np.nan], "Input y contains NaN"),
    ({}, [[0.0], [1.0]], [0.5, 0.7], "Unknown label type"),
    ({"C": -1}, [[0.0], [1.0]], [0, 1], "'C' parameter"),
    ({"tol": -1}, [[0.0], [1.0]], [0, 1], "'tol' parameter"),
    ({"max_iter": -1}, [[0.0], [1.0]], [0, 1], "'max_iter' parameter"),
    ({"solver": "newton"}, [[0.0], [1.0]], [0, 1], "'solver' parameter"),
    ({"solver": "gd", "learning_rate": -1}, [[0.0], [1.0]], [0, 1], "'learning_rate' parameter"),
]


@pytest.mark.parametrize(("parameters", "X", "y", "message"), BAD_INPUT)
def test_bad_input(parameters, X, y, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**parameters).fit(X, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0], "sample_weight"), ([-1.0, 1.0], "negative"), ([0.0, 0.0], r"(?i)sample.weight"),
     ([np.nan, 1.0], "sample_weight contains NaN")],
)  # fmt: skip
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression().fit([[0.0], [1.0]], [0, 1], sample_weight=weights)


def test_the_number_of_features_is_remembered():
    model = LogisticRegression().fit(np.eye(3), [0, 1, 1])
    with pytest.raises(ValueError, match="X has 2 features, but LogisticRegression is expecting 3"):
        model.predict(np.zeros((1, 2)))


def test_no_warning_when_it_converges():
    X, y = table("wine")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogisticRegression().fit(X, y)


def test_a_fit_that_fails_changes_nothing():
    X, y = table("wine")
    model = LogisticRegression().fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="one class only"):
        model.fit(X, np.zeros(len(y)))
    np.testing.assert_array_equal(model.predict(X), before)
