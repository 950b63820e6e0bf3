"""The trials of the line search, one by one, against the textbook's own loop."""

import numpy as np
import pytest

from accelml.optimize.iterate import Point
from accelml.optimize.line_search import Trial, at_hand, dot, next_step, select, strong_wolfe
from accelml.tree import leaves, tree_map

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")


def interpolated(backend, low, high):
    with backend.context():
        ends = (Trial(*(backend.asarray(np.asarray(float(x))) for x in end)) for end in (low, high))
        return float(next_step(backend.xp, *ends))


def cubic_minimum(polynomial, low, high):
    """Where in the bracket the next trial lies: at the minimum, but well inside."""
    minima = [
        root.real
        for root in polynomial.deriv().roots()
        if abs(root.imag) < 1e-12 and polynomial.deriv(2)(root.real) > 0
    ]
    if not minima:
        return (low + high) / 2
    inside = np.clip((minima[0] - low) / (high - low), 0.1, 0.9)
    return low + inside * (high - low)


@FAST
@pytest.mark.parametrize("seed", range(12))
def test_the_next_trial_is_the_minimum_of_the_cubic(backend, seed):
    rng = np.random.default_rng(seed)
    inside = 0
    for _ in range(20):
        polynomial = np.polynomial.Polynomial(rng.standard_normal(4) * [1, 1, 3, 1])
        low, high = rng.uniform(-2, 2, 2)
        ends = [(t, polynomial(t), polynomial.deriv()(t)) for t in (low, high)]
        expected = cubic_minimum(polynomial, low, high)
        inside += 0.11 < (expected - low) / (high - low) < 0.89
        assert interpolated(backend, *ends) == pytest.approx(expected, rel=1e-8, abs=1e-8)
    assert inside >= 2


@FAST
@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ((0, 0, -1), (1, 0, 1), 0.5),
        ((1, 0, 1), (0, 0, -1), 0.5),
        ((0, 1.0, -2.0), (4.0, 9.0, 6.0), 1.0),  # (t − 1)²
        ((0, 0, -1), (8, -8, -1), 4.0),  # a straight line has no minimum
        ((0, 0, -1), (8, np.inf, 5), 4.0),
        ((0, 0, -1), (8, np.nan, 5), 4.0),
        ((0, 0, -1), (8, np.nan, np.nan), 4.0),
        ((2, -1, -1), (np.inf, 0, 0), 8.0),  # no bracket yet
    ],
)
def test_the_next_trial_in_plain_numbers(backend, low, high, expected):
    assert interpolated(backend, low, high) == pytest.approx(expected, rel=1e-14)


def textbook(function, first_step, curvature):
    """The trials of algorithms 3.5 and 3.6, decision by decision, and whether they arrived."""
    start, slope = function(0.0)
    low, high, t, trials = (0.0, start, slope), None, first_step, []
    while len(trials) < 25:
        value, derivative = function(t)
        trials.append(t)
        if value > start + 1e-4 * t * slope or value >= low[1]:
            high = t, value, derivative
        else:
            if abs(derivative) <= -curvature * slope:
                return trials, True
            width = np.inf if high is None else high[0] - low[0]
            if derivative * width >= 0:
                high = low
            low = t, value, derivative
        t = 4 * low[0] if high is None else hermite(low, high)
    return trials, False


def hermite(low, high):
    """The minimum of the cubic through two values and slopes, by solving for its coefficients."""
    rows, known = [], []
    width = high[0] - low[0]
    for t, (_, value, slope) in ((0.0, low), (1.0, high)):
        rows += [[1, t, t**2, t**3], [0, 1, 2 * t, 3 * t**2]]
        known += [value, slope * width]
    polynomial = np.polynomial.Polynomial(np.linalg.solve(rows, known))
    return low[0] + width * cubic_minimum(polynomial, 0.0, 1.0)


SMOOTH = {
    "quadratic": lambda t: ((t - 1) ** 2, 2 * (t - 1)),
    "quartic": lambda t: ((t - 3) ** 4, 4 * (t - 3) ** 3),
    "waves": lambda t: (0.05 * t**2 - np.sin(2 * t) - t, 0.1 * t - 2 * np.cos(2 * t) - 1),
    "valley": lambda t: (np.sqrt(1 + (t - 5) ** 2), (t - 5) / np.sqrt(1 + (t - 5) ** 2)),
    "exponential": lambda t: (np.exp(t) - 5 * t, np.exp(t) - 5),
}


