"""Batch gradient descent: against the gradient, by a fixed step length.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.objectives.products import transposed_times
from accelml.optimize.iterate import Evaluate, Point


@dataclass(frozen=True)
class GradientDescent:
    """x ← x − η ∇f(x), where the settings are η, an array of shape ().

    References
    ----------
    Nocedal, Wright, Numerical Optimization, 2nd ed., 2006, section 3.3.
    The mathematics is in docs/mathematics/linear-regression.md.
    """

    def start(self, xp: Any, point: Point, settings: Array) -> Array:
        """The memory is η itself."""
        return xp.astype(settings, point.x.dtype)

    def step(
        self, backend: Backend, evaluate: Evaluate, point: Point, memory: Array
    ) -> tuple[Point, Array, Array]:
        """One step; a value that rises is not a failure here, one that is not finite is."""
        reached = evaluate(point.x - memory * point.gradient)
        return reached, memory, ~backend.xp.isfinite(reached.value)


@kernel
def largest_eigenvalue(
    backend: Backend, X: Array, weights: Array, center: Array, start: Array
) -> Array:
    """The largest eigenvalue of (X − c)ᵀ diag(w) (X − c) / Σw, with a column of ones beside X − c.

    Twenty power iterations from ``start``, of shape (d + 1,). It bounds the curvature of a linear
    model's loss, and so the longest step that descends.
    """
    xp = backend.xp
    share = weights / xp.sum(weights)

    def times(v: Array) -> Array:
        weighted = share * (X @ v[:-1] + (v[-1] - center @ v[:-1]))
        total = xp.sum(weighted)
        return xp.concat(
            [transposed_times(backend, X, weighted) - center * total, xp.reshape(total, (1,))]
        )

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        v, _ = state
        product = times(v)
        norm = xp.sqrt(xp.sum(product * product))
        return product / xp.where(norm > 0, norm, xp.ones_like(norm)), norm

    def never(state: tuple[Array, Array]) -> Array:
        return xp.zeros((), dtype=xp.bool)

    unit = start / xp.sqrt(xp.sum(start * start))
    return backend.while_loop(step, never, (unit, unit[0]), 20)[1]
