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
    e = xp.exp(-xp.abs(z))
    return xp.where(z >= 0, xp.ones_like(e), e) / (1 + e)


def sigmoids(xp: Any, z: Array) -> tuple[Array, Array]:
    """The sigmoid of ``-z`` and that of ``z``: where one is all but 1, the other has its digits."""
    e = xp.exp(-xp.abs(z))
    one, is_positive = xp.ones_like(e), z >= 0
    return xp.where(is_positive, e, one) / (1 + e), xp.where(is_positive, one, e) / (1 + e)


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
