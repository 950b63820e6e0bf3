"""The sums over the rows and the small systems that they leave, against NumPy on all rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelml import get_backend
from accelml.linear_model import least_squares as module
from accelml.linear_model import least_squares_sums
from accelml.linear_model.least_squares import (
    EPSILON,
    is_rough_worth_while,
    least_squares,
    solve_cholesky,
    solve_positive_definite,
    solve_svd,
)
from accelml.linear_model.least_squares_descent import descend, make_rows
from accelml.linear_model.least_squares_sums import (
    Moments,
    Triangle,
    block_moments,
    block_rows,
    blocks,
    from_products,
    merge,
    moments,
    near_means,
    triangle,
)
from accelml.optimize import Stop

N = 1100  # four blocks of 256 rows, and 76 more


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(least_squares_sums, "BLOCK", {"cpu": 1, "other": 1})


def rows(seed, n=N, d=3, t=2, offset=0.0):
    rng = np.random.default_rng(seed)
    weights = rng.random(n)
    weights[300:600] = 0  # a whole block without weight
    return rng.standard_normal((n, d)) + offset, rng.standard_normal((n, t)), weights


def on(backend, kernel, *arguments):
    with backend.context():
        *arrays, fit_intercept = arguments
        found = kernel(backend, *map(backend.asarray, arrays), fit_intercept)
        return type(found)(*map(backend.to_numpy, found))


def expected_moments(X, y, weights, fit_intercept):
    """In extended precision."""
    X, y, weights = (part.astype(np.longdouble) for part in (X, y, weights))
    mean, target_mean = weights @ X / weights.sum(), weights @ y / weights.sum()
    x, z = (X - mean, y - target_mean) if fit_intercept else (X, y)
    weighted = weights[:, None] * x
    zeros = np.zeros_like(mean), np.zeros_like(target_mean)
    means = (mean, target_mean) if fit_intercept else zeros
    return Moments(weights.sum(), *means, weighted.T @ x, weighted.T @ z)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_moments_of_several_blocks(backend, fit_intercept, dtype):
    X, y, weights = rows(0, offset=1e4)
    X, y = X.astype(dtype), y + 1e6
    found = on(backend, moments, X, y, weights, fit_intercept)
    for ours, theirs in zip(found, expected_moments(X, y, weights, fit_intercept), strict=True):
        assert ours.dtype == np.float64
        scale = float(np.abs(theirs).max()) or 1.0
        np.testing.assert_allclose(ours / scale, (theirs / scale).astype("f8"), atol=1e-13)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_triangle_of_several_blocks(backend, fit_intercept):
    """RᵀR is what it is the root of, so R is right up to signs."""
    X, y, weights = rows(1)
    found = on(backend, triangle, X, y, weights, fit_intercept)
    columns = [np.ones((N, 1))] * fit_intercept
    A = np.sqrt(weights)[:, None] * np.hstack([*columns, X - found.origin, y - found.target_origin])
    np.testing.assert_allclose(found.r, np.triu(found.r))
    np.testing.assert_allclose(found.r.T @ found.r, A.T @ A, atol=1e-11)


@pytest.mark.usefixtures("small_blocks")
def test_a_constant_column_is_exactly_zero(backend):
    """Also where the rows without weight differ, and the mean is no number of the machine."""
    X, y, weights = rows(2)
    X[:, 1] = np.where(weights > 0, 0.1, 7.0)
    found = on(backend, moments, X, y, weights, True)
    assert found.gram[1, 1] == 0
    assert found.mean[1] == 0.1
    # The rows that do not count come to the triangle as zero.
    r = on(backend, triangle, X, y, weights, True).r
    assert np.abs(r[:, 2]).max() == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.floats(-1e6, 1e6))
def test_merging_is_summing_over_both(seed, cut, offset):
    from accelml import get_backend

    X, y, weights = rows(seed, n=40, offset=offset)
    weights = np.random.default_rng(seed).integers(0, 3, 40).astype(float)
    weights[7] = 1.0
    backend = get_backend("numpy")
    parts = [
        on(backend, moments, X[part], y[part], weights[part], True)
        for part in (slice(cut), slice(cut, None))
        if len(X[part])
    ]
    merged = merge(backend, *parts) if len(parts) == 2 else parts[0]
    expected = expected_moments(X, y, weights, True)
    np.testing.assert_allclose(merged.weight, float(expected.weight))
    np.testing.assert_allclose(merged.mean, expected.mean.astype("f8"), rtol=1e-12, atol=1e-12)
    # The means of the parts are known to the roundings of the offset.
    rounding = 1e-11 + 100 * EPSILON * abs(offset) * 40
    np.testing.assert_allclose(merged.gram, expected.gram.astype("f8"), atol=rounding)
    np.testing.assert_allclose(merged.moment, expected.moment.astype("f8"), atol=rounding)


def test_a_system_that_would_lose_half_its_digits_is_refused():
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]

    def system(condition):
        return Q @ np.diag([1, 0.5, 0.5, 1 / condition]) @ Q.T

    b = rng.standard_normal((4, 2))
    solved = solve_positive_definite(system(1e6), b)
    np.testing.assert_allclose(solved, np.linalg.solve(system(1e6), b), rtol=1e-8)
    assert solve_positive_definite(system(1e10), b) is None
    assert solve_positive_definite(system(1e17), b) is None
    assert solve_positive_definite(np.array([[1.0, 2.0], [2.0, 1.0]]), b[:2]) is None
    # The units of the features are not ill-conditioning.
    units = np.array([1e-7, 1, 1e7, 1e3])
    scaled = units[:, None] * system(100.0) * units
    expected = np.linalg.solve(system(100.0), b / units[:, None]) / units[:, None]
    np.testing.assert_allclose(solve_positive_definite(scaled, b), expected, rtol=1e-11)


def test_a_singular_value_under_the_cutoff_is_left_to_the_decomposition():
    gram = np.diag([1.0, 1e-8])  # singular values 1 and 1e-4
    sums = Moments(np.float64(5), np.zeros(2), np.zeros(1), gram, np.ones((2, 1)))
    solution = solve_cholesky(sums, np.zeros(1), 0.9e-4)
    np.testing.assert_allclose(solution.singular, [1, 1e-4])
    np.testing.assert_allclose(solution.weights, [[1], [1e8]])
    assert solve_cholesky(sums, np.zeros(1), 1.1e-4) is None
    # A penalty lifts them all, and then none is cut off.
    ridge = solve_cholesky(sums, np.ones(1), 1.1e-4)
    np.testing.assert_allclose(ridge.weights, [[0.5], [1 / (1 + 1e-8)]])
    assert ridge.singular is None


def test_eigenvalues_that_may_be_rounding_decide_nothing():
    """A root of 1e-15 is no singular value to judge by, whatever the cut-off is."""
    sums = Moments(np.float64(5), np.zeros(2), np.zeros(1), np.diag([1.0, 1e-15]), np.ones((2, 1)))
    assert solve_cholesky(sums, np.zeros(1), 0.0) is None


def test_the_cutoff_is_for_targets_without_a_penalty():
    r = np.array([[1.0, 0, 1, 1], [0, 1e-6, 1, 1]])
    sums = Triangle(r, np.zeros(2), np.zeros(2))
    solution = solve_svd(sums, np.array([0.0, 1e-12]), 1e-3, fit_intercept=False)
    np.testing.assert_allclose(solution.weights[:, 0], [1, 0])
    np.testing.assert_allclose(solution.weights[:, 1], [1, 5e5])
    np.testing.assert_array_equal(solution.bias, [0, 0])


@pytest.mark.parametrize(("reciprocal", "accepted"), [(1.2e-8, False), (1.6e-8, True)])
def test_half_of_the_digits_is_a_reciprocal_condition_of_a_rounding_and_a_half(
    reciprocal, accepted
):
    """In the 1-norm, √ε = 1.49e-8: of [[1, −c], [−c, 1]] it is (1 − c) / (1 + c)."""
    A = np.eye(4)
    A[0, 1] = A[1, 0] = -(1 - reciprocal) / (1 + reciprocal)
    assert (solve_positive_definite(A, np.ones((4, 1))) is not None) == accepted


@pytest.mark.parametrize(
    ("n", "d", "alpha", "asked", "solver"),
    [
        (9, 3, 0.0, "auto", "cholesky"),
        (4, 3, 0.0, "auto", "cholesky"),
        (3, 3, 1.0, "auto", "svd"),
        (2, 3, 1.0, "auto", "svd"),
        (2, 3, 1.0, "cholesky", "cholesky"),
        (9, 3, 0.0, "svd", "svd"),
    ],
)
def test_which_solver_solves(n, d, alpha, asked, solver):
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((n, d)), rng.standard_normal((n, 2))
    found = least_squares(
        get_backend("numpy"), X, y, np.ones(n), alpha=np.full(2, alpha), cutoff=1e-12,
        fit_intercept=True, solver=asked,
    )  # fmt: skip
    assert found.solver == solver
    x, z = X - X.mean(axis=0), y - y.mean(axis=0)
    weights = np.linalg.lstsq(x.T @ x + alpha * np.eye(d), x.T @ z, rcond=None)[0]
    np.testing.assert_allclose(found.weights, weights, rtol=1e-9)
    np.testing.assert_allclose(found.bias, y.mean(axis=0) - X.mean(axis=0) @ weights, rtol=1e-9)


def test_a_constant_column_is_not_in_the_system():
    """It has no weight, and costs the others neither Cholesky's decomposition nor a digit."""
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 1))
    X[:, 1] = 7.0
    found = least_squares(
        get_backend("numpy"), X, y, np.ones(9), alpha=np.zeros(1), cutoff=1e-12,
        fit_intercept=True, solver="auto",
    )  # fmt: skip
    assert found.solver == "cholesky"
    assert found.weights[1, 0] == 0
    assert found.singular[2] == 0


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")
def test_the_data_of_the_iterative_solvers_is_of_one_type(backend, dtype, centered):
    X, y, weights = rows(0)
    with backend.context():
        arrays = map(backend.asarray, (X.astype(dtype), y, weights))
        found = make_rows(backend, *arrays, alpha=[1.0, 2.0], centered=centered)
        assert found.alpha.dtype == found.total_weight.dtype == backend.xp.float64
        for part in (found.X, found.targets, found.weights, found.center):
            assert backend.to_numpy(part).dtype == dtype
        expected = np.average(X, axis=0, weights=weights) * centered
        np.testing.assert_allclose(backend.to_numpy(found.center), expected, atol=1e-6)


