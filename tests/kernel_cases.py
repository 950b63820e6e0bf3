"""Awkward arguments for every kernel that a backend may override: one table.

Those that third parties may override too are in ``accelml.testing``.
"""

import itertools

import numpy as np

from accelml.neural_network.training import Batches, Learner
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.testing.kernel_cases import (
    ADAM_SETTINGS,
    SGD_SETTINGS,
    SIZES,
    Case,
    Cases,
    laid_out,
    network,
)
from accelml.testing.kernel_cases import KERNEL_CASES as PUBLIC_CASES
from accelml.tree import tree_map
from tests.kernel_arguments import advance

__all__ = ["KERNEL_CASES", "Case", "laid_out"]


def rows_of(rng, n, features, classes):
    labels = rng.integers(0, classes, n).astype(np.int32)
    weights = rng.random(n) + 0.1
    weights[:: max(2, n // 3)] *= 0.5
    return Batch(rng.standard_normal((n, features)), labels, weights)


MODELS = [
    (MultilayerPerceptron("relu", "softmax"), (4, 5, 3), 3),
    (MultilayerPerceptron("tanh", "logistic"), (4, 3, 1), 2),
    (MultilayerPerceptron("logistic", "softmax"), (1, 2), 2),
]


@laid_out
def train_epoch_cases(rng):
    index = np.array([[3, 1, 4], [0, 5, 2], [6, 0, 0]], np.int32)
    counts = np.array([[1, 1, 1], [1, 1, 1], [1, 0, 0]], bool)
    whole = Batches(np.arange(7, dtype=np.int32)[None, :], np.ones((1, 7), bool))
    single = Batches(np.zeros((1, 1), np.int32), np.ones((1, 1), bool))
    alpha = np.asarray(0.1)
    for (model, sizes, classes), rule in itertools.product(MODELS, (SGD(True), Adam())):
        settings = ADAM_SETTINGS if isinstance(rule, Adam) else SGD_SETTINGS
        params = network(rng, *sizes)
        learner = Learner(params, rule.start(np, params))
        data = rows_of(rng, 7, sizes[0], classes)
        for label, batches in (("batches", Batches(index, counts)), ("whole", whole)):
            yield (
                f"{label} {model} {rule}",
                (model, rule, learner, data, batches, alpha, settings),
            )
        row = tree_map(lambda leaf: leaf[:1], data)
        yield f"one row {model} {rule}", (model, rule, learner, row, single, alpha, settings)
    # More parameters than are moved at once, by momentum that looks not ahead, and without L2.
    params, data = network(rng, 300, 120, 10), rows_of(rng, 7, 300, 10)
    for rule, settings in ((SGD(False), SGD_SETTINGS), (Adam(), ADAM_SETTINGS)):
        learner = Learner(params, rule.start(np, params))
        batches = Batches(index, counts)
        for l2 in (np.asarray(0.0), alpha):
            yield f"wide {rule} {l2}", (MODELS[0][0], rule, learner, data, batches, l2, settings)


@laid_out
def evaluate_cases(rng):
    for model, sizes, classes in MODELS:
        for n in (9, 1):
            params, data = network(rng, *sizes), rows_of(rng, n, sizes[0], classes)
            yield f"{n} rows {model}", (model, params, data)
        lost = (*params[:-1], params[-1]._replace(bias=params[-1].bias * np.nan))
        yield f"not finite {model}", (model, lost, data)


@laid_out
def predict_output_cases(rng):
    for model, sizes, _ in MODELS:
        for n in (9, 1):
            params = network(rng, *sizes)
            yield f"{n} rows {model}", (model, params, rng.standard_normal((n, sizes[0])))


@laid_out
def largest_eigenvalue_cases(rng):
    for n, d in [(9, 3), (1, 3), (9, 1), (200, 20)]:
        X, weights = rng.standard_normal((n, d)), rng.random(n) + 0.1
        weights[1::2] = 0
        start = rng.standard_normal(d + 1)
        yield f"{n, d}", (X, weights, rng.standard_normal(d), start)


@laid_out
def weighted_mean_cases(rng):
    for n, d in [(9, 3), (1, 3), (9, 1)]:
        yield f"{n, d}", (rng.standard_normal((n, d)), rng.random(n) + 0.1)


@laid_out
def scatter_cases(rng):
    for n, d, step in [(9, 3, 1), (9, 3, 2), (9, 3, 9), (1, 3, 1), (9, 1, 2)]:
        X, weights = rng.standard_normal((n, d)), rng.random(n) + 0.1
        weights[1::2] = 0
        yield f"{n, d}, one in {step}", (X, weights, rng.standard_normal(d), step)


@laid_out
def advance_cases(rng):
    for n, d, k in [(9, 3, 2), (1, 3, 2), (9, 1, 3)]:
        yield f"{n, d, k}", advance(rng, n, d, k)


@laid_out
def linear_scores_cases(rng):
    for n, d, k in SIZES:
        params = Linear(rng.standard_normal((d, k)), rng.standard_normal(k))
        yield f"{n, d, k}", (params, rng.standard_normal((n, d)))


KERNEL_CASES: dict[str, Cases] = {
    **PUBLIC_CASES,
    "accelml.objectives.multilayer_perceptron.predict_output": predict_output_cases,
    "accelml.optimize.gradient_descent.largest_eigenvalue": largest_eigenvalue_cases,
    "accelml.neural_network.training.train_epoch": train_epoch_cases,
    "accelml.neural_network.training.evaluate": evaluate_cases,
    "accelml.linear_model.logistic_fit.weighted_mean": weighted_mean_cases,
    "accelml.linear_model.logistic_metric.scatter": scatter_cases,
    "accelml.optimize.iterate.advance": advance_cases,
    "accelml.linear_model.logistic_regression.linear_scores": linear_scores_cases,
}
