"""L-BFGS: the inverse Hessian from the last few steps.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.optimize.iterate import Evaluate, Point
from accelml.optimize.line_search import at_hand, dot, select, strong_wolfe


class Pairs(NamedTuple):
    """The last steps and the changes of the gradient along them, the newest last."""

    steps: Array  # (m, p)
    changes: Array  # (m, p)
    inverse: Array  # (m,) float64, 1 / (step · change); 0 marks an empty place
    metric: Tree = ()  # (q, q), see ``LBFGS``


def is_none(tree: Tree) -> bool:
    """Whether there is nothing in a tree."""
    return isinstance(tree, tuple) and not tree


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS with a strong-Wolfe line search.

    The settings are a first guess M of the inverse Hessian, a symmetric positive definite matrix of
    shape (q, q) for parameters that are q rows of some numbers, each column of which it applies to;
    or none, for the identity. The better the guess, the fewer the steps.

    Parameters
    ----------
    memory_size : int
        How many steps it remembers.

    References
    ----------
    Nocedal, Wright, Numerical Optimization, 2nd ed., 2006, algorithms 7.4 and 7.5.
    The mathematics is in docs/mathematics/logistic-regression.md.
    """

    memory_size: int = 10

    def start(self, xp: Any, point: Point, settings: Tree = ()) -> Pairs:
        """No pairs yet."""
        empty = xp.zeros((self.memory_size, *point.x.shape), dtype=point.x.dtype)
        return Pairs(empty, empty, xp.zeros((self.memory_size,), dtype=xp.float64), settings)

    def step(
        self, backend: Backend, evaluate: Evaluate, point: Point, memory: Pairs
    ) -> tuple[Point, Pairs, Array]:
        """Go along −H g; where that fails, forget the pairs and go downhill next time."""
        xp = backend.xp
        has_pairs = memory.inverse[-1] > 0
        direction = -self.inverse_hessian_times(xp, memory, point.gradient)
        norm = xp.sqrt(dot(xp, point.gradient, point.gradient))
        one = xp.ones_like(norm)
        # Without a guess of the curvature, the first step is at most one long.
        length = one / xp.maximum(norm, one) if is_none(memory.metric) else one
        first_step = xp.where(has_pairs, one, length)
        reached, _, failed = strong_wolfe(backend, evaluate, point, direction, first_step)
        metric, pairs = memory.metric, memory._replace(metric=())
        kept = select(xp, failed, self.start(xp, point), self.remember(xp, pairs, point, reached))
        return reached, kept._replace(metric=metric), failed & ~has_pairs

    def inverse_hessian_times(self, xp: Any, memory: Pairs, gradient: Array) -> Array:
        """The two-loop recursion around γ M, in float64."""
        q = xp.astype(gradient, xp.float64)
        places = [i for i in range(self.memory_size) if at_hand(memory.inverse[i] > 0) is not False]
        coefficients = []
        for i in reversed(places):
            a = memory.inverse[i] * dot(xp, memory.steps[i, :], q)
            q = q - a * memory.changes[i, :]
            coefficients.append(a)
        guess = self.guess(xp, memory.metric, xp.astype(q, gradient.dtype))
        r = self.scale(xp, memory) * guess
        for i, a in zip(places, reversed(coefficients), strict=True):
            b = memory.inverse[i] * dot(xp, memory.changes[i, :], r)
            r = r + (a - b) * memory.steps[i, :]
        return xp.astype(r, gradient.dtype)

    def guess(self, xp: Any, metric: Tree, vector: Array) -> Array:
        """M V of a vector seen as V, of as many rows as M has."""
        if is_none(metric):
            return vector
        return xp.reshape(metric @ xp.reshape(vector, (metric.shape[0], -1)), vector.shape)

    def scale(self, xp: Any, memory: Pairs) -> Array:
        """γ = s·y / y·M y of the newest pair, which sizes the initial inverse Hessian."""
        change = memory.changes[-1, :]
        square = memory.inverse[-1] * dot(xp, change, self.guess(xp, memory.metric, change))
        return xp.where(square > 0, 1 / xp.where(square > 0, square, 1.0), xp.ones_like(square))

    def remember(self, xp: Any, memory: Pairs, before: Point, after: Point) -> Pairs:
        """Add a pair, unless the curvature along it is not positive."""
        step = after.x - before.x
        change = after.gradient - before.gradient
        curvature = dot(xp, step, change)
        enough = curvature > 2.2e-16 * dot(xp, change, change)
        inverse = 1 / xp.where(enough, curvature, xp.ones_like(curvature))
        longer = Pairs(
            xp.concat([memory.steps[1:, :], step[None, :]]),
            xp.concat([memory.changes[1:, :], change[None, :]]),
            xp.concat([memory.inverse[1:], xp.reshape(inverse, (1,))]),
            memory.metric,
        )
        kept: Pairs = select(xp, enough, longer, memory)
        return kept
