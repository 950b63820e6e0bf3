"""The loop that every full-batch solver shares: step, look, stop.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.tree import Layout

# Steps between two looks from the host: few enough that a progress bar moves and Ctrl-C is heard,
# many enough that a launch costs nothing.
CHUNK = 10


class Stop(enum.IntEnum):
    """Why the iterations ended."""

    RUNNING = 0
    CONVERGED = 1
    STALLED = 2
    NOT_FINITE = 3
    LIMIT = 4
    INTERRUPTED = 5
    ASKED = 6


class Point(NamedTuple):
    """A place that the objective has been evaluated at."""

    x: Array  # (p,)
    value: Array  # () float64
    gradient: Array  # (p,)


Evaluate = Callable[[Array], Point]


class Solver(Protocol):
    """One idea of where to go next. Hashable, because it is static under ``jit``."""

    def start(self, xp: Any, point: Point, settings: Tree) -> Tree:
        """The memory before the first step."""

    def step(
        self, backend: Backend, evaluate: Evaluate, point: Point, memory: Tree
    ) -> tuple[Point, Tree, Array]:
        """The next point, the next memory, and whether no way down was found."""


class Progress(NamedTuple):
    """The lowest value and gradient so far, and since when neither has become lower."""

    value: Array  # () float64
    norm: Array  # () float64
    idle: Array  # () int32


class State(NamedTuple):
    """What one iteration hands to the next."""

    point: Point
    memory: Tree
    progress: Progress
    stop: Array  # () int32, a Stop
    iteration: Array  # () int32
    curve: Array  # (CHUNK,) float64, the value after each iteration of this chunk


@dataclass
class Result:
    """Where a minimisation ended, on the device, and how it came there."""

    params: Tree
    value: float
    gradient_norm: float
    n_iter: int
    stop: Stop
    curve: list[float]


def evaluator(
    backend: Backend, objective: Callable[..., Any], layout: Layout, data: Tree
) -> Evaluate:
    """The objective as a function of one flat vector."""

    def evaluate(x: Array) -> Point:
        value, gradient = objective(backend, layout.unravel(backend.xp, x), data)
        return Point(x, value, layout.ravel(backend.xp, gradient))

    return evaluate


@kernel(static=("solver", "objective", "layout"))
def begin(
    backend: Backend, solver: Solver, objective: Callable[..., Any], layout: Layout, params: Tree,
    data: Tree, settings: Tree,
) -> State:  # fmt: skip
    """Evaluate the starting point."""
    xp = backend.xp
    point = evaluator(backend, objective, layout, data)(layout.ravel(xp, params))
    zero = xp.zeros((), dtype=xp.int32)
    curve = xp.zeros((CHUNK,), dtype=xp.float64)
    progress = Progress(point.value, norm(xp, point.gradient), zero)
    return State(point, solver.start(xp, point, settings), progress, zero, zero, curve)


@kernel(static=("solver", "objective", "layout"))
def advance(
    backend: Backend, solver: Solver, objective: Callable[..., Any], layout: Layout, state: State,
    data: Tree, tol: Array, max_iter: Array,
) -> State:  # fmt: skip
    """Take up to ``CHUNK`` steps, and none past ``max_iter``."""
    xp = backend.xp
    evaluate = evaluator(backend, objective, layout, data)
    position = xp.arange(CHUNK, dtype=xp.int32)

    def step(state: State) -> State:
        point, memory, failed = solver.step(backend, evaluate, state.point, state.memory)
        progress = look(xp, state.progress, point)
        stop = first_true(
            xp,
            (~xp.isfinite(point.value), Stop.NOT_FINITE),
            (norm(xp, point.gradient) <= tol, Stop.CONVERGED),
            (failed | (progress.idle >= PATIENCE), Stop.STALLED),
        )
        curve = xp.where(position == state.iteration % CHUNK, point.value, state.curve)
        return State(point, memory, progress, stop, state.iteration + 1, curve)

    def done(state: State) -> Array:
        return (state.stop != int(Stop.RUNNING)) | (state.iteration >= max_iter)

    first = norm(xp, state.point.gradient) <= tol
    state = state._replace(
        stop=xp.where(first, xp.asarray(int(Stop.CONVERGED), dtype=xp.int32), state.stop)
    )
    ended: State = backend.while_loop(step, done, state, CHUNK)
    return ended


# Iterations without progress after which rounding errors are all that is left.
PATIENCE = 10


def look(xp: Any, progress: Progress, point: Point) -> Progress:
    """Whether the value or the gradient is lower than ever, by more than rounding.

    The value alone would not do: near the minimum it is flat to the last digit while the gradient
    still has half its digits to lose.
    """
    size = norm(xp, point.gradient)
    slack = float(xp.finfo(point.x.dtype).eps) * xp.abs(progress.value)
    lower = (point.value < progress.value - slack) | (size < progress.norm)
    # A value that rises is not at rest: gradient descent by too long a step goes on to overflow.
    moves = lower | (point.value > progress.value + 100 * slack)
    idle = xp.where(moves, xp.zeros_like(progress.idle), progress.idle + 1)
    return Progress(
        xp.where(lower, xp.minimum(point.value, progress.value), progress.value),
        xp.where(lower, xp.minimum(size, progress.norm), progress.norm),
        idle,
    )


def norm(xp: Any, gradient: Array) -> Array:
    """The Euclidean norm, summed in float64.

    Not the largest entry, which scikit-learn looks at: that dips below the tolerance by luck long
    before the loss has settled.
    """
    return xp.sqrt(xp.sum(gradient * gradient, dtype=xp.float64))


def first_true(xp: Any, *cases: tuple[Array, Stop]) -> Array:
    """The status of the first condition that holds, or ``RUNNING``."""
    status = xp.zeros((), dtype=xp.int32)
    for condition, stop in reversed(cases):
        status = xp.where(condition, xp.asarray(int(stop), dtype=xp.int32), status)
    return status


def minimize(
    backend: Backend,
    solver: Solver,
    objective: Callable[..., Any],
    params: Tree,
    data: Tree,
    *,
    tol: float,
    max_iter: int,
    settings: Tree = (),
    monitor: Callable[[int, float], None] | None = None,
    inspect: Callable[[Tree], bool] | None = None,
) -> Result:
    """Minimise an objective over a tree of parameters.

    Parameters
    ----------
    backend : Backend
    solver : Solver
        ``LBFGS()``, ``ConjugateGradient()`` or ``GradientDescent()``.
    objective : callable
        ``objective(backend, params, data) -> (value, gradient)``, hashable.
    params : tree of arrays
        Where to start, on the device.
    data : tree of arrays
        What else the objective needs, on the device.
    tol : float
        Converged when the Euclidean norm of the gradient is at most this.
    max_iter : int
        The most iterations to make.
    settings : tree of arrays, optional
        What the solver needs beside: the learning rate of ``GradientDescent``.
    monitor : callable, optional
        ``monitor(iteration, value)``, called every few iterations, or after every one beside
        ``inspect``.
    inspect : callable, optional
        ``inspect(params) -> bool``, called after every iteration; ``True`` ends them.

    Returns
    -------
    Result
        With the best parameters so far where Ctrl-C ended it.
    """
    xp = backend.xp
    layout = Layout.of(params)
    limit = backend.asarray(min(max_iter, 2**31 - 1), xp.int32)
    threshold = backend.asarray(tol, xp.float64)
    state = begin(backend, solver, objective, layout, params, data, settings)
    curve: list[float] = []
    interrupted = False
    if not bool(xp.isfinite(state.point.value)):
        state = state._replace(stop=xp.asarray(int(Stop.NOT_FINITE), dtype=xp.int32))

    def note() -> None:
        made, first = int(state.iteration) - len(curve), len(curve) % CHUNK
        curve.extend(backend.to_numpy(state.curve)[first : first + made].tolist())

    try:
        while int(state.stop) == Stop.RUNNING and len(curve) < max_iter:
            if inspect is not None:
                limit = backend.asarray(len(curve) + 1, xp.int32)
            state = advance(backend, solver, objective, layout, state, data, threshold, limit)
            note()
            if monitor is not None:
                monitor(len(curve), float(state.point.value))
            if inspect is not None and inspect(layout.unravel(xp, state.point.x)):
                break
    except KeyboardInterrupt:
        interrupted = True
        # It may have come after a chunk was made and before it was noted.
        note()
    stop = Stop(int(state.stop))
    if interrupted:
        stop = Stop.INTERRUPTED
    elif stop == Stop.RUNNING:
        stop = Stop.LIMIT if len(curve) >= max_iter else Stop.ASKED
    return Result(
        params=layout.unravel(xp, state.point.x),
        value=float(state.point.value),
        gradient_norm=float(norm(xp, state.point.gradient)),
        n_iter=len(curve),
        stop=stop,
        curve=curve,
    )
