"""The Gaussian's kernels over blocks of rows that stay in cache, in buffers that are used again."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.linalg.blas import dtrmm, strmm

from accelml._typing import Array
from accelml.anomaly.density import Gaussian, log_density
from accelml.anomaly.moments import Moments, merge, statistics
from accelml.backend import Backend
from accelml_numpy.rows import add_up, all_ones, each_row
from accelml_numpy.threads import in_parts

Floats = np.ndarray[Any, Any]

BLOCK_ENTRIES = 2**19  # four megabytes of float64: fewer would wait for the lock too often
SAMPLE = 256


def blocks(
    X: Floats, start: int, stop: int, dtype: Any, *, products: bool
) -> Iterator[tuple[slice, Floats]]:
    """Rows, and a place to work in; more rows than features where matrices are multiplied.

    One buffer serves all blocks: fresh pages from the system cost more than the arithmetic.
    """
    features = X.shape[1]
    size = max(4 * features if products else 16, BLOCK_ENTRIES // features)
    buffer = np.empty((min(size, stop - start), features), dtype)
    for first in range(start, stop, size):
        rows = slice(first, min(first + size, stop))
        yield rows, buffer[: rows.stop - first]


@statistics.register("numpy")
def sum_rows(backend: Backend, covariance_type: str, X: Array, weights: Array) -> Moments:
    """Sum blocks, and merge them."""
    weights = weights.astype(np.float64, copy=False)
    add = functools.partial(merge, np)

    def part(start: int, stop: int) -> Moments:
        is_full = covariance_type == "full"
        these = blocks(X, start, stop, np.float64, products=is_full)
        found: Moments | None = None
        for rows, block in these:
            block[:] = X[rows]
            moments = block_moments(covariance_type, block, weights[rows])
            found = moments if found is None else add(found, moments)
        assert found is not None
        return found

    return functools.reduce(add, in_parts(part, X.shape))


def copied(X: Floats, out: Floats) -> Floats:
    """Rows that lie one after another: themselves, or their copy in ``out``."""
    if X.flags.c_contiguous:
        return X
    out[:] = X
    return out


def block_moments(covariance_type: str, apart: Floats, weights: Floats) -> Moments:
    """Moments of a few rows, which are overwritten.

    They are seen from the mean of some of them, so that next to nothing is lost when the sums are
    moved to the mean itself; and that from one of the rows, where a constant is exactly zero.
    """
    weight = weights.sum()
    is_equal = all_ones(weights)
    heaviest = apart[weights.argmax()].copy()
    sample = slice(None, None, -(-len(apart) // SAMPLE))
    share = weights[sample] / (weights[sample].sum() or 1.0)
    origin = heaviest + share @ (apart[sample] - heaviest)
    each_row(np.subtract, apart, origin)
    shift = (add_up(apart) if is_equal else weights @ apart) / (weight or 1.0)
    if covariance_type == "diag":
        apart *= apart
        squares = add_up(apart) if is_equal else weights @ apart
        return Moments(weight, origin + shift, np.maximum(squares - weight * shift * shift, 0))
    if not is_equal:
        apart *= np.sqrt(weights)[:, None]
    return Moments(weight, origin + shift, apart.T @ apart - weight * np.outer(shift, shift))


@log_density.register("numpy")
def score_rows(backend: Backend, gaussian: Gaussian, X: Array) -> Array:
    """Whiten blocks where they stand."""
    scores = np.empty(len(X), X.dtype)
    trmm = dtrmm if X.dtype == np.float64 else strmm
    mean, remainder, whitening, peak = gaussian
    is_full = whitening.ndim == 2
    whitening = whitening.astype(X.dtype, copy=False)
    turned = remainder @ whitening if is_full else remainder * whitening
    # |z − r|² = |z|² − 2 z·r + |r|²: the remainder is too small for its digits to matter, and near
    # the origin for all of it.
    matters = not np.sqrt(turned @ turned) < np.finfo(X.dtype).eps

    def part(start: int, stop: int) -> None:
        for rows, z in blocks(X, start, stop, X.dtype, products=is_full):
            each_row(np.subtract, copied(X[rows], z), mean, z)
            if is_full:
                # A triangular matrix has half the work: zᵀ becomes Wᵀ zᵀ where it stands.
                z = trmm(1.0, whitening.T, z.T, lower=1, overwrite_b=1).T
            else:
                each_row(np.multiply, z, whitening)
            np.einsum("ij,ij->i", z, z, out=scores[rows])
            if matters:
                scores[rows] -= 2 * (z @ turned)

    in_parts(part, X.shape)
    if matters:
        scores += turned @ turned
    scores[np.isnan(scores)] = np.inf
    scores *= -0.5
    scores += peak
    return scores
