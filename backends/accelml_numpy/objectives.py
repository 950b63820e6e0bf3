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
    # Along rows of a few classes there is nothing to fill a vector instruction with.
    is_there = scores.T.flags.c_contiguous
    z = np.ascontiguousarray(scores.T)
    z = np.subtract(z, z.max(axis=0), out=None if is_there else z)
    rows = np.arange(len(scores))
    target = z[labels, rows]
    np.exp(z, out=z)
    partition = z.sum(axis=0)
    losses = np.log(partition) - target
    z /= partition
    z[labels, rows] -= 1
    if not (weights == 1).all():
        z *= weights
    return CrossEntropy(np.sum(weights * losses, dtype=np.float64), z.T)


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
