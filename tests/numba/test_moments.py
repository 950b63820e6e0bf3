"""The sums of least squares by tiles, over shapes that do not fill blocks, panels or vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from accelml.linear_model.least_squares_sums import Moments, moments
from accelml.selection import get_backend
from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))


def drawn(n: int, d: int, t: int, dtype: str) -> list[Any]:
    rng = np.random.default_rng(n + d + t)
    X = rng.normal(5.0, 2.0, (n, d)).astype(dtype)
    targets = rng.normal(-3.0, 1.0, (n, t)).astype(dtype)
    return [X, targets, rng.uniform(0.5, 2.0, n).astype(dtype)]


def compare(found: Moments, expected: Moments, tolerance: float) -> None:
    for name, ours, theirs in zip(Moments._fields, found, expected, strict=True):
        scale = np.abs(theirs).max() or 1.0
        assert np.abs(ours - theirs).max() <= tolerance * scale, name


@pytest.mark.parametrize("d", [1, 7, 15, 16, 17, 31, 32, 33, 64, 100, 511, 513])
@pytest.mark.parametrize("n", [1, 95, 97, 2500])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_the_generic_sum(n: int, d: int, dtype: str) -> None:
    backend = get_backend("numba")
    data = drawn(n, d, 1 + d % 3, dtype)
    exact = moments.generic(backend, *(part.astype(np.float64) for part in data), True)
    compare(moments(backend, *data, True), exact, 1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("is_weighted", [True, False])
def test_weights_and_intercept(fit_intercept: bool, is_weighted: bool) -> None:
    backend = get_backend("numba")
    X, targets, weights = drawn(300, 20, 2, "float64")
    data = [X, targets, weights if is_weighted else np.ones_like(weights)]
    found, expected = (f(backend, *data, fit_intercept) for f in (moments, moments.generic))
    compare(found, expected, 1e-12)


@pytest.mark.parametrize("d", [3, 40])
def test_rough_sums_are_added_up_in_float64(d: int) -> None:
    # A float32 sum of 2**18 terms of one sign would be off by 1e-5 and more.
    backend = get_backend("numba")
    data = drawn(2**18, d, 1, "float32")
    exact = moments.generic(backend, *(part.astype(np.float64) for part in data), True)
    compare(moments(backend, *data, True, rough=True), exact, 3e-6)


def test_rows_that_do_not_follow_one_another() -> None:
    backend = get_backend("numba")
    X, targets, weights = drawn(200, 12, 1, "float64")
    expected = moments.generic(backend, X[:, ::2], targets, weights, True)
    compare(moments(backend, X[:, ::2], targets, weights, True), expected, 1e-12)


def test_the_digits_are_those_of_any_number_of_threads() -> None:
    import numba

    backend = get_backend("numba")
    data = drawn(20_000, 60, 1, "float32")
    found = []
    threads = numba.get_num_threads()
    try:
        for count in range(1, threads + 1):
            numba.set_num_threads(count)
            found.append(moments(backend, *data, True))
    finally:
        numba.set_num_threads(threads)
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            assert np.array_equal(ours, theirs)
