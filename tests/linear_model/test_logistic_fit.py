"""How logistic regression is put to a solver, piece by piece."""

import numpy as np
import pytest

from accelml import get_backend
from accelml.linear_model import least_squares_descent, logistic_fit
from accelml.linear_model.logistic_fit import make_problems, make_rows, shifted
from accelml.objectives.linear_classifier import LinearClassifier

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")
rng = np.random.default_rng(9)
X = rng.standard_normal((40, 3)) * [1.0, 3.0, 0.2] + [5.0, 0.0, -1.0]
WEIGHTS = rng.random(40)
CENTER = np.average(X, axis=0, weights=WEIGHTS)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_problems(fit_intercept):
    labels = np.array([0, 2, 1, 2])
    coef, intercept = np.arange(6.0).reshape(3, 2), np.arange(3.0)

    def made(count, multinomial, rows):
        return make_problems(
            labels % count, coef[:rows], intercept[:rows], count=count, multinomial=multinomial,
            fit_intercept=fit_intercept,
        )  # fmt: skip

    (binary,) = made(2, False, 1)
    assert binary.objective == LinearClassifier("logistic", fit_intercept)
    assert binary.labels.tolist() == [0, 0, 1, 0]
    (together,) = made(3, True, 3)
    assert together.objective == LinearClassifier("softmax", fit_intercept)
    assert together.labels.tolist() == labels.tolist()
    apart = made(3, False, 3)
    for k, problem in enumerate(apart):
        assert problem.objective == LinearClassifier("logistic", fit_intercept)
        assert problem.labels.tolist() == (labels == k).tolist()
        assert (problem.coef.tolist(), problem.intercept.tolist()) == ([[2 * k, 2 * k + 1]], [k])
    assert all(p.labels.dtype == np.int32 for p in (binary, together, *apart))


@FAST
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_data_is_of_one_type_but_for_its_scalars(backend, fit_intercept, dtype):
    with backend.context():
        on_device = backend.asarray(X.astype(dtype))
        for C, penalty in [(0.5, 2 / WEIGHTS.sum()), (np.inf, 0.0)]:
            rows = make_rows(backend, on_device, WEIGHTS, C=C, fit_intercept=fit_intercept)
            assert float(rows.penalty) == pytest.approx(penalty)
            assert float(rows.total_weight) == pytest.approx(WEIGHTS.sum())
            assert rows.penalty.dtype == rows.total_weight.dtype == backend.xp.float64
            for part in (rows.X, rows.weights, rows.center):
                assert backend.to_numpy(part).dtype == dtype
            center = backend.to_numpy(rows.center)
            np.testing.assert_allclose(center, CENTER * fit_intercept, rtol=1e-5)


def curvature(center):
    """The largest eigenvalue of the mean of x xᵀ, x with a one beside it."""
    design = np.column_stack([X - center, np.ones(len(X))])
    return np.linalg.eigvalsh(design.T @ (WEIGHTS[:, None] * design) / WEIGHTS.sum())[-1]


@pytest.mark.parametrize(("loss", "share"), [("logistic", 0.25), ("softmax", 0.5)])
@pytest.mark.parametrize("penalty", [0.0, 0.1, 40.0])
def test_the_step_of_logistic_regression_is_nearly_the_longest_that_is_safe(loss, share, penalty):
    backend = get_backend("numpy")
    C = 1 / (penalty * WEIGHTS.sum()) if penalty else np.inf
    rows = make_rows(backend, X, WEIGHTS, C=C, fit_intercept=True)
    bound = share * curvature(CENTER) + penalty
    length = logistic_fit.safe_step_length(backend, LinearClassifier(loss), rows)
    assert 0.9 / bound < length <= 1 / bound


@pytest.mark.parametrize("alpha", [0.0, 3.0, 900.0])
@pytest.mark.parametrize("centered", [True, False])
def test_the_step_of_least_squares_is_nearly_the_longest_that_is_safe(alpha, centered):
    backend = get_backend("numpy")
    targets = np.zeros((40, 2))
    rows = least_squares_descent.make_rows(
        backend, X, targets, WEIGHTS, alpha=[alpha / 2, alpha], centered=centered
    )
    bound = curvature(CENTER * centered) + alpha / WEIGHTS.sum()
    length = least_squares_descent.safe_step_length(backend, rows)
    assert 0.9 / bound < length <= 1 / bound


def test_a_monitor_counts_on():
    seen = []
    monitor = shifted(lambda iteration, loss: seen.append((iteration, loss)), 100)
    monitor(7, 0.5)
    assert seen == [(107, 0.5)]
