"""The full-batch solvers on a table of problems, against scipy.optimize."""

from typing import NamedTuple

import numpy as np
import pytest
import scipy.optimize
from scipy.special import log_softmax
from sklearn.datasets import load_iris

from accelml import get_backend
from accelml.objectives.linear_classifier import Linear, LinearClassifier, Rows
from accelml.optimize import LBFGS, ConjugateGradient, GradientDescent, Stop, minimize
from accelml.optimize.iterate import CHUNK
from accelml.tree import Layout, leaves, tree_map
from tests.backends import CASES

# One JAX device stands for both, but for one test: what differs is the device alone.
EVERY = pytest.mark.backends(*(name for name in CASES if name != "jax-second-device"))


class Halves(NamedTuple):
    """Parameters in two arrays, so that there is something to ravel."""

    head: object  # (2, 2)
    tail: object  # (4,)


def quadratic(backend, params, data):
    """x·Ax/2 − b·x."""
    xp = backend.xp
    matrix, vector = data
    x = xp.concat([xp.reshape(params.head, (-1,)), params.tail])
    product = matrix @ x
    gradient = product - vector
    value = xp.sum(x * (product / 2 - vector), dtype=xp.float64)
    return value, Halves(xp.reshape(gradient[:4], (2, 2)), gradient[4:])


def rosenbrock(backend, params, data):
    """Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²."""
    xp = backend.xp
    (x,) = params
    rise, rest = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    zero = xp.zeros((1,), dtype=x.dtype)
    gradient = xp.concat([-400 * x[:-1] * rise - 2 * rest, zero])
    gradient = gradient + xp.concat([zero, 200 * rise])
    return xp.sum(100 * rise * rise + rest * rest, dtype=xp.float64), (gradient,)


class Case(NamedTuple):
    """A problem on the host, and its value in NumPy."""

    objective: object
    params: object
    data: object
    value: object  # of a flat vector
    rate: float  # of gradient descent; 0 where it would take for ever


def quadratic_case(condition):
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    matrix = basis @ np.diag(np.geomspace(1, condition, 8)) @ basis.T
    matrix = (matrix + matrix.T) / 2
    vector = rng.standard_normal(8)
    start = Halves(rng.standard_normal((2, 2)), rng.standard_normal(4))

    def value(x):
        return 0.5 * x @ matrix @ x - vector @ x, matrix @ x - vector

    rate = 1 / condition if condition <= 100 else 0.0
    return Case(quadratic, start, (matrix, vector), value, rate)


def rosenbrock_case():
    start = np.array([-1.2, 1.0, -1.2, 1.0])

    def value(x):
        return scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)

    return Case(rosenbrock, (start,), (), value, 0.0)


