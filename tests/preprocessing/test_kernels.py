"""Every override of preprocessing equals its generic body, and moments are what they say."""

import numpy as np
import pytest

from accelml import get_backend
from accelml.kernel import REGISTRY
from accelml.preprocessing.moments import Moments, merge, statistics
from accelml.preprocessing.polynomial_basis import count_terms, levels
from accelml.preprocessing.standardisation import Standard
from accelml.tree import leaves, tree_map
from tests.backends import CASES
from tests.preprocessing.kernel_cases import KERNEL_CASES


@pytest.mark.parametrize("key", KERNEL_CASES, ids=lambda key: key.rpartition(".")[2])
@pytest.mark.backends("numpy", "numpy-readonly", "array-api-strict", "numba")
def test_every_body_equals_the_generic_one(backend, key):
    target, plain = REGISTRY[key], CASES["numpy-generic"].make()
    for label, arguments in KERNEL_CASES[key]():
        with backend.context():
            given = tree_map(
                lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf,
                arguments,
            )
            found = tree_map(backend.to_numpy, target(backend, *given))
        with plain.context():
            expected = target.generic(plain, *arguments)
        eps = np.finfo(np.float64 if key.endswith("statistics") else arguments[0].dtype).eps
        for ours, theirs in zip(leaves(found), leaves(expected), strict=True):
            assert ours.dtype == theirs.dtype
            scale = max(1.0, np.nanmax(np.abs(theirs), initial=0.0))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=64 * eps * scale, err_msg=label)


@pytest.mark.parametrize("name", ["numpy", "numpy-generic", "numba"])
def test_moments_of_shifted_data_are_those_of_long_double(name):
    backend = CASES[name].make() if name == "numpy-generic" else get_backend(name)
    rng = np.random.default_rng(1)
    for offset in (1.0, 1e4, 1e8, 1e12):
        X = offset + rng.standard_normal((30_000, 5))
        weights = rng.random(len(X))
        found = statistics(backend, X, weights)
        w = weights.astype(np.longdouble)[:, None]
        near = (X - offset).astype(np.longdouble)  # no rounding: they are close
        mean = (w * near).sum(axis=0) / w.sum()
        squares = (w * (near - mean) ** 2).sum(axis=0)
        np.testing.assert_allclose(found.mean, (offset + mean).astype(float), rtol=1e-14)
        np.testing.assert_allclose(found.squares, squares.astype(float), rtol=1e-12)


def test_merging_with_nothing_changes_nothing():
    nothing = Moments(*np.zeros((3, 2)))
    some = Moments(np.array([3.0, 0.0]), np.array([1e8, 0.0]), np.array([2.0, 0.0]))
    for merged in (merge(np, nothing, some), merge(np, some, nothing)):
        np.testing.assert_array_equal(merged, some)


@pytest.mark.parametrize("interaction_only", [False, True])
def test_terms_are_counted_as_they_are_made(interaction_only):
    for width in range(1, 7):
        for degree in range(1, 6):
            made = width + sum(
                level.size - start
                for level in levels(width, degree, interaction_only)
                for start in level.starts
            )
            assert made == count_terms(width, degree, interaction_only)


@pytest.mark.parametrize("name", ["numpy", "numpy-generic"])
@pytest.mark.parametrize("value", [0.1, 1 / 3, -123.456, 1e8 + 0.1, 7.0])
def test_the_rounding_of_the_first_mean_is_made_up_for(name, value):
    """A constant has its mean to the last digit and no variance, however its sum is rounded."""
    backend = CASES[name].make()
    rounded = 0
    for n in range(2, 60):
        for scale in (1.0, 1e-3, 0.3):
            X, weights = np.full((n, 2), value), np.full(n, scale)
            found = statistics(backend, X, weights)
            rounded += (weights @ X / weights.sum() != value).any()
            np.testing.assert_array_equal(found.mean, X[0])
            assert (found.squares >= 0).all()
            most = 1e-3 * weights.sum() * np.spacing(value) ** 2
            assert (found.squares <= most).all()
    assert rounded > 0


def test_light_rows_weigh_what_they_weigh():
    """Less than one in all; and a feature that is always missing has no mean but zero."""
    backend = CASES["numpy-generic"].make()
    X, weights = np.array([[1.0, np.nan], [5.0, np.nan]]), np.array([0.25, 0.125])
    found = statistics(backend, X, weights)
    np.testing.assert_allclose(found, [[0.375, 0], [7 / 3, 0], [4 / 3, 0]])
    halves = [statistics(backend, X[i : i + 1], weights[i : i + 1]) for i in (0, 1)]
    np.testing.assert_allclose(merge(np, *halves), found)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_mean_and_what_its_rounding_lost(dtype):
    mean, scale = np.array([1e8 + 1 / 3, 0.1]), np.array([0.1, 3.0])
    found = Standard.of(mean, scale, dtype)
    assert [part.dtype for part in found] == [np.dtype(dtype)] * 3
    np.testing.assert_array_equal(found.near, mean.astype(dtype))
    np.testing.assert_allclose(found.near.astype("f8") + found.rest, mean, rtol=1e-15)
    np.testing.assert_array_equal(found.scale, scale.astype(dtype))
