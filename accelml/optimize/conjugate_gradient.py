"""Nonlinear conjugate gradient, after Polak and Ribière.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.optimize.iterate import Evaluate, Point
from accelml.optimize.line_search import dot, select, strong_wolfe


class Course(NamedTuple):
    """The direction of the next step, and how the last one went."""

    direction: Array  # (p,)
    step: Array  # () float64, the last step length
    slope: Array  # () float64, at its start


@dataclass(frozen=True)
class ConjugateGradient:
    """d ← −g + β d with β = max(0, g·(g − g₀) / g₀·g₀), and a strong-Wolfe line search.

    References
    ----------
    Nocedal, Wright, Numerical Optimization, 2nd ed., 2006, section 5.2, "PR+".
    The mathematics is in docs/mathematics/linear-regression.md.
    """

    def start(self, xp: Any, point: Point, settings: Tree = ()) -> Course:
        """Steepest descent first."""
        norm = xp.sqrt(dot(xp, point.gradient, point.gradient))
        one = xp.ones_like(norm)
        return Course(-point.gradient, one / xp.maximum(norm, one), -norm * norm)

    def step(
        self, backend: Backend, evaluate: Evaluate, point: Point, memory: Course
    ) -> tuple[Point, Course, Array]:
        """Search along the direction; where that fails, go downhill next time."""
        xp = backend.xp
        slope = dot(xp, point.gradient, memory.direction)
        # The first guess changes the value to first order as much as the last step did.
        safe_slope = xp.where(slope == 0, -xp.ones_like(slope), slope)
        first_step = memory.step * xp.clip(memory.slope / safe_slope, 0.01, 100.0)
        reached, length, failed = strong_wolfe(
            backend, evaluate, point, memory.direction, first_step, curvature=0.1
        )
        square = dot(xp, point.gradient, point.gradient)
        beta = dot(xp, reached.gradient, reached.gradient - point.gradient)
        beta = xp.maximum(beta / xp.where(square > 0, square, 1.0), xp.zeros_like(beta))
        direction = xp.astype(beta, point.x.dtype) * memory.direction - reached.gradient
        downhill = dot(xp, direction, reached.gradient) < 0
        direction = xp.where(downhill, direction, -reached.gradient)

        steepest = self.start(xp, point)
        was_steepest = xp.all(memory.direction == steepest.direction)
        memory = select(xp, failed, steepest, Course(direction, length, slope))
        return reached, memory, failed & was_steepest