def descended(dtype="f8", tol=1e-6, **options):
    X, y, weights = rows(0)
    seen = []

    def update(iteration, loss):
        seen.append((iteration, loss))

    settings = {"solver": "cg", "learning_rate": "auto", "max_iter": 300} | options
    result = descend(
        get_backend("numpy"), X.astype(dtype), y, weights, alpha=np.zeros(2), fit_intercept=True,
        tol=tol, update=update, **settings,
    )  # fmt: skip
    return result, seen


@pytest.mark.parametrize("solver", ["cg", "lbfgs", "gd"])
def test_the_iterative_solvers_stop_at_the_tolerance_and_report(solver):
    loose, seen = descended(solver=solver, tol=1e-2)
    tight, _ = descended(solver=solver, tol=1e-8)
    assert loose.stop == tight.stop == Stop.CONVERGED
    assert loose.n_iter < tight.n_iter
    assert loose.gradient_norm > 1e-8
    iteration, loss = seen[-1]
    assert (iteration, loss) == (loose.n_iter, loose.value)
    narrow, _ = descended("f4", solver=solver, tol=1e-2)
    assert [part.dtype for part in narrow.params] == [np.float32] * 2


@pytest.mark.parametrize("n", [1, 2, 4, 5, 7, 8, 9, 12, 13])
@pytest.mark.backends("numpy", "numpy-generic", "array-api-strict")
def test_blocks_of_four_and_the_last_rows(backend, n):
    """As many whole blocks as leave at least one row."""
    X, y = np.arange(2.0 * n).reshape(n, 2), np.arange(float(n))
    whole, rest = blocks(backend, (backend.asarray(X), backend.asarray(y)), 4)
    count = next(count for count in range(9) if n - 4 * count <= 4)
    assert (whole is None) == (count == 0)
    for position, part in enumerate((X, y)):
        ours = backend.to_numpy(rest[position])
        np.testing.assert_array_equal(ours, part[4 * count :])
        if whole is not None:
            ours = backend.to_numpy(whole[position])
            np.testing.assert_array_equal(
                ours, part[: 4 * count].reshape(count, 4, *part.shape[1:])
            )


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("n", [1, 255, 256, 257, 511, 512, 513])
@pytest.mark.backends("numpy", "numpy-generic", "array-api-strict")
def test_a_triangle_of_whole_blocks_and_the_last_rows(backend, n):
    X, y, weights = rows(1, n)
    r, origin, target_origin = on(backend, triangle, X, y, weights, True)
    ones = np.ones((n, 1))
    design = np.sqrt(weights)[:, None] * np.hstack([ones, X - origin, y - target_origin])
    np.testing.assert_allclose(r.T @ r, design.T @ design, atol=1e-11)


