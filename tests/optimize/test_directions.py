"""Where each solver goes next, against the textbook's formulas on small dense matrices."""

import numpy as np
import pytest

from accelml.optimize import LBFGS, ConjugateGradient
from accelml.optimize.conjugate_gradient import Course
from accelml.optimize.gradient_descent import largest_eigenvalue
from accelml.optimize.iterate import Point
from accelml.optimize.lbfgs import Pairs
from accelml.tree import tree_map

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")


def on_device(backend, tree):
    return tree_map(lambda leaf: backend.asarray(np.asarray(leaf, np.float64)), tree)


def step_from(backend, solver, gradient, memory, reached, value=-1.0):
    """One step from 0, where every other place has one value and one gradient; what was tried."""
    tried = []

    def evaluate(x):
        tried.append(backend.to_numpy(x).copy())
        return Point(x, *on_device(backend, (value, reached)))

    with backend.context():
        start = Point(*on_device(backend, (np.zeros_like(gradient), 0.0, gradient)))
        point, memory, stuck = solver.step(backend, evaluate, start, on_device(backend, memory))
        host = tree_map(backend.to_numpy, (point, memory))
    return *host, bool(stuck), tried


def polak_ribiere(before, direction, after):
    """Nocedal and Wright, equations 5.44 and 5.45."""
    beta = max(0.0, after @ (after - before) / (before @ before))
    found = -after + beta * direction
    return found if found @ after < 0 else -after


COURSES = [
    # g₀, d, g₁: g₁ is flat enough along d for the search to end at once
    ([1.0, 0.5], [-1.0, -1.0], [0.3, -0.2]),
    ([1.0, 0.0], [-1.0, 0.0], [0.05, 0.3]),
    ([2.0, 1.0], [-2.0, -1.0], [-0.1, 0.1]),
    # β would be negative: steepest descent again
    ([1.0, 0.0], [-1.0, 0.0], [0.1, 0.05]),
    # β d outweighs −g₁, and leads uphill: steepest descent again
    ([1.0, 0.0], [-20.0, 1.0], [10.0, 201.9]),
    ([0.004, 0.0], [-0.08, 0.004], [0.04, 0.8076]),
]


@FAST
@pytest.mark.parametrize(("before", "direction", "after"), COURSES)
def test_conjugate_directions(backend, before, direction, after):
    before, direction, after = map(np.array, (before, direction, after))
    memory = Course(direction, 1.0, before @ direction)
    point, memory, stuck, tried = step_from(backend, ConjugateGradient(), before, memory, after)
    assert not stuck
    np.testing.assert_allclose(tried, [direction])
    np.testing.assert_allclose(point.x, direction)
    np.testing.assert_allclose(memory.direction, polak_ribiere(before, direction, after))
    assert (float(memory.step), float(memory.slope)) == (1.0, before @ direction)


@FAST
@pytest.mark.parametrize(
    ("slope", "length"), [(-3.0, 1.5), (-1e-3, 0.005), (-1e9, 50.0), (-1.0, 0.5), (-150.0, 50.0)]
)
def test_the_first_guess_changes_the_value_as_much_as_the_last_step(backend, slope, length):
    """Its length in units of the last, 0.5, is the ratio of the slopes, within 0.01 and 100."""
    gradient, direction = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
    memory = Course(direction, 0.5, slope)
    *_, tried = step_from(
        backend, ConjugateGradient(), gradient, memory, np.array([0.0, 0.1]), value=-1e6
    )
    np.testing.assert_allclose(tried[0], length * direction)


