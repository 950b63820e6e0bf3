"""The stochastic solvers' steps with one fresh array for each result, and no other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.optimize.adam import AdamSettings, Moments, adam_step
from accelml.tree import leaves, like_leaves


class Moved(NamedTuple):
    """What Adam makes of one array of parameters."""

    x: Array
    mean: Array
    square: Array


@adam_step.register("numpy")
def _adam_step(
    backend: Backend, params: Tree, gradient: Tree, memory: Moments, settings: AdamSettings
) -> tuple[Tree, Moments]:
    rate, beta_1, beta_2, epsilon = map(float, settings)
    steps = float(memory.steps) + 1
    rate *= (1 - beta_2**steps) ** 0.5 / (1 - beta_1**steps)
    moved = [
        adam_array(x, g, m, v, rate, beta_1, beta_2, epsilon)
        for x, g, m, v in zip(
            leaves(params), leaves(gradient), leaves(memory.mean), leaves(memory.square),
            strict=True,
        )
    ]  # fmt: skip
    moments = Moments(
        like_leaves(memory.mean, [part.mean for part in moved]),
        like_leaves(memory.square, [part.square for part in moved]),
        np.asarray(steps),
    )
    return like_leaves(params, [part.x for part in moved]), moments


def adam_array(
    x: np.ndarray[Any, Any],
    g: np.ndarray[Any, Any],
    m: np.ndarray[Any, Any],
    v: np.ndarray[Any, Any],
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Moved:
    """One array's step."""
    scratch = (1 - beta_1) * g
    mean = beta_1 * m
    mean += scratch
    np.multiply(g, g, out=scratch)
    scratch *= 1 - beta_2
    square = beta_2 * v
    square += scratch
    np.sqrt(square, out=scratch)
    scratch += epsilon
    np.divide(mean, scratch, out=scratch)
    scratch *= -rate
    scratch += x
    return Moved(scratch, mean, square)
