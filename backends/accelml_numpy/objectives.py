"""The objectives' kernels in place: NumPy's temporaries cost more than its arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.objectives.cross_entropy import CrossEntropy, softmax_cross_entropy
from accelml.objectives.multilayer_perceptron import Layer, dense, dense_backward


@softmax_cross_entropy.register("numpy")
def _softmax_cross_entropy(
    backend: Backend, scores: Array, labels: Array, weights: Array
) -> CrossEntropy:
    rows = np.arange(len(scores))
    delta = scores - scores.max(axis=1, keepdims=True)
    target = delta[rows, labels]
    np.exp(delta, out=delta)
    partition = delta.sum(axis=1)
    losses = np.log(partition) - target
    delta /= partition[:, None]
    delta[rows, labels] -= 1
    delta *= weights[:, None]
    return CrossEntropy(np.sum(weights * losses, dtype=np.float64), delta)


@dense.register("numpy")
def _dense(backend: Backend, activation: str, layer: Layer, a: Array) -> Array:
    z = a @ layer.weights
    z += layer.bias
    return activate(activation, z)


def activate(activation: str, z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Replace scores by their activation."""
    if activation == "relu":
        np.maximum(z, 0, out=z)
    elif activation == "tanh":
        np.tanh(z, out=z)
    elif activation == "logistic":
        # σ(z) = (1 + tanh(z / 2)) / 2 neither overflows nor needs a second pass for the sign.
        z *= 0.5
        np.tanh(z, out=z)
        z += 1
        z *= 0.5
    return z


@dense_backward.register("numpy")
def _dense_backward(
    backend: Backend, activation: str, layer: Layer, a: Array, delta: Array
) -> Array:
    delta = delta @ layer.weights.T
    if activation == "relu":
        delta *= a > 0
    elif activation == "tanh":
        delta *= 1 - a * a
    elif activation == "logistic":
        delta *= a * (1 - a)
    return delta
