"""Awkward arguments for every kernel that a backend may override: one table."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from accelml.neural_network.training import Batches, Learner
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import AdamSettings, Moments
from accelml.optimize.sgd import SGDSettings
from accelml.tree import tree_map

Case = tuple[str, tuple[Any, ...]]
DTYPES = (np.float32, np.float64)


def plain(array):
    return np.array(array, order="C")


def fortran(array):
    return np.array(array, order="F")


def strided(array):
    """Every other entry of something larger, along every axis."""
    wide = np.zeros([2 * size for size in array.shape], array.dtype)
    view = wide[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def backwards(array):
    """Strides below zero."""
    flip = (slice(None, None, -1),) * array.ndim
    return np.array(array[flip])[flip]


def read_only(array):
    array = plain(array)
    array.flags.writeable = False
    return array


LAYOUTS = (plain, fortran, strided, backwards, read_only)


def laid_out(make: Callable[..., Iterator[Case]]) -> Callable[[], Iterator[Case]]:
    """Each case in both dtypes, the first of them in every memory layout."""

    def cases() -> Iterator[Case]:
        for dtype in DTYPES:
            for position, (label, arguments) in enumerate(make(np.random.default_rng(5))):
                for layout in LAYOUTS if position == 0 else (plain,):

                    def place(leaf, layout=layout, dtype=dtype):
                        if not isinstance(leaf, np.ndarray):
                            return leaf
                        # Settings are scalars, and float64 whatever the rest is.
                        is_real = leaf.dtype == np.float64 and leaf.ndim > 0
                        leaf = leaf.astype(dtype) if is_real else leaf
                        return layout(leaf) if leaf.ndim else leaf

                    name = f"{label}, {np.dtype(dtype)}, {layout.__name__}"
                    yield name, tree_map(place, arguments)

    return cases


SHAPES = {
    "some rows": (7, 3),
    "one row": (1, 4),
    "two classes": (5, 2),
    "one class": (5, 1),
    "many classes": (3, 300),
    "many rows": (1500, 10),
}


@laid_out
def softmax_cases(rng):
    for label, shape in SHAPES.items():
        yield label, (10 * rng.standard_normal(shape),)
    yield "far apart", (np.array([[1e4, -1e4], [0.0, 1e4]]),)


@laid_out
def softmax_cross_entropy_cases(rng):
    for label, (n, k) in SHAPES.items():
        labels = rng.integers(0, k, n)
        weights = rng.random(n) * (rng.random(n) > 0.3)
        yield label, (3 * rng.standard_normal((n, k)), labels.astype(np.int32), weights)
    scores, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 2])
    yield "no weight", (scores, labels, np.zeros(4))
    yield "far apart", (1e4 * scores, labels, np.ones(4))
    yield "far from zero", (1e4 + scores, labels, np.ones(4))


@laid_out
def logistic_cross_entropy_cases(rng):
    for label, (n, k) in SHAPES.items():
        labels = rng.integers(0, 2, n if k == 1 else (n, k))
        weights = rng.random(n) * (rng.random(n) > 0.3)
        yield label, (3 * rng.standard_normal((n, k)), labels.astype(np.int32), weights)
    scores, labels = rng.standard_normal((4, 1)), np.array([0, 1, 1, 0])
    yield "no weight", (scores, labels, np.zeros(4))
    yield "far apart", (1e4 * scores, labels, np.ones(4))
    yield "sure and right", (np.array([[-30.0], [30.0]]), np.array([0, 1]), np.ones(2))


def layer_of(rng, inputs, outputs):
    return Layer(rng.standard_normal((inputs, outputs)), rng.standard_normal(outputs))


ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
# Rows, inputs and outputs of a layer.
SIZES = [(6, 4, 3), (1, 4, 3), (6, 1, 3), (6, 4, 1), (1, 1, 1), (300, 20, 40)]


@laid_out
def dense_cases(rng):
    for activation, (n, inputs, outputs) in itertools.product(ACTIVATIONS, SIZES):
        label = f"{activation} {n, inputs, outputs}"
        layer = layer_of(rng, inputs, outputs)
        yield label, (activation, layer, 2 * rng.standard_normal((n, inputs)))
    yield "saturated", ("logistic", layer_of(rng, 2, 2), np.array([[1e3, 1e3], [-1e3, 1e3]]))


@laid_out
def dense_backward_cases(rng):
    for activation, (n, inputs, outputs) in itertools.product(ACTIVATIONS, SIZES):
        label = f"{activation} {n, inputs, outputs}"
        # What comes out of the activation: within its range, zeros and ones among it.
        a = np.clip(rng.standard_normal((n, inputs)), -1, 1)
        a = np.maximum(a, 0) if activation in {"relu", "logistic"} else a
        delta = rng.standard_normal((n, outputs))
        yield label, (activation, layer_of(rng, inputs, outputs), a, delta)


def network(rng, *sizes):
    return tuple(layer_of(rng, *pair) for pair in itertools.pairwise(sizes))


SGD_SETTINGS = SGDSettings(np.asarray(0.05), np.asarray(0.9))
ADAM_SETTINGS = AdamSettings(*map(np.asarray, (0.01, 0.9, 0.999, 1e-8)))
NETWORKS = [(4, 3, 2), (1, 1), (300, 40, 10)]


@laid_out
def sgd_cases(rng):
    for nesterov, sizes in itertools.product((False, True), NETWORKS):
        trees = (network(rng, *sizes) for _ in range(3))
        yield f"nesterov={nesterov} {sizes}", (nesterov, *trees, SGD_SETTINGS)


@laid_out
def adam_cases(rng):
    for steps, sizes in itertools.product((0.0, 41.0), NETWORKS):
        params, gradient, mean = (network(rng, *sizes) for _ in range(3))
        square = tree_map(np.abs, network(rng, *sizes))
        if steps == 0:
            mean, square = (tree_map(np.zeros_like, tree) for tree in (mean, square))
        memory = Moments(mean, square, np.asarray(steps))
        yield f"after {steps} steps {sizes}", (params, gradient, memory, ADAM_SETTINGS)
    zero = tree_map(np.zeros_like, network(rng, 4, 3))
    still = Moments(zero, zero, np.asarray(0.0))
    yield "no gradient", (network(rng, 4, 3), zero, still, ADAM_SETTINGS)


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
def statistics_cases(rng):
    for loss, (n, d), k in itertools.product(
        ("softmax", "logistic"), [(7, 3), (1, 3), (7, 1), (400, 30)], (1, 3)
    ):
        if loss == "logistic" and k > 1:
            continue
        params = Linear(rng.standard_normal((d, k)), rng.standard_normal(k))
        labels = rng.integers(0, 2 if loss == "logistic" else k, n).astype(np.int32)
        weights = rng.random(n) * (np.arange(n) % 3 > 0)
        X, center = rng.standard_normal((n, d)), rng.standard_normal(d)
        yield f"{loss} {n, d, k}", (loss, params, X, labels, weights, center)


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
def linear_scores_cases(rng):
    for n, d, k in SIZES:
        params = Linear(rng.standard_normal((d, k)), rng.standard_normal(k))
        yield f"{n, d, k}", (params, rng.standard_normal((n, d)))


KERNEL_CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "accelml.objectives.cross_entropy.softmax_cross_entropy": softmax_cross_entropy_cases,
    "accelml.objectives.cross_entropy.logistic_cross_entropy": logistic_cross_entropy_cases,
    "accelml.objectives.cross_entropy.softmax": softmax_cases,
    "accelml.objectives.multilayer_perceptron.dense": dense_cases,
    "accelml.objectives.multilayer_perceptron.dense_backward": dense_backward_cases,
    "accelml.objectives.multilayer_perceptron.predict_output": predict_output_cases,
    "accelml.objectives.linear_classifier.statistics": statistics_cases,
    "accelml.optimize.adam.adam_step": adam_cases,
    "accelml.optimize.sgd.sgd_step": sgd_cases,
    "accelml.optimize.gradient_descent.largest_eigenvalue": largest_eigenvalue_cases,
    "accelml.neural_network.training.train_epoch": train_epoch_cases,
    "accelml.neural_network.training.evaluate": evaluate_cases,
    "accelml.linear_model.logistic_fit.weighted_mean": weighted_mean_cases,
    "accelml.linear_model.logistic_regression.linear_scores": linear_scores_cases,
}
