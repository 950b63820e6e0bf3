"""K-means on the CPU: blocks sliced where they lie, and work only for the rows that need it.

Rows whose nearest center is in question, and rows that have changed their cluster, are few. Their
numbers are collected, and a loop over them is as long as there are such rows, so that shapes stay
what XLA compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import doubt, nearest, squared_norms
from accelml.cluster.lloyd import ClusterSums, State, lloyd, moved, repair, update
from accelml.cluster.rows import Centered, Points, centered, column_means, labels_of
from accelml_jax.blocks import is_on_cpu, map_blocks, visit_rows

# Entries of a block of rows and of its distances, which stay in the first caches unless rows are
# long, and rows that are moved to other clusters at a time.
BLOCK, CHUNK = 2**15, 1024
# Rows that are worth a block, short ones and, from so many features on, long ones.
SHORT_ROWS, LONG_ROWS, LONG = 512, 2048, 128
# Rows that are compared directly at a time.
FEW = 32
# Rows are multiplied as they are where their centers are at most this share of their features, and
# the square of their origin at most so many times their mean square from it.
FEW_CENTERS, NEAR = 1 / 32, 4


@nearest.register("jax")
def _nearest(backend: Any, X: Array, norms: Array, centers: Array) -> Array:
    if not is_on_cpu(backend):
        return nearest.generic(backend, X, norms, centers)
    xp = backend.xp
    squares = squared_norms(xp, centers)
    distances = squares[:, None] - 2 * (centers @ X.T)
    error = doubt(xp, X) * (norms + xp.max(squares))

    def of_rows(rows: Array) -> Array:
        x, norm = (xp.take(part, rows, axis=0, mode="clip") for part in (X, norms))
        return nearest.generic(backend, x, norm, centers)

    return settle(backend, distances, error, of_rows)


def settle(
    backend: Any, distances: Array, error: Array, of_rows: Callable[[Array], Array]
) -> Array:
    """The lowest of each column, from ``of_rows`` where others are as low to within the error.

    ``distances`` are (k, m), as XLA is the faster the longer the last axis is; what is the same for
    all centers may be left out.
    """
    xp = backend.xp
    k = distances.shape[0]
    is_close = distances <= (xp.min(distances, axis=0) + error)[None, :]
    index = xp.arange(k, dtype=xp.int32)[:, None]
    # XLA makes vector instructions of these, but not of argmin.
    first = xp.min(xp.where(is_close, index, k - 1), axis=0)
    last = xp.max(xp.where(is_close, index, 0), axis=0)

    def compare(labels: Array, rows: Array) -> Array:
        return labels.at[rows].set(of_rows(rows), mode="drop")

    labels: Array = visit_rows(backend, compare, first, first != last, FEW)
    return labels


def is_best_whole(points: Points, k: int) -> bool:
    """Whether rows should be multiplied as they lie, and all at once.

    Blocks of long rows are copies, which take longer than a product with a few centers. An origin
    that is near enough costs no more digits than ``whole`` allows for.
    """
    d = points.X.shape[1]
    if d < LONG or k > FEW_CENTERS * d:
        return False
    return float(points.origin @ points.origin) <= NEAR * float(points.norms.mean())


def whole(backend: Any, points: Points, centers: Array) -> Array:
    """The nearest center of each row, by one product; centers are given less the origin."""
    xp = backend.xp
    X, origin, norms, _ = points
    squares = squared_norms(xp, centers)
    distances = (squares + 2 * (centers @ origin))[:, None] - 2 * (centers @ X.T)
    # 2 |x| |c| ≤ |x|² + |c|² bounds a product, and |x|² is at most 2 |x − o|² + 2 |o|².
    error = doubt(xp, X) * (2 * (norms + xp.max(squares)) + 3 * (origin @ origin))

    def of_rows(rows: Array) -> Array:
        x, norm = (xp.take(part, rows, axis=0, mode="clip") for part in (X, norms))
        return nearest.generic(backend, x - origin, norm, centers)

    return settle(backend, distances, error, of_rows)


def block_rows(d: int, k: int) -> int:
    """How many rows of d features are looked at together, with k distances each."""
    return max(LONG_ROWS if d >= LONG else SHORT_ROWS, BLOCK // (d + k))


def label(
    backend: Backend, X: Array, origin: Array, centers: Array, norms: Array | None = None
) -> Array:
    """The nearest center of each row; centers are given less the origin, |x − origin|² if known."""
    xp = backend.xp

    def of_block(X: Array, *norms: Array) -> Array:
        X = X - origin
        return nearest(backend, X, norms[0] if norms else squared_norms(xp, X), centers)

    out = xp.zeros(X.shape[:1], dtype=xp.int32)
    known = () if norms is None else (norms,)
    return map_blocks(backend, of_block, out, block_rows(*centers.shape[::-1]), X, *known)


def measure(backend: Backend, X: Array) -> tuple[Array, Array, Array]:
    """The origin, |x − origin|² of each row, and the mean variance of the features."""
    xp = backend.xp
    n, d = X.shape
    mean = xp.sum(X, axis=0, dtype=xp.float64) / n
    origin = mean.astype(X.dtype)

    def of_block(X: Array) -> Array:
        return squared_norms(xp, X - origin)

    norms = map_blocks(backend, of_block, xp.zeros_like(X[:, 0]), block_rows(d, 0), X)
    residue = mean - origin
    variance = (xp.sum(norms, dtype=xp.float64) / n - xp.sum(residue * residue)) / d
    return origin, norms, variance


@centered.register("jax")
def _centered(backend: Backend, X: Array, weights: Array) -> Centered:
    """Compiled in parts, because what a compiled function returns of its arguments is a copy."""
    if not is_on_cpu(backend):
        return backend.compile(centered.generic, centered.static)(backend, X, weights)
    origin, norms, variance = backend.compile(measure, ("backend",))(backend, X)
    return Centered(Points(X, origin, norms, weights), variance)


_centered.is_in_parts = True  # type: ignore[attr-defined]


@labels_of.register("jax")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    if not is_on_cpu(backend):
        return labels_of.generic(backend, X, centers)
    origin = column_means(backend, centers)
    return label(backend, X, origin, centers - origin)


def keep_up(backend: Any, points: Points, total: Array, before: Array, labels: Array) -> Array:
    """The total of each cluster, (k, d) in float64, once rows have moved from one to another.

    A label of −1 is no cluster. XLA adds up rows on one core, but these are few.
    """
    xp = backend.xp
    n = points.X.shape[0]
    everything = points.X, points.weights, before, labels

    def add(total: Array, rows: Array) -> Array:
        x, weights, leaves, joins = (
            xp.take(part, rows, axis=0, mode="clip") for part in everything
        )
        weights = xp.where(rows < n, weights, 0)[:, None].astype(xp.float64)
        x = weights * (x - points.origin)
        # A negative index would count from the end.
        nowhere = total.shape[0]
        total = total.at[joins].add(x, mode="drop")
        return total.at[xp.where(leaves < 0, nowhere, leaves)].add(-x, mode="drop")

    kept: Array = visit_rows(backend, add, total, before != labels, CHUNK)
    return kept


def iterate(
    backend: Any, points: Points, state: State, tol: Array, limit: Array, is_whole: bool
) -> State:
    """Lloyd's loop, with totals in ``state.kept``."""
    xp = backend.xp
    k = state.centers.shape[0]

    def step(state: State) -> State:
        if is_whole:
            labels = whole(backend, points, state.centers)
        else:
            labels = label(backend, points.X, points.origin, state.centers, points.norms)
        total = keep_up(backend, points, state.kept, state.labels, labels)
        weights = points.weights.astype(xp.float64)
        weight = xp.zeros(k, dtype=xp.float64).at[labels].add(weights)
        sums = backend.jax.lax.cond(
            xp.all(weight > 0),
            lambda sums: sums,
            # XLA would take the distances out of the loop of one round, and always compute them.
            lambda sums: repair(backend, points, state.centers, labels, sums),
            ClusterSums(total, weight),
        )
        is_same = ~xp.any(labels != state.labels)
        after = moved(xp, state, update(xp, sums, state.centers), labels, is_same, tol)
        return after._replace(kept=total)

    def done(state: State) -> Array:
        return state.converged

    ended: State = backend.while_loop(step, done, state, limit)
    return ended


@lloyd.register("jax")
def _lloyd(backend: Any, points: Points, state: State, tol: Array, limit: Array) -> State:
    """Totals are kept up from one call to the next, by the rows that change.

    Not one program with their start, which only the first call has: that would compile twice.
    """
    if not is_on_cpu(backend):
        return backend.compile(lloyd.generic, lloyd.static)(backend, points, state, tol, limit)  # type: ignore[no-any-return]
    if isinstance(state.kept, tuple):
        total = backend.asarray(np.zeros(state.centers.shape))
        if (np.asarray(state.labels) >= 0).any():
            nowhere = backend.asarray(np.full(state.labels.shape, -1, np.int32))
            sum_up = backend.compile(keep_up, ("backend",))
            total = sum_up(backend, points, total, nowhere, state.labels)
        state = state._replace(kept=total)
    go_on = backend.compile(iterate, ("backend", "is_whole"))
    is_whole = is_best_whole(points, state.centers.shape[0])
    ended: State = go_on(backend, points, state, tol, limit, is_whole)
    return ended


_lloyd.is_in_parts = True  # type: ignore[attr-defined]