class Elsewhere:
    device = "gpu:0"


def test_how_many_rows_are_taken_at_once(monkeypatch):
    monkeypatch.setattr(least_squares_sums, "BLOCK", {"cpu": 6000, "other": 90_000})
    backend = get_backend("numpy")
    assert block_rows(backend, 3) == 2000
    assert block_rows(backend, 50) == 256
    assert block_rows(backend, 150) == 300
    assert block_rows(Elsewhere(), 3) == 30_000


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.backends("numpy", "numpy-generic")
def test_weights_of_any_unit_and_a_first_row_without_weight(backend, fit_intercept, scale):
    """Of a row that does not count nothing may be seen, wherever it lies."""
    X, y, weights = rows(0, offset=10.0)
    weights *= scale
    X[0], y[0], weights[0] = 1e12, -1e12, 0.0
    expected = expected_moments(X[1:], y[1:], weights[1:], fit_intercept)
    found = on(backend, moments, X, y, weights, fit_intercept)
    for ours, theirs in zip(found, expected, strict=True):
        size = float(np.abs(theirs).max()) or 1.0
        np.testing.assert_allclose(ours / size, (theirs / size).astype("f8"), atol=1e-12)
    if fit_intercept:
        r, origin, _ = on(backend, triangle, X, y, weights, True)
        inner = r[1:, 1:4].T @ r[1:, 1:4]
        size = float(np.abs(expected.gram).max())
        np.testing.assert_allclose(inner / size, (expected.gram / size).astype("f8"), atol=1e-12)
        assert np.abs(origin).max() < 100