@FAST
@pytest.mark.parametrize("solver", [ConjugateGradient(), LBFGS(3)], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(("gradient", "length"), [([3.0, 4.0], 0.2), ([0.3, 0.4], 1.0)])
def test_the_very_first_step_is_downhill_and_at_most_one_long(backend, solver, gradient, length):
    gradient = np.array(gradient)
    with backend.context():
        point = Point(*on_device(backend, (np.zeros(2), 0.0, gradient)))
        memory = tree_map(backend.to_numpy, solver.start(backend.xp, point))
    *_, tried = step_from(backend, solver, gradient, memory, np.zeros(2))
    np.testing.assert_allclose(tried, [-length * gradient])


@FAST
def test_a_search_that_fails_goes_downhill_next_and_then_gives_up(backend):
    gradient = np.array([3.0, 4.0])
    steepest = Course(-gradient, 0.2, -25.0)
    for direction, gives_up in [([-1.0, 0.0], False), ([-3.0, -1.0], False), (-gradient, True)]:
        memory = Course(np.array(direction), 1.0, -1.0)
        point, memory, stuck, _ = step_from(
            backend, ConjugateGradient(), gradient, memory, gradient, value=1.0
        )
        assert stuck == gives_up
        np.testing.assert_array_equal(point.x, [0.0, 0.0])
        for ours, theirs in zip(memory, steepest, strict=True):
            np.testing.assert_allclose(ours, theirs)


def pairs_of(size, count, columns=4):
    """``count`` pairs of a convex quadratic in a memory of ``size``, and the Hessian."""
    rng = np.random.default_rng(count)
    root = rng.standard_normal((columns, columns))
    hessian = root @ root.T + np.eye(columns)
    steps, changes = np.zeros((2, size, columns))
    inverse = np.zeros(size)
    if count:
        steps[-count:] = rng.standard_normal((count, columns))
        changes[-count:] = steps[-count:] @ hessian
        inverse[-count:] = 1 / np.sum(steps[-count:] * changes[-count:], axis=1)
    return Pairs(steps, changes, inverse), hessian


def dense_inverse_hessian(pairs):
    """The update of Nocedal and Wright, equation 7.16, matrix by matrix, from γ M."""
    kept = [(s, y) for s, y, rho in zip(*pairs[:3], strict=True) if rho > 0]
    identity = np.eye(pairs.steps.shape[1])
    metric = np.kron(pairs.metric, np.eye(2)) if len(pairs.metric) else identity
    gamma = kept[-1][0] @ kept[-1][1] / (kept[-1][1] @ metric @ kept[-1][1]) if kept else 1.0
    found = gamma * metric
    for s, y in kept:
        rho = 1 / (s @ y)
        left = identity - rho * np.outer(s, y)
        found = left @ found @ left.T + rho * np.outer(s, s)
    return found


METRIC = np.array([[3.0, 1.0], [1.0, 0.5]])


@FAST
@pytest.mark.parametrize("metric", [(), METRIC], ids=["no guess", "a guess"])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_two_loops_are_the_dense_update(backend, count, metric, unit):
    """Whether the function is steep or flat."""
    pairs = pairs_of(5, count)[0]
    pairs = Pairs(pairs.steps, unit * pairs.changes, pairs.inverse / unit, metric)
    gradient = np.array([1.0, -2.0, 0.5, 3.0])
    with backend.context():
        found = LBFGS(5).inverse_hessian_times(backend.xp, *on_device(backend, (pairs, gradient)))
        found = backend.to_numpy(found)
    np.testing.assert_allclose(found, dense_inverse_hessian(pairs) @ gradient, rtol=1e-12)


@FAST
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_lbfgs_goes_along_it_by_a_whole_step_and_remembers(backend, count):
    pairs, _ = pairs_of(5, count)
    gradient, after = np.array([1.0, -2.0, 0.5, 3.0]), np.array([0.01, -0.02, 0.0, 0.03])
    _, memory, stuck, tried = step_from(backend, LBFGS(5), gradient, pairs, after)
    length = 1 if count else 1 / np.linalg.norm(gradient)
    taken = -length * dense_inverse_hessian(pairs) @ gradient
    assert not stuck
    np.testing.assert_allclose(tried, [taken], rtol=1e-12)
    np.testing.assert_allclose(memory.steps, [*pairs.steps[1:], taken], rtol=1e-12)
    np.testing.assert_allclose(memory.changes, [*pairs.changes[1:], after - gradient], rtol=1e-12)
    curvature = taken @ (after - gradient)
    np.testing.assert_allclose(memory.inverse, [*pairs.inverse[1:], 1 / curvature], rtol=1e-12)


@FAST
def test_with_a_guess_the_first_step_is_a_whole_one_and_the_guess_is_kept(backend):
    gradient = np.array([3.0, 4.0, 5.0, -1.0])
    pairs = pairs_of(5, 0)[0]._replace(metric=METRIC)
    for after, stuck in [(gradient / 2, False), (gradient, True)]:
        value = 1.0 if stuck else -1.0
        _, memory, gave_up, tried = step_from(
            backend, LBFGS(5), gradient, pairs, after, value=value
        )
        np.testing.assert_allclose(tried[0], -np.kron(METRIC, np.eye(2)) @ gradient)
        np.testing.assert_array_equal(memory.metric, METRIC)
        assert gave_up == stuck


@FAST
@pytest.mark.parametrize(("factor", "length"), [(1, 1), (2, 1), (0.5, 1e-18)])
def test_a_pair_without_curvature_is_not_remembered(backend, factor, length):
    """The gradient is the same there, or longer against the step: then H would not be positive.

    Or the step is nothing beside the change, and no more than a rounding.
    """
    pairs, _ = pairs_of(5, 2)
    before = Point(np.zeros(4), 0.0, np.array([1e3, -2e3, 5e2, 3e3]))
    reached = Point(-length * before.gradient, -1.0, factor * before.gradient)
    with backend.context():
        arguments = on_device(backend, (pairs, before, reached))
        found = tree_map(backend.to_numpy, LBFGS(5).remember(backend.xp, *arguments))
    for ours, theirs in zip(found, pairs, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@FAST
def test_a_search_that_fails_forgets_the_pairs(backend):
    gradient = np.array([1.0, -2.0, 0.5, 3.0])
    for count, gives_up in [(3, False), (0, True)]:
        pairs, _ = pairs_of(5, count)
        point, memory, stuck, _ = step_from(backend, LBFGS(5), gradient, pairs, gradient, value=1.0)
        assert stuck == gives_up
        np.testing.assert_array_equal(point.x, np.zeros(4))
        assert not any(np.any(part) for part in memory[:3])


@FAST
def test_the_largest_eigenvalue(backend):
    """Of a matrix written out, whose largest eigenvalue is well apart from the next."""
    rng = np.random.default_rng(5)
    start = rng.standard_normal(4)
    for spread, shift, offset in [(5.0, 0.0, 3.0), (5.0, 1.0, 0.0), (0.1, 2.0, -1.0)]:
        X = rng.standard_normal((30, 3)) * [1.0, 0.5, spread] + offset
        weights, center = rng.random(30), X.mean(axis=0) - shift
        design = np.column_stack([X - center, np.ones(30)])
        matrix = design.T @ (weights[:, None] * design) / weights.sum()
        *_, second, expected = np.linalg.eigvalsh(matrix)
        assert second < 0.6 * expected
        with backend.context():
            found = largest_eigenvalue(backend, *on_device(backend, (X, weights, center, start)))
        assert float(found) == pytest.approx(expected, rel=1e-6)