def iris_case():
    X, y = load_iris(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    n, d = X.shape
    penalty = 0.1
    params = Linear(np.zeros((d, 3)), np.zeros(3))
    rows = Rows(
        X, y.astype(np.int32), np.ones(n), np.zeros(d), np.asarray(penalty), np.asarray(float(n))
    )

    def value(x):
        weights, bias = x[: 3 * d].reshape(d, 3), x[3 * d :]
        logarithms = log_softmax(X @ weights + bias, axis=1)
        delta = (np.exp(logarithms) - np.eye(3)[y]) / n
        loss = -logarithms[np.arange(n), y].mean() + penalty / 2 * np.sum(weights**2)
        return loss, np.concatenate([(X.T @ delta + penalty * weights).ravel(), delta.sum(axis=0)])

    return Case(LinearClassifier("softmax"), params, rows, value, 0.5)


PROBLEMS = {
    "round": quadratic_case(1.0),
    "oval": quadratic_case(100.0),
    "narrow": quadratic_case(1e5),
    "rosenbrock": rosenbrock_case(),
    "iris": iris_case(),
}
SOLVERS = {"lbfgs": LBFGS(), "cg": ConjugateGradient(), "gd": GradientDescent()}
SEARCHING = ["lbfgs", "cg"]
PAIRS = [
    (problem, solver)
    for problem, case in PROBLEMS.items()
    for solver in SOLVERS
    if solver in SEARCHING or case.rate
]

# At a condition of 1e5 conjugate gradients stall with a gradient of 1e-5 to 1e-4, before rounding
# makes them; a start moved in its last bit takes 12 iterations or 34 to the same tolerance.
BLURRED = ("narrow", "cg")


def solve(backend, problem, solver, *, tol=1e-9, max_iter=5000, start=None, rate=None, **options):
    """Minimise one problem of the table; the parameters come back flat and on the host."""
    case = PROBLEMS[problem]
    dtype = options.pop("dtype", "float64")
    start = case.params if start is None else start

    def bring(array):
        is_real = array.dtype == np.float64 and array.ndim > 0
        return backend.asarray(array, getattr(backend.xp, dtype) if is_real else None)

    with backend.context():
        settings = ()
        if solver == "gd":
            rate = case.rate if rate is None else rate
            settings = backend.asarray(np.asarray(rate), backend.xp.float64)
        result = minimize(
            backend,
            SOLVERS[solver],
            case.objective,
            tree_map(bring, start),
            tree_map(bring, case.data),
            tol=tol,
            max_iter=max_iter,
            settings=settings,
            **options,
        )
        host = tree_map(backend.to_numpy, result.params)
    assert type(host) is type(case.params)
    return result, np.concatenate([leaf.ravel() for leaf in leaves(host)])


def flat(tree):
    return Layout.of(tree).ravel(np, tree)


@pytest.fixture(scope="module")
def scipy_minima():
    """Where scipy.optimize.minimize ends."""
    minima = {}
    for name, case in PROBLEMS.items():
        first = scipy.optimize.minimize(
            case.value, flat(case.params), jac=True, method="L-BFGS-B",
            options={"maxiter": 10000, "ftol": 0, "gtol": 1e-9, "maxls": 100},
        )  # fmt: skip
        minima[name] = first.x, first.fun
    return minima


@EVERY
@pytest.mark.parametrize(("problem", "solver"), PAIRS)
def test_the_minimum_is_that_of_scipy(backend, problem, solver, scipy_minima):
    result, x = solve(backend, problem, solver)
    expected, value = scipy_minima[problem]
    initial = PROBLEMS[problem].value(flat(PROBLEMS[problem].params))[0]
    assert result.stop in {Stop.CONVERGED, Stop.STALLED}
    blurred = (problem, solver) == BLURRED
    assert result.value == pytest.approx(value, rel=2e-9 if blurred else 1e-11, abs=1e-12)
    if problem != "iris":
        # With a bias for each class the softmax leaves one direction free.
        rtol, atol = (1e-3, 1e-4) if blurred else (1e-5, 1e-6)
        np.testing.assert_allclose(x, expected, rtol=rtol, atol=atol)
    found, gradient = PROBLEMS[problem].value(x)
    # Terms much larger than the value cancel in xᵀAx.
    rel = 1e-11 if problem == "narrow" else 1e-12
    assert result.value == pytest.approx(found, rel=rel, abs=1e-15)
    assert result.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-2, abs=1e-9)
    assert (result.stop == Stop.CONVERGED) <= (result.gradient_norm <= 1e-9)
    assert len(result.curve) == result.n_iter > 0
    assert result.curve[-1] == result.value
    if solver in SEARCHING:
        steps = np.diff([initial, *result.curve])
        assert np.all(steps <= 1e-14 * np.maximum(1, np.abs(result.curve)))


@EVERY
@pytest.mark.parametrize(("problem", "solver"), PAIRS)
def test_every_backend_takes_the_same_iterations(backend, problem, solver):
    """Down to a tolerance that rounding does not blur."""
    expected, _ = solve(get_backend("numpy"), problem, solver, tol=1e-3)
    result, _ = solve(backend, problem, solver, tol=1e-3)
    assert result.stop == Stop.CONVERGED
    # Where the curvature spreads wide, the last bit of a sum decides which way a search turns.
    slack = 2 if problem in {"narrow", "rosenbrock"} else 0
    if (problem, solver) != BLURRED:
        assert abs(result.n_iter - expected.n_iter) <= slack
    np.testing.assert_allclose(result.curve[:4], expected.curve[:4], rtol=1e-6)
    assert result.value == pytest.approx(expected.value, rel=1e-6, abs=1e-5)


