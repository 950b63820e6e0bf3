"""Moments of rows: right far from the origin, by blocks, with weights, and however split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import EmpiricalCovariance

from accelml.anomaly import moments
from accelml.anomaly.moments import Moments, merge, statistics
from accelml.tree import tree_map
from tests.backends import CASES
from tests.data import table

TYPES = ["diag", "full"]


def moments_of(backend, covariance_type, X, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    with backend.context():
        found = statistics(backend, covariance_type, backend.asarray(X), backend.asarray(weights))
        return tree_map(backend.to_numpy, found)


def by_long_double(covariance_type, X, weights):
    """The definition, to 18 digits."""
    X, w = X.astype(np.longdouble), weights.astype(np.longdouble)
    mean = (w[:, None] * X).sum(axis=0) / w.sum()
    centered = X - mean
    scatter = (w[:, None, None] * centered[:, :, None] * centered[:, None, :]).sum(axis=0)
    return mean, np.diagonal(scatter) if covariance_type == "diag" else scatter


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_data_far_from_the_origin(backend, covariance_type, dtype):
    """At 1e6, Σx² − (Σx)²/n has four digits left of its variance in float64, none in float32."""
    rng = np.random.default_rng(0)
    X = (1e6 + rng.standard_normal((900, 3)) * [1, 2, 3]).astype(dtype)
    weights = rng.random(900)
    found = moments_of(backend, covariance_type, X, weights)
    mean, scatter = by_long_double(covariance_type, X, weights)
    assert {part.dtype for part in map(np.asarray, found)} == {np.dtype("f8")}
    np.testing.assert_allclose(found.mean, mean.astype("f8"), rtol=1e-15)
    np.testing.assert_allclose(found.scatter, scatter.astype("f8"), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("name", ["numpy", "numpy-generic", "array-api-strict", "numba"])
def test_an_offset_of_1e8_changes_nothing(name, covariance_type):
    rng = np.random.default_rng(1)
    near = np.round(rng.standard_normal((500, 4)), 3) * 2.0**-10 * 1024
    near = np.round(near * 2**20) / 2**20  # what an offset of 2**27 leaves as it is
    weights = rng.random(500)
    backend = CASES[name].make()
    expected = moments_of(backend, covariance_type, near, weights)
    found = moments_of(backend, covariance_type, near + 2.0**27, weights)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_constant_feature_has_exactly_no_variance(backend, covariance_type):
    X = np.full((900, 3), 0.1)
    X[:, 1] = np.arange(900)
    found = moments_of(backend, covariance_type, X, np.random.default_rng(2).random(900))
    assert found.mean[0] == found.mean[2] == 0.1
    constant = found.scatter[..., 0]
    assert (constant == 0).all()


@pytest.mark.parametrize("covariance_type", TYPES)
def test_blocks_make_no_difference(monkeypatch, covariance_type):
    """Blocks that do and do not divide the rows, of one row and of all."""
    X, _ = table("wine")
    weights = np.random.default_rng(3).random(len(X))
    weights[:60] = 0  # whole blocks that do not count
    X = X.copy()
    X[:60] = 1e12
    mean, scatter = by_long_double(covariance_type, X[60:], weights[60:])
    for name in ("numpy-generic", "array-api-strict"):
        for rows in (1, 2, 7, 89, 90, 178, 1000):
            monkeypatch.setattr(moments, "BLOCK_ENTRIES", rows * X.shape[1])
            found = moments_of(CASES[name].make(), covariance_type, X, weights)
            np.testing.assert_allclose(found.weight, weights.sum(), rtol=1e-14)
            np.testing.assert_allclose(found.mean, mean.astype("f8"), rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(found.scatter, scatter.astype("f8"), atol=1e-11)


@pytest.mark.backends("jax", "jax-second-device", "jax-gpu", "cupy")
@pytest.mark.parametrize("covariance_type", TYPES)
def test_blocks_of_compiled_backends(backend, covariance_type):
    """One row more than a block: the second is nearly all padding."""
    rng = np.random.default_rng(4)
    X = 3 + rng.standard_normal((moments.BLOCK_ENTRIES // 8 + 1, 8))
    weights = rng.random(len(X))
    found = moments_of(backend, covariance_type, X, weights)
    expected = np.cov(X.T, aweights=weights, bias=True) * weights.sum()
    expected = np.diagonal(expected) if covariance_type == "diag" else expected
    np.testing.assert_allclose(found.scatter, expected, rtol=1e-9, atol=1e-9 * weights.sum())
    np.testing.assert_allclose(found.mean, np.average(X, axis=0, weights=weights), rtol=1e-12)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_covariance_is_that_of_scikit_learn(backend, name):
    X, _ = table(name)
    reference = EmpiricalCovariance().fit(X)
    found = moments_of(backend, "full", X)
    np.testing.assert_allclose(found.scatter / found.weight, reference.covariance_, atol=1e-13)
    np.testing.assert_allclose(found.mean, reference.location_, atol=1e-13)
    diagonal = moments_of(backend, "diag", X)
    np.testing.assert_allclose(diagonal.scatter / len(X), X.var(axis=0), rtol=1e-13)


rows = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 3)), min_size=2, max_size=9
)


@given(rows, st.integers(0, 9), st.sampled_from(TYPES), st.sampled_from([0.0, 1e6]))
@settings(deadline=None)
def test_merging_parts_is_summing_all(rows, cut, covariance_type, offset):
    """In either order, with parts that have no weight."""
    table = np.array(rows, dtype="f8")
    X, weights = table[:, :2] + offset, table[:, 2]
    cut = min(max(cut, 1), len(X) - 1)
    backend = CASES["numpy"].make()
    whole, first, second = (
        moments_of(backend, covariance_type, X[part], weights[part])
        for part in (slice(None), slice(None, cut), slice(cut, None))
    )
    for a, b in ((first, second), (second, first)):
        merged = merge(np, a, b)
        assert merged.weight == whole.weight
        if whole.weight > 0:
            np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-15, atol=1e-12)
        # A mean of 1e6 is known to 1e-10, whichever way it is summed.
        atol = 1e-6 if offset else 1e-9
        np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-12, atol=atol)


def test_merging_with_rows_that_do_not_count_changes_nothing():
    nothing = Moments(np.asarray(0.0), np.array([1e12, -1e12]), np.zeros(2))
    some = Moments(np.asarray(3.0), np.array([0.1, 0.3]), np.array([2.0, 0.0]))
    for merged in (merge(np, nothing, some), merge(np, some, nothing)):
        np.testing.assert_array_equal(merged.weight, some.weight)
        np.testing.assert_array_equal(merged.mean, some.mean)
        np.testing.assert_array_equal(merged.scatter, some.scatter)
