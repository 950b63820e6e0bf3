"""The sums over the rows and the small systems that they leave, against NumPy on all rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelml.linear_model import least_squares_sums
from accelml.linear_model.least_squares import (
    EPSILON,
    solve_cholesky,
    solve_positive_definite,
    solve_svd,
)
from accelml.linear_model.least_squares_sums import Moments, Triangle, merge, moments, triangle

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
