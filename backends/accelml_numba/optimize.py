"""The stochastic solvers' steps as compiled loops: each array is read and written once."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Tree
from accelml.backend import Backend
from accelml.optimize.adam import AdamSettings, Moments, adam_step
from accelml.optimize.iterate import advance
from accelml.optimize.sgd import SGDSettings, sgd_step
from accelml.tree import leaves, like_leaves
from accelml_numba.compilation import compiled, locked_row
from accelml_numpy.optimize import advance_alone

Floats = np.ndarray[Any, Any]


@compiled
def adam_array(
    x: Floats, g: Floats, m: Floats, v: Floats,
    new_x: Floats, new_m: Floats, new_v: Floats,
    rate: float, keep_1: float, take_1: float, keep_2: float, take_2: float, epsilon: float,
) -> None:  # fmt: skip
    """Adam on one flat array; the factors are of its dtype."""
    for i in range(x.size):
        mean = keep_1 * m[i] + take_1 * g[i]
        square = keep_2 * v[i] + take_2 * (g[i] * g[i])
        new_m[i] = mean
        new_v[i] = square
        new_x[i] = x[i] - rate * mean / (np.sqrt(square) + epsilon)


@adam_step.register("numba")
def _adam_step(
    backend: Backend, params: Tree, gradient: Tree, memory: Moments, settings: AdamSettings
) -> tuple[Tree, Moments]:
    rate, beta_1, beta_2, epsilon = map(float, settings)
    steps = float(memory.steps) + 1
    rate *= (1 - beta_2**steps) ** 0.5 / (1 - beta_1**steps)
    factors = (rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon)
    made = []
    for x, g, m, v in zip(
        leaves(params), leaves(gradient), leaves(memory.mean), leaves(memory.square), strict=True
    ):
        new = [np.empty(x.shape, x.dtype) for _ in range(3)]
        typed: Any = [x.dtype.type(factor) for factor in factors]
        arrays: Any = *map(locked_flat, (x, g, m, v)), *map(flat, new)
        adam_array(*arrays, *typed)
        made.append(new)
    new_x, new_m, new_v = zip(*made, strict=True)
    moments = Moments(
        like_leaves(memory.mean, new_m), like_leaves(memory.square, new_v), np.asarray(steps)
    )
    return like_leaves(params, new_x), moments


@compiled
def sgd_array(
    x: Floats, g: Floats, v: Floats, new_x: Floats, new_v: Floats, rate: float, momentum: float,
    nesterov: bool,
) -> None:  # fmt: skip
    """Momentum on one flat array; the factors are of its dtype."""
    for i in range(x.size):
        step = rate * g[i]
        velocity = momentum * v[i] - step
        new_v[i] = velocity
        new_x[i] = x[i] + (momentum * velocity - step if nesterov else velocity)


@sgd_step.register("numba")
def _sgd_step(
    backend: Backend, nesterov: bool, params: Tree, gradient: Tree, velocity: Tree,
    settings: SGDSettings,
) -> tuple[Tree, Tree]:  # fmt: skip
    made = []
    for x, g, v in zip(leaves(params), leaves(gradient), leaves(velocity), strict=True):
        new = [np.empty(x.shape, x.dtype) for _ in range(2)]
        arrays: Any = *map(locked_flat, (x, g, v)), *map(flat, new)
        typed: Any = [x.dtype.type(float(setting)) for setting in settings]
        sgd_array(*arrays, *(*typed, nesterov))
        made.append(new)
    new_x, new_v = zip(*made, strict=True)
    return like_leaves(params, new_x), like_leaves(velocity, new_v)


def flat(x: Floats) -> Floats:
    """One axis; a view wherever the array is contiguous."""
    return x.reshape(-1)


def locked_flat(x: Floats) -> Floats:
    """The same, of what is only read."""
    return locked_row(flat(x))


advance.register("numba")(advance_alone)
