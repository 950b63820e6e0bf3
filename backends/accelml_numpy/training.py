"""An epoch of a perceptron on parameters of its own, which every batch changes where they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.neural_network.training import Batches, Learner, train_epoch
from accelml.objectives.multilayer_perceptron import (
    LOSSES,
    Batch,
    MultilayerPerceptron,
    Parameters,
    dense_backward,
    forward,
)
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import Moments
from accelml.subnormals import subnormals_as_zero
from accelml.tree import leaves, tree_map

Floats = np.ndarray[Any, Any]


# Entries of an array of parameters; with all that belongs to it they stay in cache.
PIECE = 2**15


class Place(NamedTuple):
    """One array of parameters, and what belongs to it; all but the decay is overwritten."""

    x: Floats
    gradient: Floats
    memory: tuple[Floats, ...]  # mean and square of Adam, velocity of SGD
    decay: float  # of the L2 term


# Moves one array by its gradient; what it returns is Σ x² before that, where there is a decay.
Update = Callable[[Place, "SGD | Adam", float, Any], float]


@train_epoch.register("numpy")
def _train_epoch(
    backend: Backend, model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner,
    data: Batch, batches: Batches, alpha: Array, settings: Tree,
) -> tuple[Learner, Array]:  # fmt: skip
    return run(backend, model, rule, learner, data, batches, alpha, settings, update)


@subnormals_as_zero()
def run(
    backend: Backend, model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner,
    data: Batch, batches: Batches, alpha: Array, settings: Tree, update: Update,
) -> tuple[Learner, Array]:  # fmt: skip
    """Copy what training changes, once; then go through the batches."""
    params, memory = tree_map(lambda leaf: np.array(leaf, order="C"), learner)
    gradient = tree_map(np.empty_like, params)
    moving = (memory.mean, memory.square) if isinstance(rule, Adam) else (memory,)
    steps = float(memory.steps) if isinstance(rule, Adam) else 0.0
    size = batches.index.shape[1]
    is_whole = batches.index.shape == (1, len(data.X))
    rows = data.X if is_whole else np.empty((size, data.X.shape[1]), data.X.dtype)
    losses = weight_sum = 0.0
    for index, counts in zip(*batches, strict=True):
        if is_whole:
            labels, weights = data.labels, data.weights * counts
        else:
            # "clip" writes where it should; the default looks at all indices first, in a buffer.
            np.take(data.X, index, axis=0, out=rows, mode="clip")
            labels, weights = data.labels[index], data.weights[index] * counts
        weight = float(weights.sum(dtype=np.float64))
        divisor = weight or 1.0
        activations = forward(backend, model.activation, params, rows)
        total, delta = LOSSES[model.output](backend, activations[-1], labels, weights)
        delta *= delta.dtype.type(1 / divisor)
        backward_into(gradient, backend, model.activation, params, activations, delta)
        steps += 1
        square, decay = 0.0, float(alpha) / divisor
        for x, g, *m in zip(*map(leaves, (params, gradient, *moving)), strict=True):
            place = Place(x, g, tuple(m), decay if x.ndim == 2 else 0.0)
            square += update(place, rule, steps, settings)
        losses += (float(total) + float(alpha) / 2 * square) / divisor * weight
        weight_sum += weight
    if isinstance(rule, Adam):
        memory = Moments(memory.mean, memory.square, np.asarray(steps))
    return Learner(params, memory), np.float64(losses) / np.float64(weight_sum)


def backward_into(
    gradient: Parameters, backend: Backend, activation: str, params: Parameters,
    activations: list[Floats], delta: Floats,
) -> None:  # fmt: skip
    """Backpropagation, as in the generic body, into arrays that are there."""
    for position in reversed(range(len(params))):
        a, into = activations[position], gradient[position]
        np.matmul(a.T, delta, out=into.weights)
        np.sum(delta, axis=0, out=into.bias)
        if position > 0:
            delta = dense_backward(backend, activation, params[position], a, delta)


def update(place: Place, rule: SGD | Adam, steps: float, settings: Tree) -> float:
    """Adam or momentum, in place, a piece at a time that stays in cache."""
    x, g, memory, decay = place
    flat = [part.reshape(-1) for part in (x, g, *memory)]
    square = 0.0
    for first in range(0, x.size, PIECE):
        x, g, *m = (part[first : first + PIECE] for part in flat)
        square += update_piece(Place(x, g, tuple(m), decay), rule, steps, settings)
    return square


def update_piece(place: Place, rule: SGD | Adam, steps: float, settings: Tree) -> float:
    """The gradient serves as scratch."""
    x, g, memory, decay = place
    square = 0.0
    if decay > 0:
        square = float(np.vdot(x, x))
        g += decay * x
    if isinstance(rule, SGD):
        (velocity,), (rate, momentum) = memory, map(float, settings)
        g *= rate
        velocity *= momentum
        velocity -= g
        x += momentum * velocity - g if rule.nesterov else velocity
        return square
    (mean, second), (rate, beta_1, beta_2, epsilon) = memory, map(float, settings)
    rate *= (1 - beta_2**steps) ** 0.5 / (1 - beta_1**steps)
    mean *= beta_1
    mean += (1 - beta_1) * g
    second *= beta_2
    g *= g
    g *= 1 - beta_2
    second += g
    np.sqrt(second, out=g)
    g += epsilon
    np.divide(mean, g, out=g)
    g *= rate
    x -= g
    return square
