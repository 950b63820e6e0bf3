"""Stochastic gradient descent with momentum.

The mathematics is in docs/mathematics/multilayer-perceptron.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.tree import tree_map


class SGDSettings(NamedTuple):
    """Traced, so that another learning rate compiles nothing."""

    learning_rate: Array  # ()
    momentum: Array  # ()


@kernel(static=("nesterov",))
def sgd_step(
    backend: Backend, nesterov: bool, params: Tree, gradient: Tree, velocity: Tree,
    settings: SGDSettings,
) -> tuple[Tree, Tree]:  # fmt: skip
    """Move by the velocity: v ← μ v − η g;  x ← x + v, or x ← x + μ v − η g to look ahead."""
    xp = backend.xp

    def accelerate(v: Array, g: Array) -> Array:
        rate, momentum = (xp.astype(setting, g.dtype) for setting in settings)
        return momentum * v - rate * g

    velocity = tree_map(accelerate, velocity, gradient)
    ahead = tree_map(accelerate, velocity, gradient) if nesterov else velocity
    return tree_map(lambda x, v: x + v, params, ahead), velocity


@dataclass(frozen=True)
class SGD:
    """Gradient descent on mini-batches, with momentum.

    Parameters
    ----------
    nesterov : bool
        Take the gradient's step from where the momentum leads.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, On the importance of initialization and momentum in deep
    learning, ICML 2013.
    The mathematics is in docs/mathematics/multilayer-perceptron.md.
    """

    nesterov: bool = False

    def start(self, xp: Any, params: Tree) -> Tree:
        """At rest."""
        return tree_map(xp.zeros_like, params)

    def step(
        self, backend: Backend, params: Tree, gradient: Tree, memory: Tree, settings: SGDSettings
    ) -> tuple[Tree, Tree]:
        """The next parameters and the next velocity."""
        return sgd_step(backend, self.nesterov, params, gradient, memory, settings)
