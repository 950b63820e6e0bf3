"""The CUDA kernels of the Gaussian, run on the CPU, against their generic bodies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accelml.anomaly import GaussianAnomalyDetector
from accelml.anomaly.density import Gaussian, log_density
from accelml.anomaly.moments import statistics
from accelml.kernel import REGISTRY
from accelml.tree import leaves
from accelml_cupy import anomaly
from tests.anomaly.kernel_cases import KERNEL_CASES, ROUNDINGS
from tests.cupy import cases

# Cases of so many entries take the fibers of the emulation too long.
MOST = 50_000


@pytest.mark.parametrize("name", ["moments.statistics", "density.log_density"])
def test_the_common_cases(emulate, reference, name):
    backend, key = emulate(), f"accelml.anomaly.{name}"
    target = REGISTRY[key]
    for label, arguments in KERNEL_CASES[key]():
        if max(np.size(x) for x in leaves(arguments)) > MOST:
            continue
        actual = target(backend, *cases.read_only(arguments))
        expected = target.generic(reference, *arguments)
        for ours, theirs in zip(leaves(actual), leaves(expected), strict=True):
            assert ours.dtype == theirs.dtype, label
            assert ours.shape == theirs.shape, label
            atol = ROUNDINGS.get(key, 64) * np.finfo(theirs.dtype).eps
            scale = max(1.0, np.abs(theirs).max(initial=0.0))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol * scale, err_msg=label)
    assert backend.launches


@given(cases.rows, cases.columns, cases.dtypes, cases.layouts, cases.seeds,
       st.sampled_from([1, 2, 7, 8192]), st.sampled_from([0, 1e4]))  # fmt: skip
@example(700, 3, np.float32, "C", 0, 8192, 0)
@cases.SETTINGS
def test_moments(emulate, n, d, dtype, layout, seed, most, offset):
    backend, random = emulate(), np.random.default_rng(seed)
    X = cases.arrange((offset + random.standard_normal((n, d))).astype(dtype), layout)
    weights = random.uniform(0, 2, n).round(1)
    X, weights = cases.read_only((X, weights))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anomaly, "MOST_PIECES", most)
        patch.setattr(anomaly, "PIECE", 8)
        weight, mean, scatter = statistics(backend, "diag", X, weights)
    total = weights.sum()
    np.testing.assert_allclose(weight, total, rtol=1e-13)
    if total > 0:
        exact = (weights.astype(np.longdouble) @ X) / total
        squares = weights.astype(np.longdouble) @ (X - exact) ** 2
        np.testing.assert_allclose(mean, exact.astype(float), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(scatter, squares.astype(float), rtol=1e-9, atol=1e-9)
    assert len(backend.launches) == 2


def test_a_constant_feature_has_no_variance(emulate):
    """Whatever the rows without weight hold; in three pieces, the first of them without weight."""
    X, weights = np.full((150, 2), 0.1, np.float32), np.ones(150)
    X[:70], weights[:70] = 1e6, 0
    weight, mean, scatter = statistics(emulate(), "diag", X, weights)
    assert weight == 80
    assert mean.tolist() == [float(np.float32(0.1))] * 2
    assert scatter.tolist() == [0, 0]


def test_no_weight_at_all(emulate):
    weight, mean, scatter = statistics(emulate(), "diag", np.ones((100, 2)), np.zeros(100))
    assert weight == 0
    assert np.isfinite(mean).all()
    assert scatter.tolist() == [0, 0]


@given(cases.rows, cases.columns, cases.dtypes, cases.layouts, cases.seeds)
@cases.SETTINGS
def test_log_density(emulate, reference, n, d, dtype, layout, seed):
    backend, random = emulate(), np.random.default_rng(seed)
    X = cases.arrange(random.standard_normal((n, d)).astype(dtype), layout)
    mean, remainder, whitening = random.standard_normal((3, d)).astype(dtype)
    gaussian = Gaussian(mean, remainder * dtype(1e-3), whitening, np.asarray(-3, dtype))
    arguments = cases.read_only((gaussian, X))
    actual = log_density(backend, *arguments)
    expected = log_density.generic(reference, *arguments)
    assert len(backend.launches) == 1
    cases.assert_trees_equal(actual, expected, cases.tolerance(dtype), cases.tolerance(dtype))


def test_too_far_away_to_tell(emulate, reference):
    X = np.array([[3e38, 3e38], [-3e38, 0], [0, 0]], np.float32)
    parts = np.array([[-3e38, 0], [3e38, 0], [3, 1]], np.float32)
    gaussian = Gaussian(*parts, np.asarray(-1, np.float32))
    with reference.context():
        expected = log_density.generic(reference, gaussian, X)
    actual = log_density(emulate(), gaussian, X)
    np.testing.assert_array_equal(actual, expected)
    assert np.isneginf(actual[:2]).all()


def test_other_types_and_nothing_at_all_take_the_generic_bodies(emulate, reference):
    backend, X = emulate(), np.random.default_rng(0).standard_normal((5, 2))
    gaussian = Gaussian(np.zeros(2), np.zeros(2), np.eye(2), np.asarray(0.0))
    mixed = Gaussian(*(np.ones(2, np.float32),) * 3, np.asarray(0.0))
    for case in (gaussian, mixed):
        np.testing.assert_allclose(
            log_density(backend, case, X), log_density.generic(reference, case, X), rtol=1e-6
        )
    statistics(backend, "full", X, np.ones(5))
    assert log_density(backend, gaussian._replace(whitening=np.ones(2)), X[:0]).shape == (0,)
    assert backend.launches == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit(emulate, reference, dtype):
    X = np.random.default_rng(0).standard_normal((300, 4)).astype(dtype)
    ours, theirs = (
        GaussianAnomalyDetector(contamination=0.1, backend=b).fit(X) for b in (emulate(), reference)
    )
    np.testing.assert_allclose(ours.var_, theirs.var_, rtol=1e-6)
    assert ours.offset_ == pytest.approx(theirs.offset_, rel=1e-5)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
