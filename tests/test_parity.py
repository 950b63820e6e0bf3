"""The same seed gives the same training on every backend, and the real work is done right.

How far two backends may be apart is ``accelml.testing.TOLERANCES``, which ``docs/tolerances.md`` is
made of and which third-party plug-ins are held to; a few tests here ask for more.
"""

import functools

import numpy as np
import pytest

from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from accelml.testing.estimators import WORK, Work, check_agrees, frozen
from tests.backends import CASES, problem
from tests.data import digits, mnist, table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

REAL = ("numpy", "numba", "jax", "jax-gpu", "cupy")


@functools.cache
def images(dtype):
    """5,000 MNIST images and their digits."""
    X, y, _, _ = mnist()
    return frozen(X[:5000].astype(dtype)), frozen(y[:5000].copy())


@functools.cache
def pooled(dtype):
    """The same, in 7 x 7 pixels: a polynomial of all 784 would have 300,000 columns."""
    X, y = images(dtype)
    small = X.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)
    return frozen(np.ascontiguousarray(small, dtype)), y


@functools.cache
def numbers(dtype):
    """The images, and their digits as numbers to regress on."""
    X, y = images(dtype)
    return X, frozen(y.astype(dtype))


NETWORK = {"hidden_layer_sizes": 32, "random_state": 0, "max_iter": 2, "batch_size": 100}
CLUSTERS = {"n_clusters": 10, "random_state": 0}
ON_MNIST = (
    Work("StandardScaler", "preprocessing", {}, images),
    Work("PolynomialFeatures", "preprocessing", {}, pooled),
    Work("SinusoidFeatures", "preprocessing", {"degree": 2}, images),
    Work("LinearRegression", "linear_model", {}, numbers),
    Work("LinearRegression", "linear_model", {"solver": "gd", "max_iter": 50}, numbers),
    Work("Ridge", "linear_model", {"alpha": 2.0}, numbers),
    Work("LogisticRegression", "linear_model", {"solver": "lbfgs", "max_iter": 20}, images),
    Work("LogisticRegression", "linear_model", {"solver": "cg", "max_iter": 20}, images),
    Work("LogisticRegression", "linear_model", {"solver": "gd", "max_iter": 20}, images),
    Work("LogisticRegression", "linear_model", {"multi_class": "ovr", "max_iter": 8}, images),
    Work("MLPClassifier", "neural_network", {"solver": "adam", **NETWORK}, images),
    Work("MLPClassifier", "neural_network", {"solver": "sgd", **NETWORK}, images),
    Work("MLPClassifier", "neural_network", {**NETWORK, "solver": "lbfgs", "max_iter": 8}, images),
    Work("MLPRegressor", "neural_network", NETWORK, numbers),
    Work("KMeans", "cluster", {"max_iter": 30, **CLUSTERS}, images),
    Work("MiniBatchKMeans", "cluster", {"max_iter": 3, "batch_size": 500, **CLUSTERS}, images),
    Work("GaussianAnomalyDetector", "anomaly", {"covariance_type": "diag"}, images),
    Work("GaussianAnomalyDetector", "anomaly", {"covariance_type": "full"}, images),
)

each_dtype = pytest.mark.parametrize("dtype", [np.dtype("float64"), np.dtype("float32")], ids=str)


@each_dtype
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.label)
@pytest.mark.backends(*REAL, "numpy-readonly", "array-api-strict")
def test_every_estimator_agrees_on_tables(backend, work, dtype):
    check_agrees(backend, work, dtype, {})


@each_dtype
@pytest.mark.mnist
@pytest.mark.parametrize("work", ON_MNIST, ids=lambda work: work.label)
@pytest.mark.backends(*REAL)
def test_every_estimator_agrees_on_mnist(backend, work, dtype):
    check_agrees(backend, work, dtype, {})


def test_every_estimator_is_compared():
    assert {work.name for work in ON_MNIST} == {work.name for work in WORK}


# Kept here and not in fixtures: pytest runs all modules for one backend before the next, and so
# would set up a fixture of the module once for each.
KNOWN = {}
MNIST_RUNS = {}


@pytest.fixture
def reference():
    """What the generic bodies give on NumPy, by what was trained."""

    def train(name, make):
        if name not in KNOWN:
            KNOWN[name] = make(CASES["numpy-generic"].make())
        return KNOWN[name]

    return train


