"""The Gaussian's kernels over blocks of rows that stay in cache, in buffers that are used again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.linalg.blas import dtrmm, strmm

from accelml._typing import Array
from accelml.anomaly.density import Gaussian, log_density
from accelml.anomaly.moments import Moments, merge, statistics
from accelml.backend import Backend

Floats = np.ndarray[Any, Any]

BLOCK_ENTRIES = 2**16  # half a megabyte of float64


def blocks(n: int, features: int, *, products: bool) -> Iterator[slice]:
    """Slices of rows; more rows than features where matrices of both are multiplied."""
    rows = max(4 * features if products else 16, BLOCK_ENTRIES // features)
    return (slice(start, min(start + rows, n)) for start in range(0, n, rows))


@statistics.register("numpy")
def sum_rows(backend: Backend, covariance_type: str, X: Array, weights: Array) -> Moments:
    """Sum blocks, and merge them."""
    weights = weights.astype(np.float64)
    moments: Moments | None = None
    for rows in blocks(*X.shape, products=covariance_type == "full"):
        block = block_moments(covariance_type, X[rows], weights[rows])
        moments = block if moments is None else merge(np, moments, block)
    assert moments is not None
    return moments


def block_moments(covariance_type: str, X: Floats, weights: Floats) -> Moments:
    """Moments of a few rows, in one buffer."""
    weight = weights.sum()
    origin = X[weights.argmax()]
    centered = np.subtract(X, origin, dtype=np.float64)
    mean = origin + (weights @ centered) / (weight or 1.0)
    np.subtract(X, mean, out=centered)
    if covariance_type == "diag":
        centered *= centered
        return Moments(weight, mean, weights @ centered)
    centered *= np.sqrt(weights)[:, None]
    return Moments(weight, mean, centered.T @ centered)


@log_density.register("numpy")
def score_rows(backend: Backend, gaussian: Gaussian, X: Array) -> Array:
    """Whiten blocks where they stand."""
    scores = np.empty(len(X), X.dtype)
    trmm = dtrmm if X.dtype == np.float64 else strmm
    for rows in blocks(*X.shape, products=gaussian.whitening.ndim == 2):
        z = np.subtract(X[rows], gaussian.mean, order="C")
        z -= gaussian.remainder
        if gaussian.whitening.ndim == 1:
            z *= gaussian.whitening
        else:
            # A triangular matrix has half the work: zᵀ becomes Wᵀ zᵀ where it stands.
            z = trmm(1.0, gaussian.whitening.T, z.T, lower=1, overwrite_b=1).T
        np.einsum("ij,ij->i", z, z, out=scores[rows])
    scores[np.isnan(scores)] = np.inf
    scores *= -0.5
    scores += gaussian.peak
    return scores
