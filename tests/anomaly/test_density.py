"""Log densities against SciPy's, where densities underflow and where data lie far away."""

import numpy as np
import pytest
from scipy.stats import chi2, multivariate_normal, norm

from accelml.anomaly.density import contour, log_density, make_gaussian, margin, sign
from accelml.anomaly.density import precision_cholesky as factor
from accelml.tree import tree_map
from tests.backends import CASES


def score(backend, mean, covariance, X):
    whitening = factor(np.asarray(covariance))
    with backend.context():
        gaussian = make_gaussian(mean, whitening, X.dtype)
        sent = tree_map(lambda leaf: backend.asarray(leaf.astype(X.dtype)), gaussian)
        found = backend.to_numpy(log_density(backend, sent, backend.asarray(X)))
    assert found.dtype == X.dtype
    return found


def covariance_of(rng, d):
    root = rng.standard_normal((d, d)) / np.sqrt(d)
    return root @ root.T + 0.3 * np.eye(d)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_1500_features_do_not_underflow(backend, dtype):
    """Every density is below 1e-308; its logarithm is about −1600."""
    rng = np.random.default_rng(0)
    mean, scale = rng.standard_normal(1500), rng.random(1500) + 0.5
    X = (mean + scale * rng.standard_normal((4, 1500))).astype(dtype)
    expected = norm.logpdf(X.astype("f8"), mean, scale).sum(axis=1)
    assert (expected < -1000).all()
    assert (np.exp(expected) == 0).all()
    found = score(backend, mean, scale**2, X)
    np.testing.assert_allclose(found, expected, rtol=1e-13 if dtype == "f8" else 2e-6)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_120_features_that_depend_on_each_other_do_not_underflow(backend, dtype):
    rng = np.random.default_rng(0)
    mean, covariance = rng.standard_normal(120), 1e10 * covariance_of(rng, 120)
    X = (1e5 * rng.standard_normal((4, 120))).astype(dtype)
    expected = multivariate_normal.logpdf(X.astype("f8"), mean, covariance)
    assert (np.exp(expected) == 0).all()
    found = score(backend, mean, covariance, X)
    np.testing.assert_allclose(found, expected, rtol=1e-11 if dtype == "f8" else 2e-5)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_data_far_from_the_origin(backend, dtype):
    """The mean, 1e6 + ⅓, is no number of float32: rounded to one it would be off by ⅓ σ."""
    rng = np.random.default_rng(1)
    mean = np.full(4, 1e6 + 1 / 3)
    X = (mean + rng.standard_normal((4, 4))).astype(dtype)
    covariance = covariance_of(rng, 4)
    rtol = 1e-9 if dtype == "f8" else 2e-6
    expected = multivariate_normal.logpdf(X.astype("f8"), mean, covariance)
    np.testing.assert_allclose(score(backend, mean, covariance, X), expected, rtol=rtol)
    expected = norm.logpdf(X.astype("f8"), mean, np.sqrt(np.diag(covariance))).sum(axis=1)
    np.testing.assert_allclose(score(backend, mean, np.diag(covariance), X), expected, rtol=rtol)


