"""The logarithm of a Gaussian density, by whitening: never the density, which underflows.

The mathematics is in docs/mathematics/gaussian-anomaly-detection.md.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.special import chdtri

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel

Floats = np.ndarray[Any, Any]

# The share of a Gaussian's own draws that "auto" calls anomalies.
RARE = 0.05


class Gaussian(NamedTuple):
    """A Gaussian as its density wants it.

    ``mean + remainder`` is the mean to twice the digits of float32: far from the origin, the
    rounding of the mean alone would be as large as the spread of the data.
    """

    mean: Array  # (d,)
    remainder: Array  # (d,)
    whitening: Array  # (d,) or (d, d): W with W Wᵀ = Σ⁻¹
    peak: Array  # () the log density at the mean


@kernel
def log_density(backend: Backend, gaussian: Gaussian, X: Array) -> Array:
    """Score rows: log N(x; μ, Σ) = −½ (d log 2π + log |Σ| + |(x − μ) W|²), of shape (n,).

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, section 2.3.
    """
    xp = backend.xp
    z = whiten(X - gaussian.mean, gaussian.whitening)
    z = z - whiten(gaussian.remainder, gaussian.whitening)
    distance = xp.sum(z * z, axis=-1)
    # ∞ − ∞ in a product with W: so far away that the distance overflows.
    distance = xp.where(xp.isnan(distance), xp.full_like(distance, xp.inf), distance)
    return xp.astype(gaussian.peak, X.dtype) - distance / 2


def whiten(centered: Array, whitening: Array) -> Array:
    """Turn and scale, so that every direction has variance 1."""
    return centered * whitening if whitening.ndim == 1 else centered @ whitening


@kernel
def margin(backend: Backend, scores: Array, offset: Array) -> Array:
    """How far each score lies above the offset: subtracted in float64, so that the sign is right.

    An offset halfway between two neighbouring scores of float32 is no number of float32.
    """
    xp = backend.xp
    return xp.astype(xp.astype(scores, xp.float64) - offset, scores.dtype)


@kernel
def sign(backend: Backend, scores: Array, offset: Array) -> Array:
    """−1 where the score is below the offset and 1 elsewhere."""
    xp = backend.xp
    one = xp.ones(scores.shape, dtype=xp.int64)
    return xp.where(xp.astype(scores, xp.float64) < offset, -one, one)


def make_gaussian(mean: Floats, whitening: Floats, dtype: Any) -> Gaussian:
    """The Gaussian of float64 parameters, for data of ``dtype``, on the host."""
    rounded = mean.astype(dtype)
    remainder = (mean - rounded).astype(dtype)
    return Gaussian(rounded, remainder, whitening, np.asarray(log_peak(whitening)))


def log_peak(whitening: Floats) -> float:
    """−½ (d log 2π + log |Σ|), from the diagonal of W, whose product is |Σ|^−½."""
    scales = whitening if whitening.ndim == 1 else np.diagonal(whitening)
    return float(np.sum(np.log(scales)) - len(scales) / 2 * math.log(2 * math.pi))


def contour(whitening: Floats, share: float = RARE) -> float:
    """The log density that this share of the Gaussian's own draws stays below.

    |(x − μ) W|² of a Gaussian x has the χ² distribution of d degrees of freedom.
    """
    return log_peak(whitening) - float(chdtri(len(whitening), share)) / 2


def precision_cholesky(covariance: Floats) -> Floats:
    """``W`` with ``W Wᵀ = Σ⁻¹``: 1/σ for variances of shape (d,), L⁻ᵀ for Σ = L Lᵀ.

    Raises
    ------
    ValueError
        If a variance is zero, or Σ is not positive definite.
    """
    if covariance.ndim == 1:
        constant = np.flatnonzero(covariance <= 0)
        if constant.size:
            raise ValueError(
                f"features {constant[:5].tolist()} are constant, and var_smoothing adds nothing to "
                "their variance of 0: set var_smoothing above 0, or drop them."
            )
        return 1 / np.sqrt(covariance)
    try:
        lower = cholesky(covariance, lower=True, check_finite=False)
    except LinAlgError:
        raise ValueError(
            "the covariance is not positive definite (constant features, features that are sums "
            "of others, or fewer rows than features): raise var_smoothing, or set "
            "covariance_type='diag'."
        ) from None
    identity = np.eye(len(lower))
    inverse: Floats = solve_triangular(lower, identity, lower=True, check_finite=False)
    return np.ascontiguousarray(inverse.T)
