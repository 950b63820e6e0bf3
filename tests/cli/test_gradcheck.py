"""``accelml gradcheck``: prints a table, and fails where a gradient is wrong."""

import numpy as np
import pytest

from accelml.cluster import KMeans
from accelml.gradcheck import check_gradients
from accelml.linear_model import Ridge
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


@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
def test_an_objective_of_ones_own_may_look_at_values():
    """Which is impossible where it is traced for a program."""

    def hinged(backend, params, data):
        value, gradient = quadratic(backend, params, data)
        return (value, gradient) if value > 0 else (0 * value, gradient)

    X, y = np.eye(3), np.ones(3)
    params = (np.zeros(3), np.array(0.5))
    assert check_gradients(hinged, X, y, params=params, hessian=True).passed


def test_the_table_is_whole_in_80_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = run("gradcheck", "--model", "logistic")
    assert "…" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    heads = [line.strip() for line in result.stdout.splitlines() if "  against " in line]
    assert heads[-1] == "against central differences"
    if not problem("jax"):
        assert heads[:2] == ["against jax.grad", "against jax.jvp, Hessian · v"]


def scalar_bias(backend, params, data):
    value, (a, b) = quadratic(backend, params, data)
    return value, (a[:1], b)


def one_short(backend, params, data):
    value, (a, _) = quadratic(backend, params, data)
    return value, (a,)


PARAMS = (np.ones(2), np.zeros(()))
BAD = [
    (quadratic, np.eye(2), np.ones(2), {}, ValueError, "params is missing"),
    (scalar_bias, np.eye(2), np.ones(2), {"params": PARAMS}, ValueError, r"'\[0\]': \(1,\)"),
    (one_short, np.eye(2), np.ones(2), {"params": PARAMS}, ValueError, "an array for each"),
    (KMeans(), np.eye(2), np.ones(2), {}, TypeError, "KMeans has no gradient"),
    (Ridge(), [1.0, 2.0], [1.0, 2.0], {}, ValueError, "Expected 2D array"),
    (Ridge(), np.eye(2), np.ones(3), {}, ValueError, r"inconsistent.*\[2, 3\]"),
    (Ridge(alpha="a"), np.eye(2), np.ones(2), {}, ValueError, "alpha"),
    (Ridge(), np.eye(2), np.ones(2), {"params": PARAMS}, ValueError, "params is for"),
]


@pytest.mark.parametrize(("what", "X", "y", "more", "error", "message"), BAD)
def test_bad_input_is_named(what, X, y, more, error, message):
    with pytest.raises(error, match=message):
        check_gradients(what, X, y, method="central differences", **more)
