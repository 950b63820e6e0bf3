"""Sums over rows on JAX: of all of them, whatever their number, and without a copy of X."""

import numpy as np
import pytest

from tests.backends import CASES, problem

pytestmark = pytest.mark.skipif(bool(problem("jax")), reason=str(problem("jax")))


@pytest.mark.parametrize("n", [1, 31, 32, 33, 64, 1023, 1024, 1056, 32_768 + 32])
def test_every_row_is_added_once(n):
    from accelml_jax.blocks import sum_rows

    backend = CASES["jax"].make()
    X, weights = np.random.default_rng(n).standard_normal((n, 3)), np.arange(1.0, n + 1)

    def terms(X, weights):
        return weights[..., None] * X, X * X

    with backend.context():
        arrays = backend.asarray(X), backend.asarray(weights)
        found = backend.jax.jit(lambda *columns: sum_rows(backend, terms, *columns))(*arrays)
        first, second = map(backend.to_numpy, found)
    np.testing.assert_allclose(first, weights @ X, rtol=0, atol=1e-14 * weights.sum())
    np.testing.assert_allclose(second, (X * X).sum(axis=0), rtol=1e-13)


@pytest.mark.parametrize("name", ["anomaly.of_features", "preprocessing.in_two_passes"])
def test_moments_take_a_fifth_of_the_memory_of_X(name):
    import importlib

    module, function = name.split(".")
    moments = getattr(importlib.import_module(f"accelml_jax.{module}"), function)
    backend = CASES["jax"].make()
    with backend.context():
        X = backend.asarray(np.ones((40_000, 32), np.float32))
        weights = backend.asarray(np.ones(40_000))
        program = backend.jax.jit(lambda *columns: moments(backend, *columns)).lower(X, weights)
        assert program.compile().memory_analysis().temp_size_in_bytes <= 0.2 * X.nbytes
