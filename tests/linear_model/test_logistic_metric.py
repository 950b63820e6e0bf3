"""The first guess of logistic regression's inverse Hessian."""

import numpy as np
import pytest

from accelml import get_backend
from accelml.datasets import make_digits
from accelml.linear_model import LogisticRegression, logistic_fit, logistic_metric
from accelml.linear_model.logistic_fit import make_rows
from accelml.linear_model.logistic_metric import damped_inverse, metric, rows_to_see
from accelml.objectives.linear_classifier import Linear, LinearClassifier
from accelml.tree import Layout
from tests.data import mnist

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")
rng = np.random.default_rng(4)
X = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 3)) + [5.0, 0.0, -1.0]
WEIGHTS = rng.random(60)


@pytest.mark.parametrize(
    ("n", "d", "classes", "rows"),
    [
        (60_000, 784, 10, 48_979),  # as much arithmetic as some steps have
        (1_000_000, 100, 10, 6_400),  # as many as say enough
        (150, 4, 3, 150),
        (3, 4, 3, 0),  # not enough for a matrix of full rank
        (1_000, 500, 10, 0),  # a matrix as large as half of X
        (60_000, 1_500, 2, 0),  # as many as are worth while say too little
    ],
)
def test_as_many_rows_are_seen_as_are_worth_while(n, d, classes, rows):
    assert rows_to_see(n, d, classes) == rows


@FAST
@pytest.mark.parametrize("loss", ["softmax", "logistic"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_undamped_it_is_the_inverse_of_the_hessian_at_zero(
    backend, loss, fit_intercept, monkeypatch
):
    """The Hessian from differences of the gradient, which is linear so near zero."""
    monkeypatch.setattr(logistic_metric, "OWN", 0.0)
    monkeypatch.setattr(logistic_metric, "COMMON", 0.0)
    objective, classes = LinearClassifier(loss, fit_intercept), 3 if loss == "softmax" else 1
    labels = rng.integers(0, max(2, classes), len(X)).astype(np.int32)
    start = Linear(np.zeros((3, classes)), np.zeros(classes))
    layout = Layout.of(start)
    with backend.context():
        rows = make_rows(
            backend, backend.asarray(X), WEIGHTS, C=0.7, fit_intercept=fit_intercept
        )._replace(labels=backend.asarray(labels))
        found = backend.to_numpy(metric(backend, objective, rows, max(2, classes)))

        def gradient(flat):
            params = layout.unravel(backend.xp, backend.asarray(flat))
            slope = objective(backend, params, rows)[1]
            return backend.to_numpy(layout.ravel(backend.xp, slope))

        step = 1e-4
        size = layout.size
        pairs = [(gradient(step * e), gradient(-step * e)) for e in np.eye(size)]
    hessian = np.array([ahead - behind for ahead, behind in pairs]) / (2 * step)
    # Of the first score with itself; between scores it is the same but for a factor.
    own = hessian.reshape(4, classes, 4, classes)[:, 0, :, 0].copy()
    if loss == "softmax":
        penalty = float(rows.penalty) * np.diag([1.0, 1.0, 1.0, 0.0])
        own = (own - penalty) / (1 - 1 / classes) + penalty
    size = 4 if fit_intercept else 3
    np.testing.assert_allclose(
        np.linalg.inv(own[:size, :size]), found[:size, :size], rtol=1e-5, atol=1e-6
    )


def test_a_covariance_of_zero_or_of_no_number_gives_none():
    assert damped_inverse(np.zeros((2, 2)), 0.25, 0.1) is None
    for lost in (np.nan, np.inf):
        assert damped_inverse(np.array([[lost, 0.0], [0.0, 1.0]]), 0.25, 0.1) is None
    constant = damped_inverse(np.diag([4.0, 0.0]), 0.5, 0.0)  # one feature of two
    np.testing.assert_allclose(constant, np.diag([1 / 2.7, 1 / 0.1, 1 / 0.5]))


def without_it(monkeypatch):
    monkeypatch.setattr(logistic_fit, "metric", lambda *_: ())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("features", ["constant", "far apart in scale"])
def test_awkward_features_are_no_harder_than_without_it(features, monkeypatch):
    data = {
        "constant": np.column_stack([X, np.full(60, 7.0)]),
        "far apart in scale": X * [1e2, 1.0, 1e-2],
    }[features]
    y = rng.integers(0, 3, 60)

    def fitted():
        return LogisticRegression(max_iter=100, tol=1e-7, backend="numpy").fit(data, y)

    with_it = fitted()
    without_it(monkeypatch)
    without = fitted()
    assert with_it.n_iter_[0] < without.n_iter_[0]
    assert with_it.loss_curve_[-1] <= without.loss_curve_[-1] + 1e-9


def test_features_whose_covariance_overflows_do_without():
    backend = get_backend("numpy")
    with backend.context():
        rows = make_rows(backend, X * 1e160, np.ones(60), C=1.0, fit_intercept=True)
        assert metric(backend, LinearClassifier(), rows, 3) == ()


def iterations_saved(X, y, backend, monkeypatch):
    """The share of its iterations that L-BFGS still needs to come within 1e-4 of the lowest."""

    def curve():
        model = LogisticRegression(max_iter=250, tol=1e-6, backend=backend)
        return np.array(model.fit(X, y).loss_curve_)

    with_it = curve()
    without_it(monkeypatch)
    without = curve()
    goal = min(with_it.min(), without.min()) + 1e-4
    return np.argmax(with_it <= goal) / np.argmax(without <= goal)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.backends("numpy", "numba", "jax")
def test_drawn_images_take_fewer_iterations(backend, monkeypatch):
    images, digits = make_digits(6_400, random_state=0)
    coarse = images.reshape(-1, 28, 28)[:, ::2, ::2].reshape(-1, 196)
    assert iterations_saved(coarse.astype(np.float32) / 255, digits, backend, monkeypatch) < 0.8


@pytest.mark.mnist
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_mnist_takes_less_than_half(monkeypatch):
    X, y = mnist()[:2]
    assert iterations_saved(X[:26_000], y[:26_000], "numba", monkeypatch) < 0.5