def sums_of_block(backend, X, targets, weights, fit_intercept, **rough):
    """As seen from zero, on the host."""
    with backend.context():
        arrays = [backend.asarray(part) for part in (X, targets, weights)]
        origins = [backend.asarray(np.zeros(part.shape[1])) for part in (X, targets)]
        found = block_moments(backend, *arrays, *origins, fit_intercept, **rough)
        assert all(part.dtype == backend.xp.float64 for part in found)
        return Moments(*map(backend.to_numpy, found))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.backends("numpy-generic", "array-api-strict", "jax")
def test_rough_sums_are_of_the_type_of_the_rows_and_their_means_are_mended(backend, fit_intercept):
    rng = np.random.default_rng(3)
    X = (rng.standard_normal((4000, 3)) + 50).astype(np.float32)
    targets, weights = rng.standard_normal((4000, 2)) + 7, rng.random(4000)
    expected = expected_moments(X, targets, weights, fit_intercept)
    fine = sums_of_block(backend, X, targets, weights, fit_intercept)
    rough = sums_of_block(backend, X, targets, weights, fit_intercept, rough=True)

    def error(found, name):
        exact = getattr(expected, name)
        return float(np.abs(getattr(found, name) - exact).max() / (np.abs(exact).max() or 1))

    for name in Moments._fields:
        assert error(fine, name) < 1e-13
    assert 1e-10 < error(rough, "gram") < 1e-5
    assert 1e-10 < error(rough, "moment") < 1e-4
    # A mean of float32 alone is wrong by more than this.
    assert error(rough, "mean") < 1e-9
    assert error(rough, "target_mean") < 1e-8
    if not fit_intercept:
        assert not rough.mean.any()
        assert not rough.target_mean.any()


