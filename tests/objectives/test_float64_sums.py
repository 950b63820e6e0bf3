"""Values are summed in float64 whatever the data is, and divided by the weight that there is.

4096² = 2²⁴ is where float32 ends counting: ones that are added to it one by one are lost.
"""

import numpy as np
import pytest

from accelml.objectives import linear_classifier, squared_error
from accelml.objectives.linear_classifier import Linear, LinearClassifier
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.objectives.squared_error import SquaredError
from accelml.tree import tree_map

COLUMN = np.array([[4096], [1], [1], [1]], np.float32)
EXACT = 2.0**24 + 3
FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")


def value_of(backend, objective, params, data):
    with backend.context():
        value, _ = objective(backend, *tree_map(backend.asarray, (params, data)))
        assert value.dtype == backend.xp.float64
        return float(value)


def rows_of(X, labels, weights, penalty):
    """The tuple that ``Rows`` of either linear objective is."""
    center = np.zeros(X.shape[1], np.float32)
    return X, labels, weights, center, np.asarray(penalty), np.asarray(weights.sum(dtype="f8"))


@FAST
def test_the_penalty_of_a_linear_classifier(backend):
    rows = rows_of(np.zeros((2, 4), "f4"), np.array([0, 1], "i4"), np.ones(2, "f4"), 2.0)
    params = Linear(COLUMN, np.zeros(1, "f4"))
    found = value_of(backend, LinearClassifier("logistic"), params, linear_classifier.Rows(*rows))
    assert found == pytest.approx(np.log(2) + EXACT, rel=1e-9)


@FAST
def test_the_penalty_and_the_residuals_of_least_squares(backend):
    X, ones = np.zeros((4, 4), "f4"), np.ones(4, "f4")
    params = Linear(COLUMN, np.zeros(1, "f4"))
    rows = squared_error.Rows(*rows_of(X, -COLUMN, ones, [8.0]))
    # Residuals and weights are the same column, divided by 2 · 4.
    assert value_of(backend, SquaredError(), params, rows) == (EXACT + 8 * EXACT) / 8


@FAST
def test_the_penalty_the_residuals_and_the_weight_of_a_perceptron(backend):
    objective = MultilayerPerceptron("relu", "identity")
    X, ones = np.zeros((4, 4), "f4"), np.ones(4, "f4")
    nothing = Layer(np.zeros((4, 1), "f4"), np.zeros(1, "f4"))

    def of(layer, batch, alpha):
        return value_of(backend, objective, (layer,), (batch, np.asarray(alpha)))

    assert of(nothing._replace(weights=COLUMN), Batch(X, 0 * COLUMN, ones), 8.0) == EXACT
    assert of(nothing, Batch(X, COLUMN, ones), 0.0) == EXACT / 8
    # Each row errs by √2, so that half its square is 1, less the rounding of √2.
    heavy = Batch(X, np.full((4, 1), np.sqrt(2), "f4"), COLUMN[:, 0] ** 2)
    assert of(nothing, heavy, 0.0) == pytest.approx(1.0, rel=2e-7)
    assert of(nothing._replace(weights=COLUMN), Batch(X, 0 * COLUMN, COLUMN[:, 0] ** 2), 2.0) == 1


@FAST
@pytest.mark.parametrize("scale", [1e-3, 0.5, 40.0])
def test_a_batch_counts_by_its_shares(backend, scale):
    """The mean does not depend on the unit of the weights."""
    rng = np.random.default_rng(2)
    X, labels = rng.standard_normal((5, 3)), np.array([0, 1, 1, 0, 1], np.int32)
    shares = np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    params = (Layer(rng.standard_normal((3, 2)), rng.standard_normal(2)),)
    logarithms = -np.logaddexp(0, -np.diff(X @ params[0].weights + params[0].bias)[:, 0])
    logarithms = np.where(labels, logarithms, logarithms - np.diff(
        X @ params[0].weights + params[0].bias)[:, 0])  # fmt: skip
    batch = Batch(X, labels, scale * shares)
    found = value_of(backend, MultilayerPerceptron(), params, (batch, np.asarray(0.0)))
    assert found == pytest.approx(-shares @ logarithms, rel=1e-12)
