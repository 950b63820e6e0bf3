"""Awkward arguments for the kernels that a backend is likely to override: one table."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.multilayer_perceptron import Layer
from accelml.optimize.adam import AdamSettings, Moments
from accelml.optimize.sgd import SGDSettings
from accelml.tree import tree_map

Case = tuple[str, tuple[Any, ...]]
Cases = Callable[[], Iterator[Case]]

DTYPES = (np.float32, np.float64)


def plain(array: Array) -> Array:
    """In C order."""
    return np.array(array, order="C")


def fortran(array: Array) -> Array:
    """In Fortran order."""
    return np.array(array, order="F")


def strided(array: Array) -> Array:
    """Every other entry of something larger, along every axis."""
    wide = np.zeros([2 * size for size in array.shape], array.dtype)
    view = wide[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def backwards(array: Array) -> Array:
    """Strides below zero."""
    flip = (slice(None, None, -1),) * array.ndim
    return np.array(array[flip])[flip]


def read_only(array: Array) -> Array:
    """Not to be written to."""
    array = plain(array)
    array.flags.writeable = False
    return array


LAYOUTS = (plain, fortran, strided, backwards, read_only)


def laid_out(make: Callable[[np.random.Generator], Iterator[Case]]) -> Cases:
    """Each case in both dtypes, the first of them in every memory layout."""

    def cases() -> Iterator[Case]:
        for dtype in DTYPES:
            for position, (label, arguments) in enumerate(make(np.random.default_rng(5))):
                for layout in LAYOUTS if position == 0 else (plain,):

                    def place(leaf: Any, layout: Any = layout, dtype: Any = dtype) -> Any:
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
def softmax_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Scores."""
    for label, shape in SHAPES.items():
        yield label, (10 * rng.standard_normal(shape),)
    yield "far apart", (np.array([[1e4, -1e4], [0.0, 1e4]]),)


@laid_out
def softmax_cross_entropy_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Scores, labels and weights, some of them zero."""
    for label, (n, k) in SHAPES.items():
        labels = rng.integers(0, k, n)
        weights = rng.random(n) * (rng.random(n) > 0.3)
        yield label, (3 * rng.standard_normal((n, k)), labels.astype(np.int32), weights)
    scores, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 2])
    yield "no weight", (scores, labels, np.zeros(4))
    yield "far apart", (1e4 * scores, labels, np.ones(4))
    yield "far from zero", (1e4 + scores, labels, np.ones(4))


@laid_out
def logistic_cross_entropy_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Scores, answers and weights, of one question or of several."""
    for label, (n, k) in SHAPES.items():
        labels = rng.integers(0, 2, n if k == 1 else (n, k))
        weights = rng.random(n) * (rng.random(n) > 0.3)
        yield label, (3 * rng.standard_normal((n, k)), labels.astype(np.int32), weights)
    scores, labels = rng.standard_normal((4, 1)), np.array([0, 1, 1, 0])
    yield "no weight", (scores, labels, np.zeros(4))
    yield "far apart", (1e4 * scores, labels, np.ones(4))
    yield "sure and right", (np.array([[-30.0], [30.0]]), np.array([0, 1]), np.ones(2))


def layer_of(rng: np.random.Generator, inputs: int, outputs: int) -> Layer:
    """A random layer."""
    return Layer(rng.standard_normal((inputs, outputs)), rng.standard_normal(outputs))


ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
# Rows, inputs and outputs of a layer.
SIZES = [(6, 4, 3), (1, 4, 3), (6, 1, 3), (6, 4, 1), (1, 1, 1), (300, 20, 40)]


@laid_out
def dense_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every activation, saturated too."""
    for activation, (n, inputs, outputs) in itertools.product(ACTIVATIONS, SIZES):
        label = f"{activation} {n, inputs, outputs}"
        layer = layer_of(rng, inputs, outputs)
        yield label, (activation, layer, 2 * rng.standard_normal((n, inputs)))
    yield "saturated", ("logistic", layer_of(rng, 2, 2), np.array([[1e3, 1e3], [-1e3, 1e3]]))


@laid_out
def dense_backward_cases(rng: np.random.Generator) -> Iterator[Case]:
    """What comes out of each activation, and the gradient behind it."""
    for activation, (n, inputs, outputs) in itertools.product(ACTIVATIONS, SIZES):
        label = f"{activation} {n, inputs, outputs}"
        # What comes out of the activation: within its range, zeros and ones among it.
        a = np.clip(rng.standard_normal((n, inputs)), -1, 1)
        a = np.maximum(a, 0) if activation in {"relu", "logistic"} else a
        delta = rng.standard_normal((n, outputs))
        yield label, (activation, layer_of(rng, inputs, outputs), a, delta)


def network(rng: np.random.Generator, *sizes: int) -> tuple[Layer, ...]:
    """Random layers of those sizes."""
    return tuple(layer_of(rng, *pair) for pair in itertools.pairwise(sizes))


SGD_SETTINGS = SGDSettings(np.asarray(0.05), np.asarray(0.9))
ADAM_SETTINGS = AdamSettings(*map(np.asarray, (0.01, 0.9, 0.999, 1e-8)))
NETWORKS = [(4, 3, 2), (1, 1), (300, 40, 10)]


@laid_out
def sgd_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Parameters, gradients and velocities."""
    for nesterov, sizes in itertools.product((False, True), NETWORKS):
        trees = (network(rng, *sizes) for _ in range(3))
        yield f"nesterov={nesterov} {sizes}", (nesterov, *trees, SGD_SETTINGS)


@laid_out
def adam_cases(rng: np.random.Generator) -> Iterator[Case]:
    """At the first step and later, and without a gradient."""
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


@laid_out
def statistics_cases(rng: np.random.Generator) -> Iterator[Case]:
    """A linear classifier, and rows some of which do not count."""
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


KERNEL_CASES: dict[str, Cases] = {
    "accelml.objectives.cross_entropy.softmax_cross_entropy": softmax_cross_entropy_cases,
    "accelml.objectives.cross_entropy.logistic_cross_entropy": logistic_cross_entropy_cases,
    "accelml.objectives.cross_entropy.softmax": softmax_cases,
    "accelml.objectives.multilayer_perceptron.dense": dense_cases,
    "accelml.objectives.multilayer_perceptron.dense_backward": dense_backward_cases,
    "accelml.objectives.linear_classifier.statistics": statistics_cases,
    "accelml.optimize.adam.adam_step": adam_cases,
    "accelml.optimize.sgd.sgd_step": sgd_cases,
}