@pytest.mark.backends("numpy-generic", "array-api-strict", "jax")
@pytest.mark.parametrize("rough", [True, False])
def test_a_block_without_weight_has_sums_of_zero(backend, rough):
    X, y, _ = rows(0)
    found = sums_of_block(backend, X, y, np.zeros(N), True, rough=rough)
    assert all((part == 0).all() for part in found)


@pytest.mark.parametrize("scale", [1e-6, 1.0])
@pytest.mark.backends("numpy", "array-api-strict", "jax")
def test_a_place_near_the_means_is_that_of_a_few_rows(backend, scale, monkeypatch):
    monkeypatch.setattr(least_squares_sums, "SAMPLE", 100)
    rng = np.random.default_rng(4)
    X, targets = rng.standard_normal((950, 3)) + 5, rng.standard_normal((950, 2))
    weights = rng.random(950) * scale
    few = slice(None, None, 10)
    expected = np.average(np.hstack([X, targets])[few], axis=0, weights=weights[few])

    def near(X, targets, weights, fit_intercept=True):
        with backend.context():
            arrays = [backend.asarray(part) for part in (X, targets, weights)]
            found = near_means(backend, *arrays, fit_intercept)
            assert found.dtype == backend.xp.float64
            return backend.to_numpy(found)

    np.testing.assert_allclose(near(X, targets, weights), expected, rtol=1e-13)
    narrow = [part.astype(np.float32) for part in (X, targets)]
    np.testing.assert_allclose(near(*narrow, weights), expected, atol=1e-6)
    assert not near(X, targets, weights, fit_intercept=False).any()
    # Where none of them counts, it is the row that counts most.
    weights[few] = 0
    heaviest = weights.argmax()
    found = near(X, targets, weights)
    np.testing.assert_array_equal(found, np.hstack([X, targets])[heaviest])


@pytest.mark.backends("numpy", "array-api-strict", "jax")
def test_the_moments_of_no_weight_lie_at_the_place_they_are_seen_from(backend):
    with backend.context():
        near = backend.asarray(np.arange(5, dtype=np.float32))
        products = backend.asarray(np.zeros((6, 6)))
        found = Moments(*map(backend.to_numpy, from_products(backend, products, near, 3, True)))
    np.testing.assert_array_equal(found.mean, [0, 1, 2])
    np.testing.assert_array_equal(found.target_mean, [3, 4])
    assert not found.gram.any()
    assert not found.moment.any()


def rough_rows(condition, n=30_000, d=40):
    """Enough rows of float32 to be multiplied in float32, and the weights that they come from."""
    rng = np.random.default_rng(8)
    X = rng.standard_normal((n, d)) + 1e3
    X[:, 1] = X[:, 0] + X[:, 1] / condition
    X = X.astype(np.float32)
    true = rng.standard_normal((d, 2))
    targets = (X.astype(np.float64) - 1e3) @ true + rng.standard_normal((n, 2))
    return X, targets, np.ones(n)


def solved(backend, X, targets, weights):
    with backend.context():
        arrays = [backend.asarray(part) for part in (X, targets, weights)]
        return least_squares(
            backend, *arrays, alpha=np.zeros(2), cutoff=1e-12, fit_intercept=True, solver="auto"
        )


