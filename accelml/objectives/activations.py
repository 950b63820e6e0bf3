"""Activation functions, each beside its derivative.

The derivative is written in terms of the activation ``a = f(z)``, which the forward pass has kept,
so the backward pass needs no ``z``.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from accelml._typing import Array


class Activation(NamedTuple):
    """A function ``f`` and, from ``a = f(z)`` and ``delta``, the product ``delta * f'(z)``."""

    apply: Callable[[Any, Array], Array]
    backward: Callable[[Any, Array, Array], Array]


def sigmoid(xp: Any, z: Array) -> Array:
    """``1 / (1 + exp(-z))``, without overflow for either sign of ``z``."""
    return sigmoids(xp, z)[1]


def sigmoids(xp: Any, z: Array) -> tuple[Array, Array]:
    """The sigmoid of ``-z`` and of ``z``, both to all digits: the smaller is not 1 less the other."""
    e = xp.exp(-xp.abs(z))
    larger = 1 / (1 + e)
    smaller, is_positive = e * larger, z >= 0
    return xp.where(is_positive, smaller, larger), xp.where(is_positive, larger, smaller)


ACTIVATIONS = {
    "identity": Activation(
        lambda xp, z: z,
        lambda xp, a, delta: delta,
    ),
    "logistic": Activation(
        sigmoid,
        lambda xp, a, delta: delta * a * (1 - a),
    ),
    "tanh": Activation(
        lambda xp, z: xp.tanh(z),
        lambda xp, a, delta: delta * (1 - a * a),
    ),
    "relu": Activation(
        lambda xp, z: xp.maximum(z, xp.zeros_like(z)),
        lambda xp, a, delta: xp.where(a > 0, delta, xp.zeros_like(delta)),
    ),
}