@pytest.mark.parametrize("solver", ["adam", "sgd", "gd"])
def test_perceptron_float64_agrees_to_1e_9_over_ten_steps(backend, reference, solver):
    X, y = digits()
    X, y = X[:320], y[:320]

    def train(backend):
        # Ten batches of 32 are the first ten steps.
        return MLPClassifier(
            (16, 8), solver=solver, batch_size=32, max_iter=1 if solver != "gd" else 10,
            random_state=0, alpha=0.1, learning_rate_init=0.01, backend=backend,
        ).fit(X, y)  # fmt: skip

    expected, model = reference(f"mlp {solver}", train), train(backend)
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-9)
    for mine, theirs in zip(model.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
def test_perceptron_float32_agrees_to_1e_3_after_an_epoch(backend, reference, activation):
    X, y = digits("float32")

    def train(backend):
        return MLPClassifier(
            32, activation=activation, batch_size=64, max_iter=1, random_state=0, backend=backend
        ).fit(X, y)

    expected, model = reference(f"mlp f4 {activation}", train), train(backend)
    assert model.coefs_[0].dtype == np.float32
    np.testing.assert_allclose(model.loss_, expected.loss_, rtol=1e-5)
    agree = np.mean(model.predict(X) == expected.predict(X))
    assert agree > 0.995


def test_perceptron_with_early_stopping_and_two_classes(backend, reference):
    X, y = table("breast_cancer")

    def train(backend):
        return MLPClassifier(
            8, early_stopping=True, max_iter=10, random_state=0, backend=backend
        ).fit(X, y)

    expected, model = reference("mlp binary", train), train(backend)
    np.testing.assert_allclose(model.validation_scores_, expected.validation_scores_)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-9)


def test_inputs_are_left_alone(backend):
    X, y = digits("float32")
    X, y = X[:200].copy(), y[:200].copy()
    kept = X.copy(), y.copy()
    for model in (LogisticRegression(max_iter=3), MLPClassifier(4, max_iter=2)):
        model.set_params(backend=backend).fit(X, y, np.ones(len(y)))
        model.predict(X)
        np.testing.assert_array_equal(X, kept[0])
        np.testing.assert_array_equal(y, kept[1])


@pytest.mark.mnist
def test_perceptron_float64_agrees_to_1e_9_over_ten_steps_on_mnist(backend, reference):
    X, y, _, _ = mnist()
    X, y = X[:1280].astype(np.float64), y[:1280]

    def train(backend):
        return MLPClassifier(256, batch_size=128, max_iter=1, random_state=0, backend=backend).fit(
            X, y
        )

    expected, model = reference("mlp mnist f8", train), train(backend)
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-9, atol=1e-12)


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.backends(*REAL)
def test_perceptron_on_mnist(backend):
    """784-256-10, batches of 128, ten epochs: at least 97.7 %, and within 0.3 points."""
    X, y, X_test, y_test = mnist()
    model = MLPClassifier(256, batch_size=128, max_iter=10, random_state=0, backend=backend)
    model.fit(X, y)
    score = model.score(X_test, y_test)
    MNIST_RUNS[f"{backend.name} {backend.device}"] = score, model.loss_curve_[0]
    assert score >= 0.977
    scores, first_losses = zip(*MNIST_RUNS.values(), strict=True)
    assert max(scores) - min(scores) <= 0.003
    np.testing.assert_allclose(first_losses, first_losses[0], rtol=1e-3)


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.backends(*REAL)
def test_logistic_regression_on_mnist(backend):
    """C=1, inputs in [0, 1]: at least 92.4 %."""
    X, y, X_test, y_test = mnist()
    model = LogisticRegression(max_iter=1000, backend=backend).fit(X, y)
    assert model.n_iter_[0] < 1000
    assert model.score(X_test, y_test) >= 0.924


def first_images():
    """So few that scikit-learn converges in seconds."""
    X, y, _, _ = mnist()
    return X[:10_000], y[:10_000]


@functools.cache
def scikit_learns_loss():
    """scikit-learn's own loss on the first images at tol=1e-5."""
    from sklearn.linear_model import LogisticRegression as Reference

    X, y = first_images()
    return objective(Reference(tol=1e-5, max_iter=3000).fit(X, y), X, y)


def objective(model, X, y):
    scores = X @ model.coef_.T.astype(np.float64) + model.intercept_
    scores -= scores.max(axis=1, keepdims=True)
    log_likelihood = scores[np.arange(len(y)), y] - np.log(np.exp(scores).sum(axis=1))
    return -log_likelihood.mean() + (model.coef_.astype(np.float64) ** 2).sum() / 2 / len(y)


@pytest.mark.mnist
@pytest.mark.backends(*REAL)
def test_logistic_regression_has_scikit_learns_loss_on_mnist(backend):
    """At the same tolerance."""
    X, y = first_images()
    model = LogisticRegression(tol=1e-5, max_iter=1000, backend=backend).fit(X, y)
    assert model.n_iter_[0] < 1000
    assert objective(model, X, y) == pytest.approx(scikit_learns_loss(), rel=1e-4)


def test_every_backend_of_the_real_work_is_in_the_table():
    assert set(REAL) <= set(CASES)
    assert not problem("numpy")