def trials_of(backend, function, first_step, **options):
    """Every step length that the search tries, the one it ends at, and whether it failed."""
    trials = []

    def evaluate(x):
        trials.append(float(x[0]))
        value, slope = function(trials[-1])
        return Point(
            x, backend.asarray(np.float64(value)), backend.asarray(np.array([slope], np.float64))
        )

    with backend.context():
        start = evaluate(backend.asarray(np.zeros(1)))
        direction, first = backend.asarray(np.ones(1)), backend.asarray(np.float64(first_step))
        _, step, failed = strong_wolfe(backend, evaluate, start, direction, first, **options)
        return trials[1:], float(step), bool(failed)


@FAST
@pytest.mark.parametrize("curvature", [0.01, 0.1, 0.9])
@pytest.mark.parametrize("first_step", [1e-3, 0.1, 0.7, 2.0, 4.5, 30.0])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_trials_are_those_of_the_textbook(backend, name, first_step, curvature):
    expected, arrived = textbook(SMOOTH[name], first_step, curvature)
    trials, step, failed = trials_of(backend, SMOOTH[name], first_step, curvature=curvature)
    assert arrived
    assert not failed
    np.testing.assert_allclose(trials, expected, rtol=1e-6)
    assert step == trials[-1]


@FAST
def test_a_quasi_newton_step_needs_nine_tenths_of_the_slope_gone(backend):
    """By default; at 1.96 the parabola has 0.96 of it left, uphill."""
    trials, step, _ = trials_of(backend, SMOOTH["quadratic"], 1.96)
    assert trials[0] == 1.96
    assert step != 1.96
    trials, step, _ = trials_of(backend, SMOOTH["quadratic"], 1.88)
    assert trials == [1.88] == [step]


@FAST
def test_a_decrease_that_is_too_small_for_its_length_is_none(backend):
    """Half of 10⁻⁴ lower everywhere: enough for a step of a half, not for one of 1."""
    trials, step, failed = trials_of(backend, lambda t: (-0.5e-4 * (t > 0), -1.0 * (t == 0)), 1.0)
    assert not failed
    assert len(trials) > 1
    assert 0 < step <= 0.5


@FAST
@pytest.mark.parametrize(("slope", "value"), [(-100.0, -5e-3), (-0.01, -0.5e-6)])
def test_and_so_it_is_on_steep_and_on_shallow_lines(backend, slope, value):
    """Half of 10⁻⁴ times the slope, and twice as much."""
    trials, _, _ = trials_of(backend, lambda t: (value * (t > 0), slope * (t == 0)), 1.0)
    assert len(trials) > 1
    trials, step, _ = trials_of(backend, lambda t: (4 * value * (t > 0), slope * (t == 0)), 1.0)
    assert trials == [1.0] == [step]


@FAST
@pytest.mark.parametrize(
    ("slope", "accepted"), [(1.9995, True), (1.9997, False), (3.0, False), (-1.0, True)]
)
def test_where_values_differ_by_rounding_the_slopes_decide(backend, slope, accepted):
    """Hager and Zhang: φ′(t) ≤ (2 · 10⁻⁴ − 1) φ′(0), which is −2 here."""
    value = 1.0 + np.finfo(np.float64).eps
    trials, step, failed = trials_of(
        backend, lambda t: (value if t else 1.0, slope if t else -2.0), 0.5, curvature=1.0
    )
    assert failed != accepted
    assert (trials == [0.5] == [step]) == accepted


@FAST
def test_inner_products_are_summed_in_float64(backend):
    """2²⁴ + 3 is no number of float32."""
    a = backend.asarray(np.array([4096, 1, 1, 1], np.float32))
    found = dot(backend.xp, a, a)
    assert found.dtype == backend.xp.float64
    assert float(found) == 2.0**24 + 3


def test_only_what_numpy_has_computed_is_at_hand():
    assert at_hand(np.float64(1) > 0) is True
    assert at_hand(np.asarray(False)) is False
    assert at_hand(object()) is None


@pytest.mark.backends("jax", "array-api-strict", "cupy", "jax-gpu")
def test_a_condition_elsewhere_is_not_waited_for(backend):
    with backend.context():
        assert at_hand(backend.asarray(np.asarray(1.0)) > 0) is None


@FAST
@pytest.mark.parametrize("condition", [True, False])
def test_one_of_two_trees(backend, condition):
    trees = (np.zeros(3), (np.ones(2),)), (np.ones(3), (np.zeros(2),))
    with backend.context():
        yes, no = (tree_map(backend.asarray, tree) for tree in trees)
        chosen = select(backend.xp, backend.asarray(np.asarray(condition)), yes, no)
        for found, expected in zip(leaves(chosen), leaves(trees[not condition]), strict=True):
            np.testing.assert_array_equal(backend.to_numpy(found), expected)
