"""Adam: steps scaled by running moments of the gradient.

The mathematics is in docs/mathematics/multilayer-perceptron.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.tree import tree_map


class AdamSettings(NamedTuple):
    """Traced, so that another learning rate compiles nothing; float64 scalars."""

    learning_rate: Array
    beta_1: Array
    beta_2: Array
    epsilon: Array


class Moments(NamedTuple):
    """Running means of the gradient and of its square, and the number of steps."""

    mean: Tree
    square: Tree
    steps: Array  # () float64


@kernel
def adam_step(
    backend: Backend, params: Tree, gradient: Tree, memory: Moments, settings: AdamSettings
) -> tuple[Tree, Moments]:
    """Step along the running mean of the gradient, scaled by that of its square.

    m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  x ← x − ηₜ m / (√v + ε).
    Both moments start at zero, which ηₜ = η √(1 − β₂ᵗ) / (1 − β₁ᵗ) makes up for.

    References
    ----------
    Kingma, Ba, Adam: a method for stochastic optimization, ICLR 2015, end of section 2.
    """
    xp = backend.xp
    rate, beta_1, beta_2, epsilon = settings
    steps = memory.steps + 1
    rate = rate * xp.sqrt(1 - beta_2**steps) / (1 - beta_1**steps)

    def toward(beta: Array, moment: Array, g: Array) -> Array:
        return xp.astype(beta, g.dtype) * moment + xp.astype(1 - beta, g.dtype) * g

    def update(x: Array, m: Array, v: Array) -> Array:
        return x - xp.astype(rate, x.dtype) * m / (xp.sqrt(v) + xp.astype(epsilon, x.dtype))

    mean = tree_map(lambda m, g: toward(beta_1, m, g), memory.mean, gradient)
    square = tree_map(lambda v, g: toward(beta_2, v, g * g), memory.square, gradient)
    return tree_map(update, params, mean, square), Moments(mean, square, steps)


@dataclass(frozen=True)
class Adam:
    """Adaptive moment estimation.

    The mathematics is in docs/mathematics/multilayer-perceptron.md.
    """

    def start(self, xp: Any, params: Tree) -> Moments:
        """Both moments at zero."""
        zeros = tree_map(xp.zeros_like, params)
        return Moments(zeros, zeros, xp.zeros((), dtype=xp.float64))

    def step(
        self, backend: Backend, params: Tree, gradient: Tree, memory: Moments,
        settings: AdamSettings,
    ) -> tuple[Tree, Moments]:  # fmt: skip
        """The next parameters and the next moments."""
        return adam_step(backend, params, gradient, memory, settings)
