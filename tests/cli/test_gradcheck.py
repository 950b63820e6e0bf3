"""``accelml gradcheck``: prints a table, and fails where a gradient is wrong."""

import numpy as np
import pytest

from accelml.gradcheck import check_gradients
from accelml.objectives import linear_classifier
from tests.backends import problem


def test_every_model_is_right(run):
    result = run("gradcheck", "--backend", "numpy")
    assert result.exit_code == 0, result.output
    for name in ("MLPClassifier, relu", "MLPRegressor", "LogisticRegression, ovr", "Ridge"):
        assert name in result.stdout
    assert "Every gradient is right" in result.stdout
    assert "central differences" in result.stdout
    if not problem("jax"):
        assert "jax.grad" in result.stdout
        assert "Hessian" in result.stdout


def test_a_wrong_gradient_is_named_and_the_status_says_so(run, monkeypatch):
    def shrink_bias(self, backend, params, sums, rows):
        value, gradient = right(self, backend, params, sums, rows)
        return value, gradient._replace(bias=gradient.bias + 0.1 * params.bias)

    right = linear_classifier.LinearClassifier.penalized
    monkeypatch.setattr(linear_classifier.LinearClassifier, "penalized", shrink_bias)
    result = run("gradcheck", "--model", "logistic")
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if "WRONG" in line]
    assert any(line.split()[0] == "bias" for line in lines)
    assert not any(line.split()[0] == "weights" for line in lines)


def test_an_unknown_model(run):
    result = run("gradcheck", "--model", "logistics")
    assert result.exit_code == 2
    assert "did you mean 'logistic'" in result.stderr


def quadratic(backend, params, data):
    """Σ (X a + b − y)² / 2 over rows, and its gradient by (a, b)."""
    xp = backend.xp
    X, y = data
    a, b = params
    residual = X @ a + b - y
    return xp.sum(residual * residual) / 2, (X.T @ residual, xp.sum(residual))


def wrong(backend, params, data):
    value, (a, b) = quadratic(backend, params, data)
    return value, (a, 2 * b)


@pytest.mark.parametrize("method", ["jax.grad", "central differences"])
def test_an_objective_of_ones_own(method):
    if method == "jax.grad" and problem("jax"):
        pytest.skip(problem("jax"))
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    params = (rng.standard_normal(3), np.array(0.5))
    hessian = method == "jax.grad"
    report = check_gradients(quadratic, X, y, params=params, method=method, hessian=hessian)
    assert report.passed, str(report)
    assert len(report.rows) == 2 + 2 * hessian
    report = check_gradients(wrong, X, y, params=params, method=method)
    assert [row.passed for row in report.rows] == [True, False]
    assert [row.name for row in report.rows] == ["[0]", "[1]"]


def test_an_objective_without_parameters():
    with pytest.raises(ValueError, match="params is missing"):
        check_gradients(quadratic, np.eye(2), np.ones(2))
