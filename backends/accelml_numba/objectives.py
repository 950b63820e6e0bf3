"""The objectives' kernels as compiled loops: one pass over each row while it is in cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.objectives.cross_entropy import (
    CrossEntropy,
    logistic_cross_entropy,
    softmax_cross_entropy,
)
from accelml.objectives.multilayer_perceptron import Layer, dense, dense_backward
from accelml_numba.compilation import compiled
from accelml_numpy.objectives import activate

Floats = np.ndarray[Any, Any]


@compiled
def softmax_rows(scores: Floats, labels: Floats, weights: Floats, delta: Floats) -> float:
    """Fill ``delta`` and return the loss."""
    total = 0.0
    n, k = scores.shape
    for i in range(n):
        highest = scores[i, 0]
        for j in range(1, k):
            highest = max(highest, scores[i, j])
        partition = scores.dtype.type(0)
        for j in range(k):
            e = np.exp(scores[i, j] - highest)
            delta[i, j] = e
            partition += e
        label = labels[i]
        weight = weights[i]
        total += weight * (math.log(partition) - (scores[i, label] - highest))
        scale = weight / partition
        for j in range(k):
            delta[i, j] *= scale
        delta[i, label] -= weight
    return total


@softmax_cross_entropy.register("numba")
def _softmax_cross_entropy(
    backend: Backend, scores: Array, labels: Array, weights: Array
) -> CrossEntropy:
    delta = np.empty(scores.shape, scores.dtype)
    return CrossEntropy(np.float64(softmax_rows(scores, labels, weights, delta)), delta)


@compiled
def logistic_rows(scores: Floats, labels: Floats, weights: Floats, delta: Floats) -> float:
    """Fill ``delta`` and return the loss."""
    total = 0.0
    n, k = scores.shape
    one = scores.dtype.type(1)
    for i in range(n):
        weight = weights[i]
        for j in range(k):
            score = scores[i, j]
            e = np.exp(-abs(score))
            margin = max(score, 0.0) - labels[i, j] * score
            probability = one / (one + e) if score >= 0 else e / (one + e)
            total += weight * (margin + math.log1p(e))
            delta[i, j] = weight * (probability - labels[i, j])
    return total


@logistic_cross_entropy.register("numba")
def _logistic_cross_entropy(
    backend: Backend, scores: Array, labels: Array, weights: Array
) -> CrossEntropy:
    delta = np.empty(scores.shape, scores.dtype)
    total = logistic_rows(scores, labels.reshape(scores.shape), weights, delta)
    return CrossEntropy(np.float64(total), delta)


@compiled
def add_bias_and_clip(z: Floats, bias: Floats) -> None:
    """The rectifier of z + b, in place."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = max(z[i, j] + bias[j], z.dtype.type(0))


@dense.register("numba")
def _dense(backend: Backend, activation: str, layer: Layer, a: Array) -> Array:
    z = a @ layer.weights
    if activation == "relu":
        add_bias_and_clip(z, layer.bias)
        return z
    z += layer.bias
    return activate(activation, z)


@compiled
def backward_relu(delta: Floats, a: Floats) -> None:
    """δ where the unit was on."""
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            if a[i, j] <= 0:
                delta[i, j] = 0


@compiled
def backward_tanh(delta: Floats, a: Floats) -> None:
    """δ (1 − a²)."""
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            delta[i, j] *= 1 - a[i, j] * a[i, j]


@compiled
def backward_logistic(delta: Floats, a: Floats) -> None:
    """δ a (1 − a)."""
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            delta[i, j] *= a[i, j] * (1 - a[i, j])


BACKWARD = {"relu": backward_relu, "tanh": backward_tanh, "logistic": backward_logistic}


@dense_backward.register("numba")
def _dense_backward(
    backend: Backend, activation: str, layer: Layer, a: Array, delta: Array
) -> Array:
    delta = delta @ layer.weights.T
    if activation in BACKWARD:
        BACKWARD[activation](delta, a)
    return delta
