"""Squared distances between rows and centers: as a matrix product, and directly where that fails.

The expanded form |x|² − 2 x·c + |c|² is one matrix product for all pairs, but its error is a
rounding of |x|² + |c|², however close x and c are. So small distances, and nearest centers that it
cannot tell apart, are computed directly as Σ (x − c)².

The mathematics is in docs/mathematics/k-means.md.
"""

from __future__ import annotations

import math
from typing import Any

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel

# Below this part of |x|² + |c|², a squared distance has lost digits to cancellation.
CANCELLED = 1e-3
# Of one operation in float64.
ROUNDING = 2.0**-53


def doubt(xp: Any, X: Array) -> float:
    """The error of an expanded squared distance, as a part of |x|² + |c|².

    A dot product of d terms errs by some √d roundings; four more go into the sums around it.
    """
    return (4 + math.sqrt(X.shape[1])) * float(xp.finfo(X.dtype).eps)


def squared_norms(xp: Any, X: Array) -> Array:
    """|x|² of each row, of shape (m,)."""
    return xp.sum(X * X, axis=-1)


def expanded(xp: Any, X: Array, norms: Array, centers: Array) -> Array:
    """|x|² − 2 x·c + |c|² for all pairs, of shape (m, k); rounding may make it negative."""
    return norms[:, None] + (squared_norms(xp, centers)[None, :] - 2 * (X @ centers.T))


def between(xp: Any, X: Array, centers: Array, labels: Array) -> Array:
    """Σ (x − c)² of each row and the center that its label names, of shape (m,), in float64."""
    gap = X - xp.take(centers, labels, axis=0)
    return xp.sum(gap * gap, axis=1, dtype=xp.float64)


@kernel
def directly(backend: Backend, X: Array, centers: Array, distances: Array, pending: Array) -> Array:
    """Σ (x − c)² in place of the pending entries of ``distances``, of shape (m, k).

    Each round computes the first pending entry of every row, so the rounds are as many as one row
    has pending entries, mostly none.
    """
    xp = backend.xp
    index = xp.arange(centers.shape[0], dtype=xp.int32)[None, :]
    last = xp.zeros_like(index) + (centers.shape[0] - 1)

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        distances, pending = state
        column = xp.min(xp.where(pending, index, last), axis=1)
        gap = X - xp.take(centers, column, axis=0)
        exact = xp.sum(gap * gap, axis=1)
        here = pending & (index == column[:, None])
        return xp.where(here, exact[:, None], distances), pending & ~here

    def done(state: tuple[Array, Array]) -> Array:
        return ~xp.any(state[1])

    return backend.while_loop(step, done, (distances, pending), centers.shape[0])[0]


@kernel
def squared_distances(backend: Backend, X: Array, norms: Array, centers: Array) -> Array:
    """Squared distances between all rows and all centers, of shape (m, k), none negative.

    ``norms`` is |x|² of each row. X should be near the origin: centred.
    """
    xp = backend.xp
    distances = expanded(xp, X, norms, centers)
    scale = norms[:, None] + squared_norms(xp, centers)[None, :]
    return directly(backend, X, centers, distances, distances <= CANCELLED * scale)


@kernel
def nearest(backend: Backend, X: Array, norms: Array, centers: Array) -> Array:
    """The index of the nearest center of each row, of shape (m,), int32; the lowest of several.

    Where the expanded form leaves several centers in question, these are compared directly, one
    after another. Distances that then differ by rounding only are equal, so that a row half-way
    between two centers has the same label whatever order a backend sums in.
    """
    xp = backend.xp
    distances = expanded(xp, X, norms, centers)
    scale = norms + xp.max(squared_norms(xp, centers))
    best = xp.min(distances, axis=1)
    close = distances <= (best + doubt(xp, X) * scale)[:, None]
    is_open = xp.sum(xp.astype(close, xp.int32), axis=1) > 1
    index = xp.arange(centers.shape[0], dtype=xp.int32)[None, :]

    def first(mask: Array) -> Array:
        # The last index stands in where there is none.
        return xp.min(xp.where(mask, index, xp.zeros_like(index) + (centers.shape[0] - 1)), axis=1)

    def compare(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        labels, best, pending = state
        rival = first(pending)
        exact = between(xp, X, centers, rival)
        here = pending & (index == rival[:, None])
        wins = xp.any(here, axis=1) & (exact < best - tie_margin(xp, X, exact, scale))
        return xp.where(wins, rival, labels), xp.where(wins, exact, best), pending & ~here

    def done(state: tuple[Array, Array, Array]) -> Array:
        return ~xp.any(state[2])

    start = (
        first(close),
        xp.full_like(norms, math.inf, dtype=xp.float64),
        close & is_open[:, None],
    )
    labels: Array = backend.while_loop(compare, done, start, centers.shape[0])[0]
    return labels


def tie_margin(xp: Any, X: Array, distances: Array, scale: Array) -> Array:
    """How far two direct squared distances may lie apart by rounding alone.

    With independent errors ε|x| and ε|c| in the entries of x and c, |x − c|² errs by some
    2 ε |x − c| (|x| + |c|) / √d; four times as much is rare. A sum of d squares in float64 errs by
    some √d roundings, and |x − c|² itself is at most twice the root below.
    """
    d = X.shape[1]
    factor = 8 * float(xp.finfo(X.dtype).eps) / math.sqrt(d) + 2 * math.sqrt(d) * ROUNDING
    return factor * xp.sqrt(distances * xp.astype(scale, xp.float64))
