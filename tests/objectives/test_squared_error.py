"""Half the mean squared error, against the sums written out and against gradients by others."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelml.gradcheck import check_gradients
from accelml.linear_model import LinearRegression, Ridge
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.squared_error import Rows, SquaredError
from accelml.selection import available_backends

rng = np.random.default_rng(3)
X = rng.standard_normal((13, 4)) + np.array([0, 3, -2, 0.5])
TARGETS = {"one": X @ [1.0, -2.0, 0.5, 0.0] + 1, "three": rng.standard_normal((13, 3))}
WEIGHTS = {"equal": None, "weighted": np.array([0, 1, 2.5, 0.1, 0, 1, 1, 3, 0.5, 0, 7, 1, 0.25])}

needs_jax = pytest.mark.skipif("jax" not in available_backends(), reason="JAX is the reference")


def value_and_gradient(backend, objective, params, X, targets, weights, center, alpha):
    with backend.context():
        place = backend.asarray
        total = place(np.asarray(weights.sum(dtype=np.float64)))
        rows = Rows(*map(place, (X, targets, weights, center, alpha)), total)
        value, gradient = objective(backend, Linear(*map(place, params)), rows)
        assert value.dtype == backend.xp.float64
        return backend.to_numpy(value), Linear(*map(backend.to_numpy, gradient))


def by_hand(params, X, targets, weights, center, alpha):
    """Row by row and target by target, in float64."""
    W, b = (np.asarray(part, np.float64) for part in params)
    total, value = weights.sum(dtype=np.float64), 0.0
    by_W, by_b = np.zeros_like(W), np.zeros_like(b)
    for x, y, w in zip(X.astype("f8") - center, targets.astype("f8"), weights, strict=True):
        for t in range(W.shape[1]):
            residual = float(x @ W[:, t] + b[t] - y[t])
            value += w * residual**2 / (2 * total)
            by_W[:, t] += w * residual * x / total
            by_b[t] += w * residual / total
    value += float((alpha * (W**2).sum(axis=0)).sum()) / (2 * total)
    return value, Linear(by_W + alpha * W / total, by_b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_value_and_gradient_are_the_sums_written_out(backend, dtype):
    @settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 2**32 - 1), st.floats(0, 100))
    def run(seed, alpha):
        rng = np.random.default_rng(seed)
        shapes = ((5, 2), (5, 3), (5,), (2,))
        X, targets, weights, center = (rng.standard_normal(s).astype(dtype) for s in shapes)
        weights = np.abs(weights) + dtype(0.1)
        params = Linear(*(rng.standard_normal(s).astype(dtype) for s in ((2, 3), (3,))))
        alpha = np.array([alpha, 0.0, 1.0])
        data = (params, X, targets, weights, center, alpha)
        value, gradient = value_and_gradient(backend, SquaredError(), *data)
        expected_value, expected = by_hand(*data)
        close = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-11}
        np.testing.assert_allclose(value, expected_value, **close)
        for ours, theirs in zip(gradient, expected, strict=True):
            assert ours.dtype == dtype
            scale = max(1.0, np.abs(theirs).max())
            np.testing.assert_allclose(
                ours / scale, theirs / scale, rtol=0, atol=100 * np.finfo(dtype).eps
            )

    run()


def test_the_cost_divides_by_two_m(backend):
    """Residuals 3, 4 and 5 of three rows: (9 + 16 + 25) / 6, not 50 · 3 / 2."""
    zero = Linear(np.zeros((1, 1)), np.zeros(1))
    X, targets = np.zeros((3, 1)), np.array([[3.0], [4.0], [5.0]])
    value, gradient = value_and_gradient(
        backend, SquaredError(), zero, X, targets, np.ones(3), np.zeros(1), np.zeros(1)
    )
    assert value == pytest.approx(50 / 6, rel=1e-15)
    np.testing.assert_allclose(gradient.bias, [-4.0], rtol=1e-15)


def test_the_bias_is_not_penalised(backend):
    """With no residual at all, λ pulls at the weights alone."""
    params = Linear(np.array([[2.0]]), np.array([7.0]))
    value, gradient = value_and_gradient(
        backend, SquaredError(), params, np.array([[1.0], [3.0]]), np.array([[9.0], [13.0]]),
        np.ones(2), np.zeros(1), np.array([10.0]),
    )  # fmt: skip
    assert value == pytest.approx(10 * 4 / 4)
    np.testing.assert_array_equal(gradient.bias, [0.0])
    np.testing.assert_allclose(gradient.weights, [[10 * 2 / 2]])


def test_without_intercept_the_bias_counts_as_zero(backend):
    W = rng.standard_normal((4, 1))
    data = (X, TARGETS["one"][:, None], np.ones(13), np.zeros(4), np.ones(1))
    far = value_and_gradient(backend, SquaredError(False), Linear(W, np.array([1e6])), *data)
    near = value_and_gradient(backend, SquaredError(False), Linear(W, np.zeros(1)), *data)
    assert far[0] == near[0]
    np.testing.assert_array_equal(far[1].bias, [0.0])
    np.testing.assert_array_equal(far[1].weights, near[1].weights)


def models():
    yield LinearRegression(), "one"
    yield LinearRegression(fit_intercept=False), "three"
    yield LinearRegression(), "three"
    yield Ridge(alpha=3.0), "one"
    yield Ridge(alpha=3.0, fit_intercept=False), "one"
    yield Ridge(alpha=[0.0, 0.5, 20.0]), "three"


@needs_jax
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("model", "targets"), list(models()), ids=str)
def test_gradient_against_autodiff(backend, model, targets, weights):
    report = check_gradients(
        model, X, TARGETS[targets], sample_weight=WEIGHTS[weights], backend=backend,
        method="jax.grad",
    )  # fmt: skip
    assert [row.name for row in report.rows] == ["weights", "bias"]
    assert report.tolerance == 1e-7
    assert report.passed, report


@pytest.mark.backends("numpy", "array-api-strict", "numba")
@pytest.mark.parametrize(("model", "targets"), list(models()), ids=str)
def test_gradient_against_differences(backend, model, targets):
    report = check_gradients(
        model, X, TARGETS[targets], sample_weight=WEIGHTS["weighted"], backend=backend,
        method="central differences",
    )  # fmt: skip
    assert report.passed, report
