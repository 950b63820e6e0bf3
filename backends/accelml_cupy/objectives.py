"""Fused twins of ``accelml/objectives``."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.objectives.cross_entropy import (
    CrossEntropy,
    logistic_cross_entropy,
    softmax_cross_entropy,
)
from accelml.objectives.multilayer_perceptron import Layer, dense, dense_backward
from accelml_cupy.launch import Source, blocks_for, common_float, contiguous, cpp, lanes_for

FLOATS = ("float", "double")
ACTIVATIONS = {"identity": "Identity", "logistic": "Logistic", "tanh": "Tanh", "relu": "Relu"}

CROSS_ENTROPY = Source(
    "cross_entropy.cu",
    tuple(
        f"{loss}_cross_entropy<{real}, {label}>"
        for loss in ("softmax", "logistic")
        for real in FLOATS
        for label in ("int", "long long")
    ),
)
PERCEPTRON = Source(
    "multilayer_perceptron.cu",
    tuple(
        f"{kernel}<{activation}, {real}>"
        for kernel in ("add_bias_and_activate", "multiply_by_derivative")
        for activation in ACTIVATIONS.values()
        for real in FLOATS
    ),
)
THREADS = 256


@softmax_cross_entropy.register("cupy")
def fused_softmax(backend: Any, scores: Array, labels: Array, weights: Array) -> CrossEntropy:
    """The loss and its gradient from one launch, and one more for the sum."""
    if not is_supported(scores, weights) or labels.shape != weights.shape:
        return softmax_cross_entropy.generic(backend, scores, labels, weights)
    return cross_entropy(backend, "softmax", scores, labels, weights)


@logistic_cross_entropy.register("cupy")
def fused_logistic(backend: Any, scores: Array, labels: Array, weights: Array) -> CrossEntropy:
    """The loss and its gradient from one launch, and one more for the sum."""
    if not is_supported(scores, weights):
        return logistic_cross_entropy.generic(backend, scores, labels, weights)
    labels = backend.xp.reshape(labels, scores.shape)
    return cross_entropy(backend, "logistic", scores, labels, weights)


def is_supported(scores: Array, weights: Array) -> bool:
    """Whether there are rows of one type with a weight each: no kernel may read past an end."""
    return bool(
        common_float(scores, weights)
        and scores.ndim == 2
        and weights.shape == scores.shape[:1]
        and scores.size > 0
    )


def cross_entropy(
    backend: Any, loss: str, scores: Array, labels: Array, weights: Array, *, in_place: bool = False
) -> CrossEntropy:
    """Launch the kernel of a loss; each row's is stored, then summed, always in one order.

    ``in_place`` puts the gradient where the scores were.
    """
    xp = backend.xp
    rows, classes = scores.shape
    if cpp(labels) not in ("int", "long long"):
        labels = xp.astype(labels, xp.int64)
    scores, labels, weights = (contiguous(xp, x) for x in (scores, labels, weights))
    losses = xp.empty(rows, dtype=xp.float64)
    delta = scores if in_place else xp.empty((rows, classes), dtype=scores.dtype)
    lanes = lanes_for(classes)
    rows_in_block = THREADS // lanes
    backend.launch(
        CROSS_ENTROPY,
        f"{loss}_cross_entropy<{cpp(scores)}, {cpp(labels)}>",
        (blocks_for(rows, rows_in_block),),
        (lanes, rows_in_block),
        (scores, labels, weights, losses, delta, np.int64(rows), np.int64(classes)),
    )
    return CrossEntropy(xp.sum(losses), delta)


@dense.register("cupy")
def fused_dense(backend: Any, activation: str, layer: Layer, a: Array) -> Array:
    """The product, and one launch that adds the bias and applies the activation in its place."""
    width_matches = layer.bias.shape == layer.weights.shape[1:]
    if not common_float(a, *layer) or a.ndim != 2 or a.size == 0 or not width_matches:
        return dense.generic(backend, activation, layer, a)
    z = contiguous(backend.xp, a @ layer.weights)
    bias = contiguous(backend.xp, layer.bias)
    rows, columns = z.shape
    width, height = 32, THREADS // 32
    backend.launch(
        PERCEPTRON,
        f"add_bias_and_activate<{ACTIVATIONS[activation]}, {cpp(z)}>",
        (blocks_for(columns, width), blocks_for(rows, height, limit=65535)),
        (width, height),
        (z, bias, np.int64(rows), np.int64(columns)),
    )
    return z


@dense_backward.register("cupy")
def fused_dense_backward(
    backend: Any, activation: str, layer: Layer, a: Array, delta: Array
) -> Array:
    """The product, and one launch that multiplies it by the derivative in its place."""
    shapes_match = a.shape == (*delta.shape[:1], *layer.weights.shape[:1])
    is_float = common_float(a, delta, layer.weights)
    if activation == "identity" or not is_float or not shapes_match or a.size == 0:
        return dense_backward.generic(backend, activation, layer, a, delta)
    product = contiguous(backend.xp, delta @ layer.weights.T)
    backend.launch(
        PERCEPTRON,
        f"multiply_by_derivative<{ACTIVATIONS[activation]}, {cpp(product)}>",
        (blocks_for(product.size, THREADS, limit=2**16),),
        (THREADS,),
        (product, contiguous(backend.xp, a), np.int64(product.size)),
    )
    return product
