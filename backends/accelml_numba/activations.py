"""The activations of a perceptron and their slopes, in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml_numba.compilation import compiled
from accelml_numba.elementary import tanh_of

Floats = np.ndarray[Any, Any]

# Compiled code knows them by these numbers.
ACTIVATIONS = {"identity": 0, "relu": 1, "tanh": 2, "logistic": 3}


@compiled
def activate(activation: int, z: Floats) -> None:
    """Replace scores by their activation."""
    one, half = z.dtype.type(1), z.dtype.type(0.5)
    if activation == 1:
        for j in range(z.size):
            z[j] = max(z[j], z.dtype.type(0))
    elif activation == 2:
        for j in range(z.size):
            z[j] = tanh_of(z[j])
    elif activation == 3:
        for j in range(z.size):
            z[j] = half * (one + tanh_of(half * z[j]))


@compiled
def carry_back(activation: int, a: Floats, delta: Floats) -> None:
    """Multiply δ by the slope of the activation, which is known from the activation."""
    one, zero = a.dtype.type(1), a.dtype.type(0)
    if activation == 1:
        for j in range(a.size):
            delta[j] = delta[j] if a[j] > zero else zero
    elif activation == 2:
        for j in range(a.size):
            delta[j] *= one - a[j] * a[j]
    elif activation == 3:
        for j in range(a.size):
            delta[j] *= a[j] * (one - a[j])
