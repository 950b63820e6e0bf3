"""The stochastic solvers' steps of one flat array, in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml_numba.compilation import compiled, compiled_sums

Floats = np.ndarray[Any, Any]

# Entries whose squares are summed in their own dtype.
BLOCK = 1024


@compiled_sums
def sum_squares(x: Floats) -> Any:
    """Σ x²."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * x[i]
    return total


@compiled
def square_in_blocks(x: Floats) -> float:
    """Σ x² in float64."""
    total = 0.0
    for first in range(0, x.size, BLOCK):
        total += sum_squares(x[first : first + BLOCK])
    return total


@compiled
def adam(
    x: Floats, g: Floats, m: Floats, v: Floats, decay: float,
    rate: float, keep_1: float, take_1: float, keep_2: float, take_2: float, epsilon: float,
) -> float:  # fmt: skip
    """Adam in place; the factors are of the dtype of the arrays."""
    square = square_in_blocks(x) if decay > 0 else 0.0
    for i in range(x.size):
        slope = g[i] + decay * x[i]
        mean = keep_1 * m[i] + take_1 * slope
        second = keep_2 * v[i] + take_2 * (slope * slope)
        m[i] = mean
        v[i] = second
        x[i] -= rate * mean / (np.sqrt(second) + epsilon)
    return square


@compiled
def momentum_step(
    x: Floats, g: Floats, v: Floats, decay: float, rate: float, momentum: float, nesterov: bool
) -> float:
    """Momentum in place; the factors are of the dtype of the arrays."""
    square = square_in_blocks(x) if decay > 0 else 0.0
    for i in range(x.size):
        step = rate * (g[i] + decay * x[i])
        velocity = momentum * v[i] - step
        v[i] = velocity
        x[i] += momentum * velocity - step if nesterov else velocity
    return square
