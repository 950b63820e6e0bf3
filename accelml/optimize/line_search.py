"""A step length that satisfies the strong Wolfe conditions.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.optimize.iterate import Evaluate, Point
from accelml.tree import tree_map

SUFFICIENT_DECREASE = 1e-4
MAX_TRIALS = 25


class Trial(NamedTuple):
    """One step length, with the value and the slope along the line there."""

    step: Array
    value: Array
    slope: Array


class Search(NamedTuple):
    """The bracket, and the best point found so far."""

    low: Trial  # the lowest that decreased enough
    high: Trial  # the other end; its step is infinite until a bracket is found
    step: Array  # the next to try
    best: Point  # at ``low``
    accepted: Array


def strong_wolfe(
    backend: Backend,
    evaluate: Evaluate,
    start: Point,
    direction: Array,
    first_step: Array,
    curvature: float = 0.9,
) -> tuple[Point, Array, Array]:
    """Search along a descent direction.

    Parameters
    ----------
    backend : Backend
    evaluate : callable
        ``x -> Point``.
    start : Point
    direction : array of shape (p,)
    first_step : array of shape ()
        The step length to try first.
    curvature : float
        How much flatter the line must be at the end: 0.9 for quasi-Newton directions, 0.1 for
        conjugate gradients.

    Returns
    -------
    point : Point
        Where φ(t) ≤ φ(0) + 10⁻⁴ t φ′(0) and |φ′(t)| ≤ ``curvature`` |φ′(0)|; failing that
        within 25 trials, the lowest point with the first of the two.
    step : array of shape ()
    failed : array of shape (), bool
        Where there is none; ``point`` is then ``start``.

    References
    ----------
    Nocedal, Wright, Numerical Optimization, 2nd ed., 2006, algorithms 3.5 and 3.6, here as one
    loop: the upper end of the bracket is infinite until one is found. Hager, Zhang, A new conjugate
    gradient method with guaranteed descent and an efficient line search, SIAM J. Optim. 16, 2005.
    """
    xp = backend.xp
    initial_slope = dot(xp, start.gradient, direction)
    zero = xp.zeros_like(initial_slope)
    rounding = float(xp.finfo(direction.dtype).eps)

    def step(search: Search) -> Search:
        t = search.step
        point = evaluate(start.x + xp.astype(t, direction.dtype) * direction)
        trial = Trial(t, point.value, dot(xp, point.gradient, direction))

        # Written so that a value that is not a number counts as too high.
        decreased = point.value <= start.value + SUFFICIENT_DECREASE * t * initial_slope
        lower = decreased & (point.value < search.low.value)
        # Where values differ by rounding only, the slopes still tell: Hager and Zhang, 2005.
        same = xp.abs(point.value - start.value) <= rounding * xp.abs(start.value)
        lower = lower | (same & (trial.slope <= (2 * SUFFICIENT_DECREASE - 1) * initial_slope))
        flat = xp.abs(trial.slope) <= -curvature * initial_slope
        beyond = trial.slope * (search.high.step - search.low.step) >= 0

        low = select(xp, lower, trial, search.low)
        high = select(xp, lower & ~beyond, search.high, select(xp, lower, search.low, trial))
        accepted = lower & flat
        following = t if at_hand(accepted) else next_step(xp, low, high)
        return Search(low, high, following, select(xp, lower, point, search.best), accepted)

    def done(search: Search) -> Array:
        return search.accepted

    origin = Trial(zero, start.value, initial_slope)
    unbounded = Trial(zero + xp.inf, start.value, zero)
    search = Search(origin, unbounded, first_step + zero, start, initial_slope >= 0)
    search = backend.while_loop(step, done, search, MAX_TRIALS)
    return search.best, search.low.step, search.low.step == 0


def next_step(xp: Any, low: Trial, high: Trial) -> Array:
    """The minimum of the cubic through both ends, kept well inside; further out with no bracket."""
    width = high.step - low.step
    bounded = xp.isfinite(width)
    safe_width = xp.where(bounded & (width != 0), width, xp.ones_like(width))
    d1 = low.slope + high.slope - 3 * (high.value - low.value) / safe_width
    square = d1 * d1 - low.slope * high.slope
    d2 = xp.sign(safe_width) * xp.sqrt(xp.maximum(square, xp.zeros_like(square)))
    denominator = high.slope - low.slope + 2 * d2
    nonzero = xp.where(denominator == 0, xp.ones_like(denominator), denominator)
    fraction = 1 - (high.slope + d2 - d1) / nonzero
    usable = xp.isfinite(fraction) & (square >= 0) & (denominator != 0)
    half = xp.full_like(fraction, 0.5)
    fraction = xp.clip(xp.where(usable, fraction, half), 0.1, 0.9)
    return xp.where(bounded, low.step + fraction * safe_width, 4 * low.step)


def dot(xp: Any, a: Array, b: Array) -> Array:
    """The inner product of two vectors, summed in float64."""
    return xp.sum(a * b, dtype=xp.float64)


def select(xp: Any, condition: Array, yes: Tree, no: Tree) -> Tree:
    """``yes`` where the condition holds, else ``no``, for whole trees."""
    known = at_hand(condition)
    if known is not None:
        return yes if known else no
    return tree_map(lambda a, b: xp.where(condition, a, b), yes, no)


def at_hand(condition: Array) -> bool | None:
    """Whether a condition holds, if NumPy has computed it; ``None`` if it would be waited for."""
    return bool(condition) if isinstance(condition, (bool, np.bool_, np.ndarray)) else None
