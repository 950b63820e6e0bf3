"""The objectives' kernels as compiled loops: one pass over each row while it is in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.objectives.multilayer_perceptron import Layer, dense, dense_backward
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numpy.objectives import activate

Floats = np.ndarray[Any, Any]


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
        add_bias_and_clip(z, locked_row(layer.bias))
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
        BACKWARD[activation](delta, locked(a))
    return delta
