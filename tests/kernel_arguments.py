"""Arguments of any size for every kernel that a backend may override.

By these, overrides are compared over awkward shapes, and timed over large ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from accelml.anomaly.density import Gaussian
from accelml.cluster.lloyd import State
from accelml.cluster.rows import centered
from accelml.neural_network.training import Batches, Learner
from accelml.objectives.linear_classifier import Linear, LinearClassifier, Rows
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.optimize import LBFGS, SGD, Adam, GradientDescent
from accelml.optimize.adam import Moments
from accelml.optimize.iterate import begin
from accelml.preprocessing.standardisation import Standard
from accelml.testing.kernel_cases import ADAM_SETTINGS, SGD_SETTINGS
from accelml.testing.kernels import Reference
from accelml.tree import Layout, tree_map

Generator = np.random.Generator


def rows_of(rng: Generator, n: int, d: int) -> Any:
    return rng.standard_normal((n, d))


def weights_of(rng: Generator, n: int) -> Any:
    """Some of them zero, the first not."""
    return (rng.random(n) + 0.1) * (np.arange(n) % 5 != 1)


def answers_of(rng: Generator, loss: str, n: int, k: int) -> Any:
    return rng.integers(0, 2 if loss == "logistic" else k, n).astype(np.int32)


# k-means: rows around all centers but the last, which is far from everything.


def clusters(rng: Generator, n: int, d: int, k: int) -> tuple[Any, Any]:
    centers = 3 * rng.standard_normal((k, d))
    X = centers[rng.integers(0, max(1, k - 1), n)] + rng.standard_normal((n, d))
    if k > 1:
        centers[-1] = 30
    return X, centers


def norms_of(X: Any) -> Any:
    return np.einsum("ij,ij->i", X, X)


def nearest(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    X, centers = clusters(rng, n, d, k)
    return X, norms_of(X), centers


def directly(rng: Generator, n: int, d: int, k: int, pending: float = 0.1) -> tuple[Any, ...]:
    X, centers = clusters(rng, n, d, k)
    return X, centers, rng.random((n, k)), rng.random((n, k)) < pending


def sum_by_cluster(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    labels = rng.integers(0, max(1, k - 1), n).astype(np.int32)  # the last is empty
    return k, rows_of(rng, n, d), weights_of(rng, n), labels


def assignment(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    return clusters(rng, n, d, k)


def lloyd_statistics(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    X, centers = clusters(rng, n, d, k)
    return X, norms_of(X), weights_of(rng, n), centers


def inertia(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    X, centers = clusters(rng, n, d, k)
    return X, weights_of(rng, n), centers, rng.integers(0, k, n).astype(np.int32)


def points_of(rng: Generator, n: int, d: int, k: int) -> tuple[Any, Any]:
    X, centers = clusters(rng, n, d, k)
    points = centered.generic(Reference(), X, weights_of(rng, n)).points
    return points, centers - points.origin


def lloyd(rng: Generator, n: int, d: int, k: int, limit: int = 3) -> tuple[Any, ...]:
    points, centers = points_of(rng, n, d, k)
    # Near one another at first, so that rows move; the last stays far from everything.
    start = np.concatenate([centers[:1] + 0.5 * (centers[:-1] - centers[:1]), centers[-1:]])
    if k >= n:  # else many clusters are empty, and rounding decides which rows move there
        start = (points.X - points.origin)[rng.permutation(n)] + 0.1
        points = points._replace(weights=np.ones_like(points.weights))
    before = np.full(n, -1, np.int32)
    state = State(start, before, np.asarray(0.0), np.asarray(False), np.asarray(0, np.int32))
    return points, state, np.asarray(1e-9), np.asarray(limit, np.int32)


def seeding(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    points, _ = points_of(rng, n, d, k)
    if k >= n:  # else rounding decides which of the last rows counts
        points, k = points._replace(weights=np.ones_like(points.weights)), max(1, n // 4)
    return points, np.array([n // 2], np.int32), rng.random((k - 1, 3))


def centered_rows(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    return 3 + rows_of(rng, n, d), weights_of(rng, n)


def rows_alone(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    return (rows_of(rng, n, d),)


# Objectives: k classes, outputs or targets.


def linear_of(rng: Generator, d: int, k: int) -> Linear:
    return Linear(rng.standard_normal((d, k)) / np.sqrt(d), rng.standard_normal(k))


def classifier(rng: Generator, n: int, d: int, k: int, loss: str = "softmax") -> tuple[Any, ...]:
    k = 1 if loss == "logistic" else k
    labels, center = answers_of(rng, loss, n, k), rng.standard_normal(d)
    return loss, linear_of(rng, d, k), rows_of(rng, n, d), labels, weights_of(rng, n), center


def scatter(rng: Generator, n: int, d: int, k: int, step: int = 1) -> tuple[Any, ...]:
    return rows_of(rng, n, d), weights_of(rng, n), rng.standard_normal(d), min(step, n)


def advance(rng: Generator, n: int, d: int, k: int, solver: str = "gd") -> tuple[Any, ...]:
    """Two steps of a logistic regression; of L-BFGS, ten."""
    loss, params, X, labels, weights, center = classifier(rng, n, d, max(2, k))
    total = np.asarray(float(weights.sum()))
    rows = Rows(X, labels, weights, center, np.asarray(0.1), total)
    objective, layout = LinearClassifier(loss), Layout.of(params)
    metric = np.eye(d + 1) if n > d else ()
    chosen, settings = (GradientDescent(), np.asarray(0.1)) if solver == "gd" else (LBFGS(), metric)
    state = tree_map(
        np.asarray,
        begin.generic(Reference(), chosen, objective, layout, params, rows, settings),
    )
    limit = np.asarray(2 if solver == "gd" else 10, np.int32)
    return chosen, objective, layout, state, rows, np.asarray(0.0), limit


def residuals(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    rows, center = least_squares(rng, n, d, k)[:3], rng.standard_normal(d)
    return linear_of(rng, d, k), *rows, center


def scores_back(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    return rows_of(rng, n, d), rng.standard_normal((n, k))


def cross_entropy(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    labels = rng.integers(0, k, n).astype(np.int32)
    return 3 * rng.standard_normal((n, k)), labels, weights_of(rng, n)


def questions(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    labels = rng.integers(0, 2, (n, k)).astype(np.int32)
    return 3 * rng.standard_normal((n, k)), labels, weights_of(rng, n)


def numbers(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    return rng.standard_normal((n, k)), rng.standard_normal((n, k)), weights_of(rng, n)


def layer_of(rng: Generator, d: int, k: int) -> Layer:
    return Layer(*linear_of(rng, d, k))


def dense(rng: Generator, n: int, d: int, k: int, activation: str = "relu") -> tuple[Any, ...]:
    return activation, layer_of(rng, d, k), rows_of(rng, n, d)


def dense_backward(
    rng: Generator, n: int, d: int, k: int, activation: str = "relu"
) -> tuple[Any, ...]:
    a = np.clip(rows_of(rng, n, d), -1, 1)
    a = np.maximum(a, 0) if activation in {"relu", "logistic"} else a
    return activation, layer_of(rng, d, k), a, rng.standard_normal((n, k))


# Optimisers: a network of d inputs, some hidden units and k outputs; n is not used.


def network(rng: Generator, d: int, hidden: tuple[int, ...], k: int) -> tuple[Layer, ...]:
    return tuple(layer_of(rng, *pair) for pair in itertools.pairwise((d, *hidden, k)))


def adam(
    rng: Generator, n: int, d: int, k: int, hidden: tuple[int, ...] = (5,), steps: int = 41
) -> tuple[Any, ...]:
    params, gradient, mean, square = (network(rng, d, hidden, k) for _ in range(4))
    memory = Moments(mean, tree_map(np.abs, square), np.asarray(float(steps)))
    return params, gradient, memory, ADAM_SETTINGS


def sgd(
    rng: Generator, n: int, d: int, k: int, hidden: tuple[int, ...] = (5,), nesterov: bool = True
) -> tuple[Any, ...]:
    return nesterov, *(network(rng, d, hidden, k) for _ in range(3)), SGD_SETTINGS


def train_epoch(
    rng: Generator, n: int, d: int, k: int, hidden: tuple[int, ...] = (5,), batch: int = 4,
    solver: str = "adam", activation: str = "relu", blank: float = 0,
) -> tuple[Any, ...]:  # fmt: skip
    """A share ``blank`` of the features has been zero so long that moments are subnormal."""
    rule, settings = {"adam": (Adam(), ADAM_SETTINGS), "sgd": (SGD(True), SGD_SETTINGS)}[solver]
    # No more than some sixty steps: float32 drifts away from float64 with each.
    params, size = network(rng, d, hidden, k), min(n, max(batch, n // 64))
    count = -(-n // size)
    index = np.zeros(count * size, np.int32)
    index[:n] = rng.permutation(n)
    counts = np.arange(count * size) < n
    X, learner = rows_of(rng, n, d), Learner(params, rule.start(np, params))
    if blank and isinstance(learner.memory, Moments):
        off = slice(int(blank * d))
        X[:, off] = params[0].weights[off] = 0
        learner.memory.square[0].weights[off] = 1e-40
    return (
        MultilayerPerceptron(activation, "softmax"),
        rule,
        learner,
        Batch(X, rng.integers(0, k, n).astype(np.int32), np.ones(n)),
        Batches(index.reshape(count, size), counts.reshape(count, size)),
        np.asarray(1e-4),
        settings,
    )


# Sums over rows, and what is made of each row.


def least_squares(
    rng: Generator, n: int, d: int, k: int, fit_intercept: bool = True, rough: bool = False,
    equal: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    targets, weights = rng.standard_normal((n, k)), np.ones(n) if equal else weights_of(rng, n)
    return rows_of(rng, n, d), targets, weights, fit_intercept, *([rough] if rough else [])


def block_moments(
    rng: Generator, n: int, d: int, k: int, fit_intercept: bool = True
) -> tuple[Any, ...]:
    X, targets, weights, _ = least_squares(rng, n, d, k)
    return X, targets, weights, rng.standard_normal(d), rng.standard_normal(k), fit_intercept


def gaussian_statistics(
    rng: Generator, n: int, d: int, k: int, covariance: str = "diag"
) -> tuple[Any, ...]:
    return covariance, rows_of(rng, n, d), weights_of(rng, n)


def log_density(
    rng: Generator, n: int, d: int, k: int, covariance: str = "diag"
) -> tuple[Any, ...]:
    whitening = np.abs(rng.standard_normal(d)) + 0.1
    if covariance == "full":
        # A column for each feature, as the estimator has it.
        whitening = np.triu(rng.standard_normal((d, d)) / d, 1) + np.diag(whitening)
    mean, remainder = rng.standard_normal(d), 1e-3 * rng.standard_normal(d)
    return Gaussian(mean, remainder, whitening, np.asarray(-3.0)), rows_of(rng, n, d)


def weighted(rng: Generator, n: int, d: int, k: int, missing: bool = False) -> tuple[Any, ...]:
    X = rows_of(rng, n, d)
    return np.where(rng.random((n, d)) < 0.2, np.nan, X) if missing else X, weights_of(rng, n)


def standardise(rng: Generator, n: int, d: int, k: int) -> tuple[Any, ...]:
    near, rest, scale = rng.standard_normal((3, d))
    return rows_of(rng, n, d), Standard(near, 1e-3 * rest, np.abs(scale) + 0.1)


def polynomials(
    rng: Generator, n: int, d: int, k: int, degree: int = 2, order: str = "C"
) -> tuple[Any, ...]:
    # A row becomes d²/2 numbers.
    return rows_of(rng, n, d if n * d * d < 1e7 else 9), 0, degree, False, True, order


class Arguments(NamedTuple):
    """How to make the arguments of a kernel."""

    make: Callable[..., tuple[Any, ...]]
    variants: tuple[dict[str, Any], ...] = ({},)
    wide: tuple[int, ...] = ()  # positions of arguments in float64 whatever X is

    def build(self, n: int, d: int, k: int, dtype: Any, **options: Any) -> tuple[Any, ...]:
        """Arguments with ``X`` of a dtype; scalars are settings, and float64."""
        arguments = self.make(np.random.default_rng(n + d + k), n, d, k, **options)

        def cast(leaf: Any) -> Any:
            is_real = isinstance(leaf, np.ndarray) and leaf.ndim > 0 and leaf.dtype.kind == "f"
            return leaf.astype(dtype) if is_real else leaf

        return tuple(
            part if position in self.wide else tree_map(cast, part)
            for position, part in enumerate(arguments)
        )


def each(name: str, *values: Any) -> tuple[dict[str, Any], ...]:
    return tuple({name: value} for value in values)


ACTIVATION = each("activation", "relu", "tanh", "logistic", "identity")
COVARIANCE = each("covariance", "diag", "full")
INTERCEPT = each("fit_intercept", True, False)

ARGUMENTS = {
    "accelml.anomaly.density.log_density": Arguments(log_density, COVARIANCE),
    "accelml.anomaly.moments.statistics": Arguments(gaussian_statistics, COVARIANCE),
    "accelml.cluster.distances.directly": Arguments(directly),
    "accelml.cluster.distances.nearest": Arguments(nearest),
    "accelml.cluster.distances.squared_distances": Arguments(nearest),
    "accelml.cluster.initialization.plus_plus": Arguments(seeding, wide=(2,)),
    "accelml.cluster.lloyd.lloyd": Arguments(lloyd, each("limit", 1, 3)),
    "accelml.cluster.lloyd.statistics": Arguments(lloyd_statistics),
    "accelml.cluster.lloyd.sum_by_cluster": Arguments(sum_by_cluster),
    "accelml.cluster.rows.centered": Arguments(centered_rows),
    "accelml.cluster.rows.column_means": Arguments(rows_alone),
    "accelml.cluster.rows.distances_to": Arguments(assignment),
    "accelml.cluster.rows.inertia_of": Arguments(inertia),
    "accelml.cluster.rows.labels_of": Arguments(assignment),
    "accelml.linear_model.least_squares_sums.block_moments": Arguments(
        block_moments, INTERCEPT, wide=(1, 2, 3, 4)
    ),
    "accelml.linear_model.least_squares_sums.moments": Arguments(
        least_squares,
        (*INTERCEPT, {"rough": True}, {"rough": True, "equal": True}),
        wide=(1, 2),
    ),
    "accelml.linear_model.least_squares_sums.triangle": Arguments(
        least_squares, INTERCEPT, wide=(1, 2)
    ),
    "accelml.linear_model.least_squares_sums.upper": Arguments(rows_alone, wide=(0,)),
    "accelml.linear_model.logistic_metric.scatter": Arguments(scatter, each("step", 1, 3)),
    "accelml.neural_network.training.train_epoch": Arguments(
        train_epoch, each("solver", "adam", "sgd")
    ),
    "accelml.objectives.cross_entropy.logistic_cross_entropy": Arguments(questions),
    "accelml.objectives.cross_entropy.softmax_cross_entropy": Arguments(cross_entropy),
    "accelml.objectives.linear_classifier.statistics": Arguments(
        classifier, each("loss", "softmax", "logistic")
    ),
    "accelml.objectives.multilayer_perceptron.dense": Arguments(dense, ACTIVATION),
    "accelml.objectives.multilayer_perceptron.dense_backward": Arguments(
        dense_backward, ACTIVATION
    ),
    "accelml.objectives.multilayer_perceptron.squared_error": Arguments(numbers),
    "accelml.objectives.products.transposed_times": Arguments(scores_back),
    "accelml.objectives.squared_error.statistics": Arguments(residuals),
    "accelml.optimize.adam.adam_step": Arguments(adam, each("steps", 0, 41)),
    "accelml.optimize.iterate.advance": Arguments(advance),
    "accelml.optimize.sgd.sgd_step": Arguments(sgd, each("nesterov", False, True)),
    "accelml.preprocessing.moments.statistics": Arguments(
        weighted, each("missing", False, True), wide=(1,)
    ),
    "accelml.preprocessing.polynomial_basis.polynomial_basis": Arguments(
        polynomials, each("order", "C", "F")
    ),
    "accelml.preprocessing.standardisation.standardise": Arguments(standardise),
    "accelml.preprocessing.standardisation.unstandardise": Arguments(standardise),
}