@EVERY
@pytest.mark.parametrize("tol", [1.0, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_tolerance_is_reached_and_not_overshot(backend, solver, tol):
    result, x = solve(backend, "oval", solver, tol=tol)
    assert result.stop == Stop.CONVERGED
    gradient = PROBLEMS["oval"].value(x)[1]
    assert np.linalg.norm(gradient) <= tol * (1 + 1e-9)
    before, x = solve(backend, "oval", solver, tol=tol, max_iter=result.n_iter - 1)
    assert before.stop == Stop.LIMIT
    assert np.linalg.norm(PROBLEMS["oval"].value(x)[1]) > tol


@EVERY
@pytest.mark.parametrize("max_iter", [1, 7, CHUNK, CHUNK + 3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_limit_cuts_a_longer_run_short(backend, solver, max_iter):
    problem = "oval" if solver == "gd" else "rosenbrock"
    longer, _ = solve(backend, problem, solver, tol=0.0, max_iter=2 * CHUNK + 1)
    result, x = solve(backend, problem, solver, tol=0.0, max_iter=max_iter)
    assert longer.n_iter == 2 * CHUNK + 1
    assert result.stop == longer.stop == Stop.LIMIT
    assert result.n_iter == max_iter
    assert result.curve == longer.curve[:max_iter]
    assert PROBLEMS[problem].value(x)[0] == pytest.approx(result.curve[-1], rel=1e-12)


@EVERY
@pytest.mark.parametrize("solver", SOLVERS)
def test_no_iterations_leave_the_start_alone(backend, solver):
    result, x = solve(backend, "oval", solver, max_iter=0)
    start = flat(PROBLEMS["oval"].params)
    assert (result.n_iter, result.curve, result.stop) == (0, [], Stop.LIMIT)
    np.testing.assert_array_equal(x, start)
    value, gradient = PROBLEMS["oval"].value(start)
    assert result.value == pytest.approx(value, rel=1e-13)
    assert result.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-13)


@EVERY
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_start_at_the_minimum_needs_no_iteration(backend, solver):
    optimum = np.linalg.solve(*PROBLEMS["round"].data)
    result, x = solve(
        backend, "round", solver, start=Halves(optimum[:4].reshape(2, 2), optimum[4:])
    )
    assert (result.n_iter, result.stop) == (0, Stop.CONVERGED)
    np.testing.assert_array_equal(x, optimum)


@EVERY
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_tolerance_of_zero_ends_where_nothing_improves(backend, solver):
    result, _ = solve(backend, "oval", solver, tol=0.0)
    assert result.n_iter < 5000
    assert result.stop in {Stop.CONVERGED, Stop.STALLED}
    assert result.gradient_norm < 1e-5


@EVERY
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_start_that_is_not_finite_is_said(backend, solver, bad):
    result, _ = solve(backend, "oval", solver, start=Halves(np.full((2, 2), bad), np.ones(4)))
    assert result.stop == Stop.NOT_FINITE
    assert result.n_iter == 0


@EVERY
@pytest.mark.parametrize("rate", [0.05, 10.0, 1e40])
def test_too_long_a_step_of_gradient_descent_is_said(backend, rate):
    """Whether the value overflows at once or after hundreds of steps."""
    result, _ = solve(backend, "oval", "gd", rate=rate)
    assert result.stop == Stop.NOT_FINITE
    assert 0 < result.n_iter == len(result.curve) < 1000
    assert np.all(np.isfinite(result.curve[:-1]))
    assert not np.isfinite(result.curve[-1])


@EVERY
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_monitor_sees_every_chunk(backend, solver):
    seen = []
    result, _ = solve(
        backend, "oval", solver, tol=0.0, max_iter=CHUNK + 2,
        monitor=lambda iteration, value: seen.append((iteration, value)),
    )  # fmt: skip
    assert [iteration for iteration, _ in seen] == [CHUNK, CHUNK + 2]
    assert [value for _, value in seen] == [result.curve[CHUNK - 1], result.curve[-1]]


@EVERY
@pytest.mark.parametrize("solver", SOLVERS)
def test_an_interruption_keeps_what_there_is(backend, solver):
    def interrupt(iteration, value):
        raise KeyboardInterrupt

    problem = "oval" if solver == "gd" else "rosenbrock"
    result, x = solve(backend, problem, solver, tol=0.0, monitor=interrupt)
    expected, expected_x = solve(backend, problem, solver, tol=0.0, max_iter=CHUNK)
    assert result.stop == Stop.INTERRUPTED
    assert result.n_iter == len(result.curve) == CHUNK
    assert result.curve == expected.curve
    assert result.value == expected.value
    np.testing.assert_array_equal(x, expected_x)


@EVERY
@pytest.mark.parametrize("solver", SOLVERS)
def test_float32_stays_float32(backend, solver):
    result, x = solve(backend, "iris", solver, dtype="float32", tol=1e-4, max_iter=2000)
    reference, _ = solve(backend, "iris", solver, tol=1e-9)
    assert x.dtype == np.float32
    assert result.stop in {Stop.CONVERGED, Stop.STALLED}
    assert result.value == pytest.approx(reference.value, rel=1e-5)


def test_the_result_is_on_the_backend(backend):
    result, x = solve(backend, "round", "lbfgs")
    assert all(backend.device_of(leaf) == backend.device for leaf in leaves(result.params))
    np.testing.assert_allclose(x, np.linalg.solve(*PROBLEMS["round"].data), rtol=1e-8)
