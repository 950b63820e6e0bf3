"""Every gradient derived by hand, against gradients that nobody derived."""

from dataclasses import dataclass

import numpy as np
import pytest

from accelml.gradcheck import Problem, autodiff, check_gradients, compare, gradient
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from accelml.objectives.linear_classifier import LinearClassifier
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.selection import available_backends, get_backend
from accelml.tree import tree_map
from tests.backends import CASES

generator = np.random.default_rng(20)
X = generator.standard_normal((13, 4))
LABELS = {"logistic": np.arange(13) % 2, "softmax": np.array(list("abcacbbacabca"))}
SAMPLE_WEIGHT = np.array([0, 1, 2.5, 0.1, 0, 1, 1, 3, 0.5, 0, 7, 1, 0.25])
CLASS_WEIGHT = {"logistic": {0: 0.5, 1: 3.0}, "softmax": {"a": 2.0, "b": 0.0, "c": 0.3}}

HIDDEN = {"none": (), "one": (3,), "two": (4, 3)}
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
WEIGHTINGS = ["unweighted", "sample_weight", "class_weight"]
LINEAR = ["binary", "multinomial", "ovr"]

# One JAX device stands for both: here only the shapes and the formulas matter.
EVERY = pytest.mark.backends(*(name for name in CASES if name != "jax-second-device"))
needs_jax = pytest.mark.skipif("jax" not in available_backends(), reason="JAX is the reference")


def weighting(name, output):
    """Keyword arguments of the estimator and of the check."""
    class_weight = CLASS_WEIGHT[output] if name in {"class_weight", "both"} else None
    sample_weight = SAMPLE_WEIGHT if name in {"sample_weight", "both"} else None
    return {"class_weight": class_weight}, {"sample_weight": sample_weight}


def perceptron_report(backend, hidden, activation, output, alpha, weights, **options):
    ours, check = weighting(weights, output)
    model = MLPClassifier(HIDDEN[hidden], activation, alpha=alpha, **ours)
    return check_gradients(model, X, LABELS[output], backend=backend, **check, **options)


def logistic_report(backend, kind, C, fit_intercept, weights, **options):
    output = "logistic" if kind == "binary" else "softmax"
    ours, check = weighting(weights, output)
    multi_class = "ovr" if kind == "ovr" else "multinomial"
    model = LogisticRegression(C=C, fit_intercept=fit_intercept, multi_class=multi_class, **ours)
    return check_gradients(model, X, LABELS[output], backend=backend, **check, **options)


