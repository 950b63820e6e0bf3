"""The line search against the strong Wolfe conditions, checked in NumPy."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accelml import get_backend
from accelml.optimize.iterate import Point
from accelml.optimize.line_search import SUFFICIENT_DECREASE, strong_wolfe
from tests.backends import CASES


def quadratic(xp, x, p):
    return p * (x - 1) ** 2, 2 * p * (x - 1)


def barrier(xp, x, p):
    """Not a number from x = 1 on; the minimum lies at p / (1 + p)."""
    return -xp.log(1 - x) - p * x, 1 / (1 - x) - p


def exponential(xp, x, p):
    """Overflows far to the right."""
    return xp.exp(x) - (1 + p) * x, xp.exp(x) - (1 + p)


def eighth_power(xp, x, p):
    """Nearly flat about its minimum, and infinite not far off."""
    return p * (x - 1) ** 8, 8 * p * (x - 1) ** 7


def more_thuente(xp, x, p):
    """Function 5.1 of Moré and Thuente, 1994: it rises again towards zero from below."""
    square = x * x + p
    return -x / square, (x * x - p) / (square * square)


def wavy(xp, x, p):
    """Many local minima on the way down."""
    bowl = 0.01 * (x - 10) ** 2
    return bowl + 0.1 * xp.sin(p * x) - 0.1 * p * x, 0.02 * (x - 10) + 0.1 * p * (xp.cos(p * x) - 1)


def kink(xp, x, p):
    """Steep on one side, shallow on the other, smooth only just."""
    root = xp.sqrt((x - 1) ** 2 + 1e-4)
    return root + 0.5 * p * (x - 1) / (1 + p), (x - 1) / root + 0.5 * p / (1 + p)


def rising(xp, x, p):
    """Its gradient lies: it claims that the value falls."""
    return x * x * p, -xp.ones_like(x)


def lone_point(xp, x, p):
    """Defined at the start and nowhere else."""
    return xp.where(x == 0, xp.ones_like(x), xp.full_like(x, xp.nan)), -p * xp.ones_like(x)


def constant(xp, x, p):
    return xp.ones_like(x) * p, xp.zeros_like(x)


def level(xp, x, p):
    """As high everywhere, to within a rounding; it falls at the start, and rises elsewhere."""
    return xp.ones_like(x), xp.where(x == 0, -xp.ones_like(x), p * x)


def falling(xp, x, p):
    """Without a minimum."""
    return -p * x, -p * xp.ones_like(x)


CURVES = (quadratic, barrier, exponential, eighth_power, more_thuente, wavy, kink)
FUNCTIONS = {f.__name__: f for f in (*CURVES, rising, lone_point, constant, level, falling)}
NAMES = [f.__name__ for f in CURVES]
# One JAX device stands for both: what differs is the device alone.
EVERY = pytest.mark.backends(*(name for name in CASES if name != "jax-second-device"))


def search(backend, name, p, x, direction, first_step, curvature):
    """Compiled once for each function, whatever the numbers."""

    def evaluate(x):
        value, slope = FUNCTIONS[name](backend.xp, x, p)
        return Point(x, backend.xp.sum(value), slope)

    start = evaluate(x)
    reached, step, failed = strong_wolfe(backend, evaluate, start, direction, first_step, curvature)
    return start, reached, step, failed


def run(backend, name, p, first_step, curvature, direction=1.0):
    """What the search from 0 finds, as floats."""
    with backend.context():
        xp = backend.xp
        found = backend.compile(search, ("backend", "name"))(
            backend,
            name,
            backend.asarray(p, xp.float64),
            xp.zeros((1,), dtype=xp.float64),
            backend.asarray(np.array([direction])),
            backend.asarray(first_step, xp.float64),
            backend.asarray(curvature, xp.float64),
        )
        start, reached, step, failed = found
        return (
            Point(*(float(backend.to_numpy(part).reshape(())) for part in start)),
            Point(*(float(backend.to_numpy(part).reshape(())) for part in reached)),
            float(step),
            bool(failed),
        )


def along(name, p, t, direction):
    """Value and slope in NumPy."""
    with np.errstate(all="ignore"):
        value, slope = FUNCTIONS[name](np, np.float64(t * direction), np.float64(p))
    return value, slope * direction


# Wider, and 25 trials need not reach the minimum.
steps = st.floats(-6, 4).map(lambda exponent: 10.0**exponent)
parameters = st.floats(0.05, 20.0)
curvatures = st.sampled_from([0.1, 0.9])


@EVERY
@pytest.mark.parametrize("name", NAMES)
def test_strong_wolfe(backend, name):
    @settings(deadline=None, max_examples=30)
    @given(parameters, steps, curvatures)
    @example(1.0, 1e-6, 0.1)
    @example(1.0, 1e4, 0.1)
    def check(p, first_step, curvature):
        sign = -np.sign(along(name, p, 0.0, 1.0)[1])
        if sign == 0:
            return
        start, reached, step, failed = run(backend, name, p, first_step, curvature, sign)
        initial, slope = along(name, p, 0.0, sign)
        value, final_slope = along(name, p, step, sign)
        rounding = 4e-16 * abs(initial)
        assert not failed
        assert step > 0
        assert reached.x == pytest.approx(step * sign, rel=1e-15)
        assert reached.value == pytest.approx(value, rel=1e-12, abs=1e-14)
        assert start.value == pytest.approx(initial, rel=1e-12)
        assert value <= initial + SUFFICIENT_DECREASE * step * slope + rounding
        assert abs(final_slope) <= curvature * abs(slope) * (1 + 1e-9)

    check()


@EVERY
@pytest.mark.parametrize("name", NAMES)
def test_hopeless_first_steps_still_decrease(backend, name):
    """So small or so large that 25 trials need not get there: then it says so, or descends."""

    @settings(deadline=None, max_examples=10)
    @given(st.floats(-300, -8) | st.floats(8, 300), st.floats(0.1, 10), curvatures)
    @example(-320.0, 1.0, 0.9)
    @example(308.0, 1.0, 0.9)
    def check(exponent, p, curvature):
        sign = -np.sign(along(name, p, 0.0, 1.0)[1])
        if sign == 0:
            return
        start, reached, step, failed = run(backend, name, p, 10.0**exponent, curvature, sign)
        assert np.isfinite(reached.value)
        assert np.isfinite(reached.gradient)
        if failed:
            assert step == 0
            assert reached == start
        else:
            slope = start.gradient * sign
            assert reached.x == pytest.approx(step * sign, rel=1e-15)
            rounding = 4e-16 * abs(start.value) + 1e-300  # XLA rounds subnormals to zero
            assert reached.value <= start.value + SUFFICIENT_DECREASE * step * slope + rounding

    check()


@EVERY
@pytest.mark.parametrize("first_step", [np.inf, np.nan, 0.0])
def test_a_first_step_that_is_no_length_does_no_harm(backend, first_step):
    start, reached, step, failed = run(backend, "quadratic", 1.0, first_step, 0.9)
    assert np.isfinite(reached.value)
    assert reached.value <= start.value
    assert failed == (step == 0)


@EVERY
@pytest.mark.parametrize("direction", [-1.0, 0.0])
@pytest.mark.parametrize("name", ["quadratic", "barrier"])
def test_a_direction_that_does_not_descend_fails_at_the_start(backend, name, direction):
    start, reached, step, failed = run(backend, name, 3.0, 1.0, 0.9, direction)
    assert failed
    assert step == 0
    assert reached == start


@EVERY
@pytest.mark.parametrize("name", ["rising", "lone_point", "constant"])
def test_what_cannot_decrease_fails_at_the_start(backend, name):
    start, reached, step, failed = run(backend, name, 1.0, 1.0, 0.9)
    assert failed
    assert step == 0
    assert reached == start


@EVERY
def test_where_values_are_the_same_the_slope_tells(backend):
    """No steeper than at the start, a parabola is as low as it was there, or lower."""
    for p, accepts in [(0.5, True), (1.5, False)]:
        *_, step, failed = run(backend, "level", p, 1.0, 2.0)
        assert not failed
        assert (step == 1) == accepts


@EVERY
def test_a_line_that_falls_for_ever_ends_at_the_lowest_point_tried(backend):
    start, reached, step, failed = run(backend, "falling", 1.0, 1.0, 0.9)
    assert not failed
    assert step == 4.0**24
    assert reached.value == -step < start.value


EXPECTED_EQUAL = [
    (name, p, first_step, curvature)
    for name in ("quadratic", "barrier", "exponential", "more_thuente", "wavy", "kink")
    for p, first_step, curvature in [(0.5, 1.0, 0.9), (2.0, 1e-4, 0.1), (7.0, 1e4, 0.1)]
]


@EVERY
@pytest.mark.parametrize(("name", "p", "first_step", "curvature"), EXPECTED_EQUAL)
def test_every_backend_finds_the_same_step(backend, name, p, first_step, curvature):
    sign = -np.sign(along(name, p, 0.0, 1.0)[1]) or 1.0
    *_, step, failed = run(backend, name, p, first_step, curvature, sign)
    *_, expected, expected_failed = run(get_backend("numpy"), name, p, first_step, curvature, sign)
    assert failed == expected_failed
    assert step == pytest.approx(expected, rel=1e-7)
