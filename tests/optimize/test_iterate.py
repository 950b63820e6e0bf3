"""The loop that the full-batch solvers share, one decision at a time."""

import numpy as np
import pytest

from accelml.optimize import LBFGS, ConjugateGradient, GradientDescent, Stop, minimize
from accelml.optimize.iterate import (
    CHUNK,
    PATIENCE,
    Point,
    Progress,
    advance,
    begin,
    first_true,
    look,
    norm,
)
from accelml.tree import Layout, leaves

SOLVERS = {"lbfgs": LBFGS(), "cg": ConjugateGradient(), "gd": GradientDescent()}
FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")
EPSILON = float(np.finfo(np.float64).eps)


def bowl(backend, params, data):
    """|x|² / 2."""
    (x,) = params
    return backend.xp.sum(x * x, dtype=backend.xp.float64) / 2, (x,)


def plain(backend, params, data):
    """A value that never changes, with a slope of length 5 everywhere."""
    (x,) = params
    slope = backend.asarray(np.array([3.0, 4.0]), x.dtype)
    return backend.xp.asarray(7.0, dtype=backend.xp.float64), (slope,)


def run(backend, solver, start, objective=bowl, rate=0.5, **options):
    with backend.context():
        place = backend.asarray
        settings = place(np.asarray(rate)) if solver == "gd" else ()
        start = (place(np.asarray(start, np.float64)),)
        return minimize(
            backend, SOLVERS[solver], objective, start, (), settings=settings,
            **{"tol": 1e-9, "max_iter": 100} | options,
        )  # fmt: skip


