"""An epoch of a perceptron as on NumPy, with the step of each array as one compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.neural_network.training import Batches, Learner, train_epoch
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml_numba.compilation import compiled, compiled_sums
from accelml_numpy.training import Place, run

Floats = np.ndarray[Any, Any]

# Entries whose squares are summed in their own dtype.
BLOCK = 1024


@train_epoch.register("numba")
def _train_epoch(
    backend: Backend, model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner,
    data: Batch, batches: Batches, alpha: Array, settings: Tree,
) -> tuple[Learner, Array]:  # fmt: skip
    return run(backend, model, rule, learner, data, batches, alpha, settings, update)


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


def update(place: Place, rule: SGD | Adam, steps: float, settings: Tree) -> float:
    """Adam or momentum, in place."""
    arrays = [part.reshape(-1) for part in (place.x, place.gradient, *place.memory)]
    if isinstance(rule, SGD):
        rate, momentum = map(float, settings)
        numbers = map(place.x.dtype.type, (place.decay, rate, momentum))
        arguments: Any = (*arrays, *numbers, rule.nesterov)
        return float(momentum_step(*arguments))
    rate, beta_1, beta_2, epsilon = map(float, settings)
    rate *= (1 - beta_2**steps) ** 0.5 / (1 - beta_1**steps)
    factors = (place.decay, rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon)
    arguments = (*arrays, *map(place.x.dtype.type, factors))
    return float(adam(*arguments))
