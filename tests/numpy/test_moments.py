"""Rough sums of least squares on NumPy, of rows as they lie where the origin is near to them."""

import numpy as np
import pytest

from accelml.linear_model.least_squares_sums import moments
from accelml.selection import get_backend
from accelml_numpy import linear_model as module

BACKEND = get_backend("numpy")


def drawn(n, d, t, offset=0.0):
    rng = np.random.default_rng(n + d + t)
    X = rng.normal(offset, 1.0, (n, d)).astype(np.float32)
    return X, rng.normal(30.0, 1.0, (n, t)), np.ones(n)


def errors(data, fit_intercept=True):
    """Beside columns of X of variance 1, and a target of 1, or of 30² about zero."""
    exact = moments.generic(BACKEND, data[0].astype(np.float64), *data[1:], fit_intercept)
    found = moments(BACKEND, *data, fit_intercept, rough=True)
    assert all(part.dtype == np.float64 for part in found)
    assert found.weight == exact.weight
    n = float(exact.weight)
    sizes = {"mean": 1, "target_mean": 30, "gram": n, "moment": n if fit_intercept else 30 * n}
    return {
        name: np.abs(getattr(found, name) - getattr(exact, name)).max() / size
        for name, size in sizes.items()
    }


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("t", [1, 2, 5])
@pytest.mark.parametrize("d", [1, 33, 784])
@pytest.mark.parametrize("n", [2, 787, 5000])
def test_sums_are_right_to_float32(n, d, t, fit_intercept, monkeypatch):
    monkeypatch.setattr(module, "lie_near", lambda X, means: True)
    found = errors(drawn(n, d, t), fit_intercept)
    assert max(found.values()) < 1e-6, found


@pytest.mark.parametrize("layout", ["F", "apart"])
def test_rows_may_lie_in_any_way(layout, monkeypatch):
    monkeypatch.setattr(module, "lie_near", lambda X, means: True)
    X, targets, weights = drawn(5000, 40, 1)
    wide = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
    other = {"F": np.asfortranarray(X), "apart": wide[::2, ::2]}[layout]
    found = errors((other, targets, weights))
    assert max(found.values()) < 1e-6, found


def test_it_costs_no_more_than_one_binary_digit(monkeypatch):
    data = drawn(2**17, 40, 1, offset=0.9)
    as_they_lie = errors(data)["gram"]
    monkeypatch.setattr(module, "lie_near", lambda X, means: False)
    assert as_they_lie < 2 * errors(data)["gram"]


@pytest.mark.parametrize(
    ("offset", "constant", "expected"),
    [(0.0, None, True), (0.9, None, True), (1.1, None, False), (0.0, 0.0, True),
     (0.0, 1.0, False), (np.nan, None, False)],
)  # fmt: skip
def test_only_rows_near_the_origin_are_taken_as_they_lie(offset, constant, expected):
    X, _, _ = drawn(200_000, 3, 1, offset)
    if constant is not None:
        X[:, 1] = constant
    assert module.lie_near(X, X.mean(axis=0)) is expected


def test_a_constant_column_far_from_zero_is_still_exactly_zero():
    X, targets, weights = drawn(5000, 4, 1)
    X[:, 2] = 0.1
    found = moments(BACKEND, X, targets, weights, True, rough=True)
    assert not found.gram[2].any()
    assert not found.moment[2].any()
