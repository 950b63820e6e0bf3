"""Weighted mean and scatter of rows, in one pass over blocks that are then merged.

The mathematics is in docs/mathematics/gaussian-anomaly-detection.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel

# Entries of X in one block: its float64 copy, 8 MB, is all the memory that the pass takes.
BLOCK_ENTRIES = 2**20


class Moments(NamedTuple):
    """Sums over rows, all in float64: everything that a Gaussian needs of its data."""

    weight: Array  # () Σ wᵢ
    mean: Array  # (d,) Σ wᵢ xᵢ / Σ wᵢ
    scatter: Array  # (d,) Σ wᵢ (xᵢ − mean)², or (d, d) Σ wᵢ (xᵢ − mean) (xᵢ − mean)ᵀ


@kernel(static=("covariance_type",))
def statistics(backend: Backend, covariance_type: str, X: Array, weights: Array) -> Moments:
    """Moments of the rows of ``X``, block by block; ``weights`` is of shape (n,)."""
    xp = backend.xp
    n, features = X.shape
    weights = xp.astype(weights, xp.float64)
    rows = min(n, max(1, BLOCK_ENTRIES // features))
    moments = block_moments(xp, covariance_type, X[:rows, :], weights[:rows])
    if n == rows:
        return moments

    def step(seen: Moments, block: tuple[Array]) -> tuple[Moments, Array]:
        index = block[0] * rows + xp.arange(rows)
        # Past the end the last row stands in, without weight, so that blocks have one shape.
        inside, index = index < n, xp.minimum(index, xp.full_like(index, n - 1))
        weight = xp.where(inside, xp.take(weights, index), xp.zeros((rows,), dtype=xp.float64))
        these = block_moments(xp, covariance_type, xp.take(X, index, axis=0), weight)
        return merge(xp, seen, these), these.weight

    others = xp.arange(1, -(-n // rows))
    last: Moments
    last, _ = backend.scan(step, moments, (others,))
    return last


def block_moments(xp: Any, covariance_type: str, X: Array, weights: Array) -> Moments:
    """Moments of a few rows, by the two passes that lose no digits far from the origin.

    The mean is summed as distances from one of the rows, the heaviest: that of a constant feature
    is exact then, and its variance exactly zero.
    """
    X = xp.astype(X, xp.float64)
    weight = xp.sum(weights)
    origin = xp.take(X, xp.reshape(xp.argmax(weights), (1,)), axis=0)[0, :]
    mean = origin + (weights @ (X - origin)) / nonzero(xp, weight)
    centered = X - mean
    if covariance_type == "diag":
        return Moments(weight, mean, weights @ (centered * centered))
    rooted = xp.sqrt(weights)[:, None] * centered
    return Moments(weight, mean, rooted.T @ rooted)


def merge(xp: Any, a: Moments, b: Moments) -> Moments:
    """Moments of two sets of rows together.

    References
    ----------
    Chan, Golub, LeVeque, Algorithms for computing the sample variance: analysis and
    recommendations, The American Statistician 37 (1983), equations 2.1.
    """
    weight = a.weight + b.weight
    share = b.weight / nonzero(xp, weight)
    apart = b.mean - a.mean
    between = apart * apart if a.scatter.ndim == 1 else apart[:, None] * apart[None, :]
    # From the mean of the heavier set: the lighter one's may be far away, of rows without weight.
    mean = xp.where(share > 0.5, b.mean - (1 - share) * apart, a.mean + share * apart)
    return Moments(weight, mean, a.scatter + b.scatter + a.weight * share * between)


def nonzero(xp: Any, weight: Array) -> Array:
    """A divisor: 1 where no row counts."""
    return xp.where(weight > 0, weight, xp.ones_like(weight))


def is_finite(moments: Moments) -> bool:
    """Whether all of them are, on the host."""
    return all(np.isfinite(part).all() for part in moments)