@pytest.mark.backends("numpy", "numpy-generic", "numba", "jax")
def test_many_rows_of_float32_are_right_to_float32(backend, monkeypatch):
    """Multiplied in float32 they are far from the bits of float64, and near enough."""
    X, targets, weights = rough_rows(1.0)
    found = solved(backend, X, targets, weights)
    monkeypatch.setattr(module, "LARGE", np.inf)
    exact = solved(backend, X, targets, weights)
    assert found.solver == exact.solver == "cholesky"
    assert 1e-12 < np.abs(found.weights - exact.weights).max() < 2e-6
    near = X.astype(np.float64).mean(axis=0) @ (found.weights - exact.weights)
    np.testing.assert_allclose(found.bias + near, exact.bias, atol=2e-6)


@pytest.mark.parametrize("worse", [module.WORSE, np.inf])  # seen in a sample, or afterwards
@pytest.mark.backends("numpy", "numba", "jax")
def test_columns_that_nearly_depend_are_multiplied_in_float64(backend, worse, monkeypatch):
    X, targets, weights = rough_rows(100.0)
    monkeypatch.setattr(module, "WORSE", worse)
    found = solved(backend, X, targets, weights)
    monkeypatch.setattr(module, "LARGE", np.inf)
    exact = solved(backend, X, targets, weights)
    np.testing.assert_array_equal(found.weights, exact.weights)


@pytest.mark.parametrize(
    ("condition", "is_rough"), [(1.0, True), (100.0, False)]
)  # with 100, float32 is tried and found to be too little
@pytest.mark.backends("numpy-generic", "array-api-strict")
def test_rows_are_multiplied_in_float32_and_again_where_that_was_too_little(
    backend, condition, is_rough, monkeypatch
):
    X, targets, weights = rough_rows(condition, 400, 3)
    if not is_rough:  # a sample would have told
        monkeypatch.setattr(module, "WORSE", np.inf)
    exact = solved(backend, X, targets, weights)
    monkeypatch.setattr(module, "LARGE", X.size)
    found = solved(backend, X, targets, weights)
    assert found.solver == exact.solver == "cholesky"
    apart = np.abs(found.weights - exact.weights).max()
    assert 1e-10 < apart < 1e-4 if is_rough else apart == 0


def test_from_how_many_rows_on_float32_is_tried(monkeypatch):
    X = rough_rows(1.0, 96, 3)[0]
    backend = get_backend("numpy")
    monkeypatch.setattr(module, "LARGE", 96 * 3)
    assert is_rough_worth_while(backend, X[:96], True)
    assert not is_rough_worth_while(backend, X[:95], True)
    monkeypatch.setattr(module, "LARGE", 1)
    assert not is_rough_worth_while(backend, X[:95], True)
    # Whatever the unit is.
    assert not is_rough_worth_while(backend, 1e-4 * rough_rows(100.0, 200, 3)[0], True)


@pytest.mark.parametrize(
    ("condition", "rows", "dtype", "expected"),
    [(1.0, 30_000, "f4", True), (100.0, 30_000, "f4", False), (1.0, 1200, "f4", False),
     (1.0, 30_000, "f8", False)],
)  # fmt: skip
def test_rows_are_multiplied_in_float32_only_where_that_may_be_enough(
    condition, rows, dtype, expected, monkeypatch
):
    monkeypatch.setattr(module, "LARGE", 1000 * 40)
    X = rough_rows(condition)[0][:rows].astype(dtype)
    X[:, 3] = 1
    assert is_rough_worth_while(get_backend("numpy"), X, True) is expected
    # Without an intercept, columns that lie far from zero all go the same way.
    assert is_rough_worth_while(get_backend("numpy"), X, False) is False


def test_squares_that_overflow_in_float32_do_not_in_float64():
    X, targets, weights = rough_rows(1.0)
    found = solved(get_backend("numpy"), X * np.float32(1e25), targets, weights)
    expected = solved(get_backend("numpy"), X.astype(np.float64) * 1e25, targets, weights)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-3)
