"""The solvers' steps: with one fresh array for each result and no other, and on one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.blas import one_thread_each
from accelml.objectives.linear_classifier import LinearClassifier
from accelml.optimize.adam import AdamSettings, Moments, adam_step
from accelml.optimize.iterate import Solver, State, advance
from accelml.tree import Layout, leaves, like_leaves


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


@advance.register("numpy")
def advance_alone(
    backend: Backend, solver: Solver, objective: Callable[..., Any], layout: Layout, state: State,
    data: Tree, tol: Array, max_iter: Array,
) -> State:  # fmt: skip
    """With the matrix library held to one thread, where the objective shares out rows itself.

    Between two passes over the rows, a solver multiplies small matrices. The library's threads
    would go on waiting for more of that on the cores that the next pass needs.
    """
    shares_out = isinstance(objective, LinearClassifier)
    with one_thread_each() if shares_out else contextlib.nullcontext():
        return advance.generic(backend, solver, objective, layout, state, data, tol, max_iter)
