"""The Gaussian's loops over rows that do not fill vectors, and over several of them at once."""

from __future__ import annotations

import numpy as np
import pytest

from accelml.anomaly.density import Gaussian, log_density
from accelml.anomaly.moments import Moments, statistics
from accelml.selection import get_backend
from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))

FEATURES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65]


def compare(found: Moments, expected: Moments, tolerance: float) -> None:
    for name, ours, theirs in zip(Moments._fields, found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=tolerance), name


@pytest.mark.parametrize("d", FEATURES)
@pytest.mark.parametrize("n", [1, 2, 3, 255, 257, 1001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_density_is_the_generic_one(n: int, d: int, dtype: str) -> None:
    backend, rng = get_backend("numba"), np.random.default_rng(n * d)
    X, mean, scale = rng.normal(3, 2, (n, d)), rng.normal(3, 1, d), rng.uniform(0.2, 2, d)
    parts = [part.astype(dtype) for part in (X, mean, mean * 1e-3, scale)]
    gaussian = Gaussian(*parts[1:], peak=np.asarray(1.5, dtype))
    found = log_density(backend, gaussian, parts[0])
    expected = log_density.generic(backend, gaussian, parts[0])
    assert found.dtype == dtype
    # Near the mean, what is left of the distance is its rounding.
    size = float(np.abs(expected).max())
    assert found == pytest.approx(expected, rel=0, abs=4 * float(np.finfo(dtype).eps) * d * size)


@pytest.mark.parametrize("d", FEATURES)
@pytest.mark.parametrize("n", [1, 2, 63, 65, 1001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments_are_the_generic_ones(n: int, d: int, dtype: str) -> None:
    backend, rng = get_backend("numba"), np.random.default_rng(n * d)
    X, ones = rng.normal(1e4, 1, (n, d)).astype(dtype), np.broadcast_to(1.0, n)
    expected = statistics.generic(backend, "diag", X, ones)
    compare(statistics(backend, "diag", X, ones), expected, 1e-9)


@pytest.mark.parametrize("d", [1, 3, 5, 21, 64])
def test_the_variance_of_a_constant_is_exactly_zero(d: int) -> None:
    backend = get_backend("numba")
    X = np.broadcast_to(np.float32(0.1) + np.arange(d, dtype=np.float32), (1000, d)).copy()
    found = statistics(backend, "diag", X, np.broadcast_to(1.0, 1000))
    assert np.array_equal(found.mean, X[0].astype(np.float64))
    assert not found.scatter.any()


@pytest.mark.parametrize("d", [3, 20])
def test_what_overflows_is_as_unlikely_as_can_be(d: int) -> None:
    backend = get_backend("numba")
    X = np.full((5, d), 3e38, np.float32)
    X[:2] = 0
    zeros, ones = np.zeros(d, np.float32), np.ones(d, np.float32)
    found = log_density(backend, Gaussian(-X[2], zeros, ones, peak=np.asarray(0.0)), X)
    assert np.isneginf(found[2:]).all()