@FAST
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_an_iteration_hands_on_what_it_was_handed(backend, solver, dtype):
    """A compiled loop refuses a state whose types change on the way."""
    xp = backend.xp
    real = getattr(xp, dtype)
    with backend.context():
        params = (backend.asarray(np.array([3.0, -4.0]), real),)
        layout = Layout.of(params)
        rate = backend.asarray(np.asarray(0.25))
        limits = backend.asarray(np.asarray(0.0)), backend.asarray(np.int32(3))
        shared = backend, SOLVERS[solver], bowl, layout
        state = begin(*shared, params, (), rate if solver == "gd" else ())
        after = advance(*shared, state, (), *limits)
    for now in (state, after):
        assert now.point.x.dtype == now.point.gradient.dtype == real
        for part in (now.point.value, now.progress.value, now.progress.norm, now.curve):
            assert part.dtype == xp.float64
        for part in (now.progress.idle, now.stop, now.iteration):
            assert part.dtype == xp.int32
            assert part.shape == ()
        assert now.curve.shape == (CHUNK,)
    for ours, theirs in zip(leaves(state.memory), leaves(after.memory), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
    assert int(state.iteration) == 0
    assert not np.any(backend.to_numpy(state.curve))


@FAST
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_gradient_as_long_as_the_tolerance_is_short_enough(backend, solver):
    result = run(backend, solver, [3.0, 4.0], tol=5.0)
    assert (result.stop, result.n_iter) == (Stop.CONVERGED, 0)


@FAST
def test_and_so_it_is_on_the_way(backend):
    """Every step halves x exactly: 8, 4, 2."""
    result = run(backend, "gd", [8.0, 0.0], tol=2.0)
    assert (result.stop, result.n_iter) == (Stop.CONVERGED, 2)
    assert result.curve == [8.0, 2.0]


@FAST
def test_standing_still_ends_when_patience_does(backend):
    result = run(backend, "gd", [0.0, 0.0], plain)
    assert (result.stop, result.n_iter) == (Stop.STALLED, PATIENCE)


@FAST
def test_a_limit_past_every_counter_is_a_limit(backend):
    result = run(backend, "gd", [8.0, 0.0], max_iter=2**40)
    assert result.stop == Stop.CONVERGED
    assert result.n_iter == 33  # 8 / 2³³ is the first below 1e-9


LOOKS = [
    # value and norm so far, value and norm now: what is kept, and whether it went on
    (2.0, 3.0, 1.0, 4.0, (1.0, 3.0), True),
    (2.0, 3.0, 3.0, 1.0, (2.0, 1.0), True),
    (2.0, 3.0, 1.0, 1.0, (1.0, 1.0), True),
    (2.0, 3.0, 2.0, 3.0, (2.0, 3.0), False),
    (0.0, 3.0, 0.0, 3.0, (0.0, 3.0), False),
    # Lower by less than a rounding of a large value, and by far more than one of a small value.
    (1e6, 3.0, 1e6 * (1 - EPSILON / 2), 3.0, (1e6, 3.0), False),
    (1e-6, 3.0, 1e-6 * (1 - 8 * EPSILON), 3.0, (1e-6 * (1 - 8 * EPSILON), 3.0), True),
    (1.0, 3.0, 1 - 4 * EPSILON, 3.0, (1 - 4 * EPSILON, 3.0), True),
    (-1.0, 3.0, -1 - 4 * EPSILON, 3.0, (-1 - 4 * EPSILON, 3.0), True),
    # Higher: at rest within a hundred roundings, on the move beyond; the lowest is kept.
    (1.0, 3.0, 1 + 100 * EPSILON, 3.0, (1.0, 3.0), False),
    (1.0, 3.0, 1 + 101 * EPSILON, 3.0, (1.0, 3.0), True),
    (1.0, 3.0, 9.0, 9.0, (1.0, 3.0), True),
]


@FAST
@pytest.mark.parametrize(("value", "size", "now", "size_now", "kept", "moves"), LOOKS)
def test_progress(backend, value, size, now, size_now, kept, moves):
    place = backend.asarray
    with backend.context():
        progress = Progress(place(np.asarray(value)), place(np.asarray(size)), place(np.int32(4)))
        gradient = place(np.array([size_now, 0.0]))
        found = look(backend.xp, progress, Point(gradient, place(np.asarray(now)), gradient))
        assert (float(found.value), float(found.norm)) == kept
        assert int(found.idle) == (0 if moves else 5)
        assert found.idle.dtype == backend.xp.int32


@FAST
def test_the_norm_is_summed_in_float64(backend):
    """2²⁴ + 3 is no number of float32: ones that are added one by one to 4096² are lost there."""
    gradient = backend.asarray(np.array([4096, 1, 1, 1], np.float32))
    found = norm(backend.xp, gradient)
    assert found.dtype == backend.xp.float64
    assert float(found) == np.sqrt(2.0**24 + 3)


@FAST
def test_the_first_condition_that_holds_decides(backend):
    cases = [Stop.NOT_FINITE, Stop.CONVERGED, Stop.STALLED]
    with backend.context():
        for number in range(8):
            held = [bool(number >> bit & 1) for bit in range(3)]
            pairs = [
                (backend.asarray(np.asarray(h)), stop) for h, stop in zip(held, cases, strict=True)
            ]
            found = first_true(backend.xp, *pairs)
            expected = next((s for h, s in zip(held, cases, strict=True) if h), Stop.RUNNING)
            assert int(found) == expected
            assert found.dtype == backend.xp.int32


@FAST
@pytest.mark.parametrize("solver", SOLVERS)
def test_whoever_looks_may_end_it(backend, solver):
    """After every iteration, with the parameters as the tree that they came in."""
    seen = []

    def inspect(params):
        (x,) = params
        seen.append(backend.to_numpy(x).tolist())
        return len(seen) == 3

    start = np.array([3.0, -4.0]) if solver == "gd" else [1.0, 1.0]
    objective = bowl if solver == "gd" else narrow
    result = run(backend, solver, start, objective, tol=0.0, inspect=inspect)
    assert (result.stop, result.n_iter) == (Stop.ASKED, 3)
    (last,) = result.params
    assert backend.to_numpy(last).tolist() == seen[2]
    if solver == "gd":
        assert seen == [[1.5, -2.0], [0.75, -1.0], [0.375, -0.5]]


def narrow(backend, params, data):
    """Σ 10ᶦ xᵢ² / 2, which takes a search more than three steps."""
    (x,) = params
    curvature = backend.asarray(np.array([1.0, 1e3]))
    return backend.xp.sum(curvature * x * x, dtype=backend.xp.float64) / 2, (curvature * x,)
