"""The Gaussian of independent features as compiled loops: each row is read while it is in cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.anomaly.density import Gaussian, log_density
from accelml.anomaly.moments import Moments, merge, statistics
from accelml.backend import Backend
from accelml_numba.compilation import compiled
from accelml_numpy.anomaly import blocks, score_rows, sum_rows

Floats = np.ndarray[Any, Any]


@compiled
def sum_block(X: Floats, weights: Floats, mean: Floats, scatter: Floats) -> float:
    """Fill the mean and the scatter of a few rows, and return their weight."""
    n, d = X.shape
    weight = 0.0
    origin = X[np.argmax(weights)].astype(np.float64)
    for i in range(n):
        w = weights[i]
        weight += w
        for j in range(d):
            mean[j] += w * (X[i, j] - origin[j])
    for j in range(d):
        mean[j] = origin[j] + mean[j] / (weight if weight > 0 else 1.0)
    for i in range(n):
        w = weights[i]
        for j in range(d):
            distance = X[i, j] - mean[j]
            scatter[j] += w * (distance * distance)
    return weight


@statistics.register("numba")
def _statistics(backend: Backend, covariance_type: str, X: Array, weights: Array) -> Moments:
    if covariance_type == "full":
        return sum_rows(backend, covariance_type, X, weights)
    weights = weights.astype(np.float64)
    moments = None
    for rows in blocks(*X.shape, products=False):
        mean, scatter = np.zeros((2, X.shape[1]))
        weight = sum_block(np.ascontiguousarray(X[rows]), weights[rows], mean, scatter)
        block = Moments(np.asarray(weight), mean, scatter)
        moments = block if moments is None else merge(np, moments, block)
    assert moments is not None
    return moments


@compiled
def score_block(
    X: Floats, mean: Floats, remainder: Floats, scale: Floats, half: float, scores: Floats
) -> None:
    """Fill −½ |(x − μ) W|² of a few rows.

    The squares are added by halves, which is exact to the last digits and leaves the processor
    something to do at once; a running sum waits for itself.
    """
    n, d = X.shape
    square = np.empty(d, X.dtype)
    for i in range(n):
        for j in range(d):
            z = (X[i, j] - mean[j] - remainder[j]) * scale[j]
            square[j] = z * z
        left = d
        while left > 1:
            rest = left - left // 2
            for j in range(left // 2):
                square[j] += square[rest + j]
            left = rest
        scores[i] = -half * square[0]


@log_density.register("numba")
def _log_density(backend: Backend, gaussian: Gaussian, X: Array) -> Array:
    mean, remainder, scale, peak = gaussian
    if scale.ndim == 2:
        return score_rows(backend, gaussian, X)
    scores = np.empty(len(X), X.dtype)
    half: Any = X.dtype.type(0.5)
    for rows in blocks(*X.shape, products=False):
        score_block(np.ascontiguousarray(X[rows]), mean, remainder, scale, half, scores[rows])
    scores += peak
    return scores