@pytest.mark.parametrize("name", ["numpy", "numpy-generic", "array-api-strict", "numba"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1), (300, 7), (1000, 130)])
def test_against_scipy(name, shape):
    """More rows than a block of the overrides among them."""
    d = shape[1]
    rng = np.random.default_rng(2)
    X, mean = 2 * rng.standard_normal(shape), rng.standard_normal(d)
    covariance = covariance_of(rng, d)
    backend = CASES[name].make()
    expected = np.atleast_1d(multivariate_normal.logpdf(X, mean, covariance))
    np.testing.assert_allclose(score(backend, mean, covariance, X), expected, rtol=1e-11)
    scale = np.sqrt(np.diag(covariance))
    expected = norm.logpdf(X, mean, scale).sum(axis=1)
    np.testing.assert_allclose(score(backend, mean, scale**2, X), expected, rtol=1e-13)
    for variant in (np.asfortranarray(X), X[::-1][::-1], np.repeat(X, 2, axis=0)[::2]):
        np.testing.assert_allclose(score(backend, mean, scale**2, variant), expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_lies_too_far_away_has_density_zero(backend, dtype):
    """Squares overflow, and ∞ − ∞ lies in wait in the product with W."""
    far = float(np.finfo(dtype).max) / 4
    X = np.array([[far, far], [far, -far], [-far, 0], [0, 0]], dtype=dtype)
    covariance = np.array([[0.02, 0.015], [0.015, 0.02]])
    for matrix in (covariance, np.diag(covariance)):
        found = score(backend, np.zeros(2), matrix, X)
        assert (found[:3] == -np.inf).all()
        assert np.isfinite(found[3])
        # So far from the mean that the difference overflows, and ∞ meets the zeros of W.
        assert (score(backend, np.full(2, -3 * far), matrix, 3 * np.abs(X[:2])) == -np.inf).all()


def test_the_sign_is_judged_in_float64(backend):
    """Halfway between two neighbours of float32 there is no number of float32."""
    low = np.float32(-2000.0)
    high = np.nextafter(low, np.float32(0))
    halfway = (float(low) + float(high)) / 2
    with backend.context():
        scores = backend.asarray(np.array([low, high, -np.inf], "f4"))
        offset = backend.asarray(np.asarray(halfway))
        signs = backend.to_numpy(sign(backend, scores, offset))
        margins = backend.to_numpy(margin(backend, scores, offset))
    assert signs.tolist() == [-1, 1, -1]
    assert margins.dtype == np.float32
    assert np.sign(margins).tolist() == [-1, 1, -1]


def test_a_score_at_the_offset_is_no_anomaly(backend):
    with backend.context():
        scores = backend.asarray(np.array([-3.0, -2.0, -1.0]))
        signs = backend.to_numpy(sign(backend, scores, backend.asarray(np.asarray(-2.0))))
    assert signs.tolist() == [-1, 1, 1]


@pytest.mark.parametrize("d", [1, 2, 30])
def test_the_contour_holds_the_share_of_the_gaussian_itself(d):
    rng = np.random.default_rng(3)
    covariance = covariance_of(rng, d)
    for share in (0.05, 0.5):
        density = contour(factor(covariance), share)
        peak = multivariate_normal.logpdf(np.zeros(d), np.zeros(d), covariance)
        assert chi2.sf(2 * (peak - density), d) == pytest.approx(share, rel=1e-9)
    draws = rng.multivariate_normal(np.zeros(d), covariance, 20_000)
    below = multivariate_normal.logpdf(draws, np.zeros(d), covariance) < contour(factor(covariance))
    assert below.mean() == pytest.approx(0.05, abs=0.006)


def test_whitening_whitens():
    covariance = covariance_of(np.random.default_rng(4), 20)
    W = factor(covariance)
    np.testing.assert_allclose(W @ W.T, np.linalg.inv(covariance), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(W.T @ covariance @ W, np.eye(20), atol=1e-12)
    assert (np.tril(W, -1) == 0).all()
    np.testing.assert_allclose(factor(np.array([4.0, 0.25])), [0.5, 2.0])


def test_what_has_no_inverse_is_refused():
    with pytest.raises(ValueError, match=r"features \[1\] are constant.*var_smoothing"):
        factor(np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match=r"not positive definite.*raise var_smoothing"):
        factor(np.array([[1.0, 2.0], [2.0, 1.0]]))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_mean_and_what_its_rounding_lost(dtype):
    mean = np.array([1e6 + 1 / 3, 0.1])
    found = make_gaussian(mean, np.ones(2), dtype)
    assert [found.mean.dtype, found.remainder.dtype] == [np.dtype(dtype)] * 2
    np.testing.assert_array_equal(found.mean, mean.astype(dtype))
    np.testing.assert_allclose(found.mean.astype("f8") + found.remainder, mean, rtol=1e-14)