@needs_jax
@EVERY
@pytest.mark.parametrize(
    ("alpha", "weights"),
    [(0.0, "unweighted"), (0.7, "sample_weight"), (0.7, "class_weight"), (0.0, "both")],
)
@pytest.mark.parametrize("output", ["logistic", "softmax"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_perceptron_against_autodiff(backend, hidden, activation, output, alpha, weights):
    report = perceptron_report(
        backend, hidden, activation, output, alpha, weights, method="jax.grad"
    )
    layers = range(len(HIDDEN[hidden]) + 1)
    expected = [f"layers[{i}].{part}" for i in layers for part in ("weights", "bias")]
    assert [row.name for row in report.rows] == expected
    assert report.tolerance == 1e-7
    assert report.passed, report


@EVERY
@pytest.mark.parametrize("weights", ["unweighted", "both"])
@pytest.mark.parametrize("output", ["logistic", "softmax"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_perceptron_against_differences(backend, hidden, activation, output, weights):
    report = perceptron_report(
        backend, hidden, activation, output, 0.7, weights, method="central differences"
    )
    assert report.tolerance == 1e-5
    assert report.passed, report


@needs_jax
@EVERY
@pytest.mark.parametrize("weights", WEIGHTINGS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.3, np.inf])
@pytest.mark.parametrize("kind", LINEAR)
def test_logistic_regression_against_autodiff(backend, kind, C, fit_intercept, weights):
    report = logistic_report(backend, kind, C, fit_intercept, weights, method="jax.grad")
    assert len(report.rows) == (6 if kind == "ovr" else 2)
    assert report.tolerance == 1e-7
    assert report.passed, report


@EVERY
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.3, np.inf])
@pytest.mark.parametrize("kind", LINEAR)
def test_logistic_regression_against_differences(backend, kind, C, fit_intercept):
    report = logistic_report(backend, kind, C, fit_intercept, "both", method="central differences")
    assert report.tolerance == 1e-5
    assert report.passed, report


@needs_jax
@EVERY
def test_several_questions_at_once_against_autodiff(backend):
    """Labels of shape (n, k), which no estimator passes yet."""
    labels = (generator.random((13, 3)) > 0.5).astype(np.int32)
    params = (
        Layer(generator.standard_normal((4, 2)), generator.standard_normal(2)),
        Layer(generator.standard_normal((2, 3)), generator.standard_normal(3)),
    )
    objective = MultilayerPerceptron("tanh", "logistic")

    def problem(backend):
        data = (Batch(X, labels, SAMPLE_WEIGHT), np.asarray(0.7))
        return Problem("", objective, params, tree_map(backend.asarray, data))

    jax = get_backend("jax", "cpu")
    with backend.context(), jax.context():
        found = tree_map(backend.to_numpy, gradient(backend, problem(backend)))
        rows = compare("", found, autodiff(jax, problem(jax)), 1e-7)
    assert all(row.passed for row in rows), rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_without_weight_leaves_a_finite_gradient(backend, dtype):
    """Rows of weight zero may fill a whole mini-batch."""
    params = (Layer(np.ones((4, 3), dtype), np.ones(3, dtype)),)
    batch = Batch(X.astype(dtype), np.arange(13, dtype=np.int32) % 3, np.zeros(13, dtype))
    with backend.context():
        data = tree_map(backend.asarray, (batch, np.asarray(0.5)))
        on_device = tree_map(backend.asarray, params)
        value, found = MultilayerPerceptron("relu", "softmax")(backend, on_device, data)
        assert np.isfinite(float(value))
        (layer,) = tree_map(backend.to_numpy, found)
    assert np.all(np.isfinite(layer.weights))
    # What is left is L2, which shrinks the weights by a step of ordinary size.
    assert np.all((layer.weights >= 0) & (layer.weights <= 1))
    np.testing.assert_array_equal(layer.bias, 0)


@dataclass(frozen=True)
class WithoutPenalty(LinearClassifier):
    """The mistake of forgetting L2 in the gradient."""

    def __call__(self, backend, params, rows):
        value, found = super().__call__(backend, params, rows)
        return value, found._replace(weights=found.weights - rows.penalty * params.weights)


@dataclass(frozen=True)
class PenalizedBias(LinearClassifier):
    """The mistake of regularising the bias."""

    def __call__(self, backend, params, rows):
        value, found = super().__call__(backend, params, rows)
        return value, found._replace(bias=found.bias + rows.penalty * params.bias)


@dataclass(frozen=True)
class WrongBias(MultilayerPerceptron):
    """The mistake of a factor, in the bias of one layer."""

    position: int = 0

    def __call__(self, backend, params, data):
        value, found = super().__call__(backend, params, data)
        wrong = [
            layer._replace(bias=layer.bias * (1.0001 if i == self.position else 1.0))
            for i, layer in enumerate(found)
        ]
        return value, tuple(wrong)


class Mistaken(LogisticRegression):
    """Logistic regression with another objective."""

    mistake = WithoutPenalty

    def _gradient_problems(self, *args):
        for problem in super()._gradient_problems(*args):
            right = problem.objective
            wrong = self.mistake(right.loss, right.fit_intercept)
            yield problem._replace(objective=wrong)


class MistakenBias(Mistaken):
    mistake = PenalizedBias


class MistakenPerceptron(MLPClassifier):
    """A perceptron with another objective."""

    position = 0

    def _gradient_problems(self, *args):
        for problem in super()._gradient_problems(*args):
            right = problem.objective
            wrong = WrongBias(right.activation, right.output, self.position)
            yield problem._replace(objective=wrong)


METHODS = [pytest.param("jax.grad", marks=needs_jax), "central differences"]


def wrong_names(report):
    return [row.name for row in report.rows if not row.passed]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("estimator", "name"), [(Mistaken, "weights"), (MistakenBias, "bias")])
def test_a_wrong_penalty_is_caught_by_name(estimator, name, method):
    report = check_gradients(estimator(C=0.3), X, LABELS["softmax"], method=method)
    assert wrong_names(report) == [name]
    assert not report.passed


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_wrong_layer_is_caught_by_name(position, method):
    model = MistakenPerceptron((4, 3), "tanh")
    model.position = position
    report = check_gradients(model, X, LABELS["softmax"], method=method)
    assert wrong_names(report) == [f"layers[{position}].bias"]


def test_a_wrong_class_is_caught_by_name():
    report = check_gradients(Mistaken(C=0.3, multi_class="ovr"), X, LABELS["softmax"])
    assert wrong_names(report) == [f"{k} vs rest: weights" for k in "abc"]
