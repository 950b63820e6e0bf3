"""The stochastic solvers' steps of one flat array, in place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from accelml_numba.compilation import compiled, compiled_sums
from accelml_numba.tiles import TILE

Floats = np.ndarray[Any, Any]

# Entries whose squares are summed in their own dtype.
BLOCK = 1024


# With vectors of AVX-512, a root and a quotient take as long as all the rest of Adam. An estimate
# of the reciprocal with one step of Newton's method is right to the last digit but one, and takes a
# third of the quotient's time. Shorter vectors gain nothing.
ESTIMATES = TILE.size == 64


@intrinsic
def with_estimates(typing: Any) -> Any:
    """Let the function that this stands in estimate the quotients of float32 that allow it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if ESTIMATES:
            attributes = builder.function.attributes
            attributes.add("noinline")  # in another function these would be lost
            # llvmlite knows only attributes of one word.
            set.add(attributes, '"prefer-vector-width"="512"')
            set.add(attributes, '"reciprocal-estimates"="vec-divf:1"')
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def quotient(typing: Any, a: Any, b: Any) -> Any:
    """The quotient, by an estimate if the function has them; NaN if the divisor is infinite."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        may = ESTIMATES and a == types.float32
        return builder.fdiv(*arguments, flags=("arcp", "ninf") if may else ())

    return a(a, b), generate


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
    with_estimates()
    for i in range(x.size):
        slope = g[i] + decay * x[i]
        mean = keep_1 * m[i] + take_1 * slope
        second = keep_2 * v[i] + take_2 * (slope * slope)
        m[i] = mean
        v[i] = second
        x[i] -= quotient(rate * mean, np.sqrt(second) + epsilon)
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
